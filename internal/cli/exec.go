package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"lpipe/internal/fault"
	"lpipe/internal/serve"
)

// execute runs the command of --exec with the variables by which AWS's SDKs find the lambdas.
func (s *serving) execute(ctx context.Context, served string, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out, s.Err
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	for name, value := range serve.Environment(s.env, served) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	err := cmd.Run()
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &ended) && ended.Exited():
		return exitStatus(ended.ExitCode())
	case err != nil:
		return &fault.Error{Kind: fault.Usage, What: "cannot run the command of --exec", Err: err, Fix: "correct it: lpipe serve --exec -- COMMAND"}
	}
	return nil
}

// exitStatus ends lpipe with the status of another program, which has said why.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }
