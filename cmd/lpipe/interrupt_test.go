//go:build linux

package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAnInterruptAsLpipeStarts: one that comes while most of the program is not initialised yet ends it in order, and
// nothing is done. Go writes a line for each package that it initialises; a pipe that is nearly full holds it there.
func TestAnInterruptAsLpipeStarts(t *testing.T) {
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		size, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096)
		if err != nil || size > 4096 {
			t.Fatalf("the pipe holds %d bytes: %v", size, err)
		}
		var stdout bytes.Buffer
		cmd := exec.Command(filepath.Join(bin, "lpipe"), "help")
		cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
		cmd.Stdout, cmd.Stderr = &stdout, w
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		lines := bufio.NewReaderSize(r, 16) // the rest stays in the pipe
		var before []string
		for len(before) == 0 || !strings.HasPrefix(before[len(before)-1], "init lpipe/internal/interrupt ") {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("the package that catches interrupts is not initialised: %v", err)
			}
			before = append(before, line)
		}
		// Any package between the two would be time in which an interrupt kills.
		if last := before[len(before)-2]; !strings.HasPrefix(last, "init os/signal ") {
			t.Errorf("initialised between os/signal and the package that catches interrupts: %s", last)
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(lines)
		if err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != 130 || stdout.Len() > 0 || !bytes.Contains(rest, []byte("\nlpipe: error: cancelled\n")) {
			t.Errorf("%v: %v, standard output %q, standard error\n%s", signal, cmd.ProcessState, stdout.String(), rest)
		}
		r.Close()
	}
}
