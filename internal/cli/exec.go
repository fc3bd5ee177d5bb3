package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"time"

	"lpipe/internal/fault"
)

// execute runs the command of --exec with the variables by which AWS's SDKs find the lambdas.
func (s *serving) execute(ctx context.Context, url string, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out, s.Err
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = []string{"AWS_ENDPOINT_URL_LAMBDA=" + url}
	defaults := map[string]string{"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
	if s.env["AWS_ACCESS_KEY_ID"] == "" && s.env["AWS_PROFILE"] == "" {
		// SDKs sign what they send, and nobody here looks at the signature.
		maps.Copy(defaults, map[string]string{"AWS_ACCESS_KEY_ID": "lpipe", "AWS_SECRET_ACCESS_KEY": "lpipe"})
	}
	for name, value := range defaults {
		if s.env[name] == "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	for name, value := range s.env {
		if name != "AWS_ENDPOINT_URL_LAMBDA" && !(value == "" && defaults[name] != "") {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
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
