//go:build unix

package emulator

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestChildrenDieWithTheProgram: where there is no supervisor, those in the process group end with it.
func TestChildrenDieWithTheProgram(t *testing.T) {
	var stdout buffer
	run(t, program(t, "orphan", func(p *Program) { p.Stdout, p.Supervisor = &stdout, nil }), Event{})
	line, _, _ := strings.Cut(stdout.String(), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		stat, err := os.ReadFile("/proc/" + line + "/stat")
		if errors.Is(err, os.ErrNotExist) && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("process %d lives on", pid)
}
