package emulator

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// process is a program that runs.
type process struct {
	wait      func() error // returns the error of its end once nothing of it is left, as far as this system allows
	terminate func()       // asks it to end
	all       func() []int // the program and what it has started, by their ids
	peak      func() int   // the most memory that the program has used, in kB, once it has ended; 0 before
	network   *ownNetwork  // nil where it has that of this machine
}

// launch is how a process is started.
type launch struct {
	supervisor     []string
	container      *container // nil for none
	runner         []string
	path, dir      string // in a container, the path is that within it
	env            []string
	stdout, stderr *os.File
}

// hasOwnNetwork reports whether the process does not have the network of this machine.
func (l launch) hasOwnNetwork() bool { return l.container != nil && !l.container.HostNetwork }

// start starts the process. The end of ctx ends it with all that it started, and so does its own end.
func (l launch) start(ctx context.Context) (*process, error) {
	if len(l.supervisor) > 0 {
		return l.supervised(ctx)
	}
	if l.container != nil {
		return nil, errors.New("a program without a supervisor cannot be isolated")
	}
	return l.unsupervised(ctx)
}

// program is the command line of the program.
func (l launch) program() []string { return append(slices.Clone(l.runner), l.path) }

// command is the program, or another one that is to start it.
func (l launch) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = l.dir, l.env, l.stdout, l.stderr
	return cmd
}

// unsupervised starts the program as a child of this process. Of what it starts, that which leaves its process group outlives
// it, and all of it outlives this process where that is killed.
func (l launch) unsupervised(ctx context.Context) (*process, error) {
	cmd := l.command(ctx, l.program()...)
	cmd.WaitDelay = time.Second
	killWithChildren(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{
		wait: func() error {
			err := cmd.Wait()
			_ = cmd.Cancel() // children that it left behind; there are none as a rule
			if errors.Is(err, exec.ErrWaitDelay) {
				err = nil
			}
			return err
		},
		terminate: func() { _ = cmd.Process.Signal(syscall.SIGTERM) },
		all:       func() []int { return append(descendants(cmd.Process.Pid), cmd.Process.Pid) },
		peak:      func() int { return 0 },
	}, nil
}

// killWithChildren makes the end of the command's context end its children too: they share a process group.
func killWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
