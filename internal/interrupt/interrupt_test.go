package interrupt

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// asProgram makes this test a program that is interrupted and goes on.
const asProgram = "LPIPE_TEST_INTERRUPTED"

// TestTheSecondInterruptEndsTheProcess: who does not want to wait for the end of a run does not have to.
func TestTheSecondInterruptEndsTheProcess(t *testing.T) {
	if os.Getenv(asProgram) != "" {
		ctx, stop := Context(context.Background())
		defer stop()
		fmt.Println("started")
		<-ctx.Done()
		fmt.Println("interrupted")
		time.Sleep(time.Minute)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestTheSecondInterruptEndsTheProcess$")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for _, want := range []string{"started", "interrupted"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("%q, want %q", lines.Text(), want)
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	_ = cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGINT || time.Since(start) > 30*time.Second {
		t.Errorf("%v after %s", cmd.ProcessState, time.Since(start))
	}
}
