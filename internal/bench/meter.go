package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// meter reads the processor time of a control group and of all that ever ran below it.
type meter struct{ dir string }

// newMeter makes the place for what runs outside of the engine's containers and is to be counted like them.
func newMeter(dir string) (meter, error) {
	m := meter{dir}
	if err := os.MkdirAll(m.host(), 0o755); err != nil {
		return m, fmt.Errorf("making a control group: %w", err)
	}
	_, err := m.used()
	return m, err
}

func (m meter) host() string { return filepath.Join(m.dir, "host") }

// used is the processor time so far. Version 1 of control groups counts nanoseconds in a file of its own, version 2
// microseconds in cpu.stat.
func (m meter) used() (time.Duration, error) {
	text, err := os.ReadFile(filepath.Join(m.dir, "cpuacct.usage"))
	if err == nil {
		return parseUsage(string(text), time.Nanosecond)
	}
	text, err = os.ReadFile(filepath.Join(m.dir, "cpu.stat"))
	if err != nil {
		return 0, fmt.Errorf("reading the processor time: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "usage_usec "); ok {
			return parseUsage(value, time.Microsecond)
		}
	}
	return 0, fmt.Errorf("reading the processor time: no usage_usec in %s/cpu.stat", m.dir)
}

func parseUsage(text string, unit time.Duration) (time.Duration, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading the processor time: %w", err)
	}
	return time.Duration(n) * unit, nil
}
