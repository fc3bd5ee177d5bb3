// Command suite runs go test and accepts no skip: where all parts are installed, a test that skips has tested nothing.
//
// Its output is that of go test without -v: a line for each package, and all that a failed test printed. At the end it
// names the tests that took long, and those that were left out for being slow, as package require says it.
//
//	go run ./internal/testparts/suite ARGUMENT...   the arguments of go test
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "suite:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	// An interrupt from the terminal reaches go test as well, which then ends with what it has.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM)
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s := newSuite(out)
	for lines := bufio.NewReader(stdout); ; {
		line, err := lines.ReadBytes('\n')
		s.line(line)
		if err != nil {
			break
		}
	}
	tested := cmd.Wait()
	if err := s.end(); err != nil {
		return err
	}
	if tested != nil {
		return fmt.Errorf("go test: %w", tested)
	}
	return nil
}
