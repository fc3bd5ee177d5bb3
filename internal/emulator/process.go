package emulator

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// start starts the program. The end of ctx ends it with all that it started, and so does its own end. wait returns the
// error of its end once nothing of it is left, as far as this system allows.
func (p Program) start(ctx context.Context, path string, env []string) (wait func() error, err error) {
	if len(p.Supervisor) > 0 {
		wait, err = p.supervised(ctx, path, env)
	} else {
		wait, err = p.unsupervised(ctx, path, env)
	}
	if err != nil {
		return nil, fmt.Errorf("starting the program: %w", err)
	}
	return wait, nil
}

// command is the program, or another one that is to start it.
func (p Program) command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.Dir, env, p.Stdout, p.Stderr
	return cmd
}

// unsupervised starts the program as a child of this process. Of what it starts, that which leaves its process group outlives
// it, and all of it outlives this process where that is killed.
func (p Program) unsupervised(ctx context.Context, path string, env []string) (wait func() error, err error) {
	cmd := p.command(ctx, env, path)
	cmd.WaitDelay = time.Second // for the output of children that outlive the program
	killWithChildren(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() error {
		err := cmd.Wait()
		_ = cmd.Cancel() // children that it left behind; there are none as a rule
		if errors.Is(err, exec.ErrWaitDelay) {
			err = nil
		}
		return err
	}, nil
}

// killWithChildren makes the end of the command's context end its children too: they share a process group.
func killWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
