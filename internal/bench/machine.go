package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// machine describes where the numbers come from.
func machine() string {
	model := value(read("/proc/cpuinfo"), "model name")
	if model == "" {
		model = runtime.GOARCH
	}
	kib, _, _ := strings.Cut(value(read("/proc/meminfo"), "MemTotal"), " ")
	memory, _ := strconv.Atoi(kib) // as read: unknown is 0
	return fmt.Sprintf("%s, %d cores, %d GiB, Linux %s", model, runtime.NumCPU(), (memory+1<<19)>>20, strings.TrimSpace(read("/proc/sys/kernel/osrelease")))
}

// loadAverage is the number of busy processes over the last minute.
func loadAverage() string {
	one, _, _ := strings.Cut(read("/proc/loadavg"), " ")
	return one
}

// value finds "key : value" in a file of /proc; it is empty when there is no such key.
func value(text, key string) string {
	for line := range strings.Lines(text) {
		name, v, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func read(path string) string {
	text, _ := os.ReadFile(path) // what is unknown is left out of the description
	return string(text)
}
