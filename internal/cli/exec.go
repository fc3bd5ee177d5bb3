package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"lpipe/internal/fault"
)

// execute runs the command of --exec with the variables by which AWS's SDKs find the lambdas.
func (s *serving) execute(ctx context.Context, served string, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out, s.Err
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	for name, value := range commandEnvironment(s.env, served) {
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

// commandEnvironment is the environment of a command that is to find the lambdas at the URL by AWS's SDKs.
func commandEnvironment(own map[string]string, served string) map[string]string {
	env := map[string]string{}
	maps.Copy(env, own)
	defaults := map[string]string{"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
	if env["AWS_ACCESS_KEY_ID"] == "" && env["AWS_PROFILE"] == "" {
		// SDKs sign what they send, and nobody here looks at the signature.
		maps.Copy(defaults, map[string]string{"AWS_ACCESS_KEY_ID": "lpipe", "AWS_SECRET_ACCESS_KEY": "lpipe"})
	}
	for name, value := range defaults {
		if env[name] == "" {
			env[name] = value
		}
	}
	env["AWS_ENDPOINT_URL_LAMBDA"] = served
	env["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "false" // what a shell or a profile says otherwise would lead to AWS itself
	// No proxy reaches this machine's loopback. Some programs read the one variable, some the other.
	proxied := slices.ContainsFunc([]string{"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}, func(name string) bool { return env[name] != "" })
	at, err := url.Parse(served)
	if !proxied || err != nil {
		return env
	}
	direct := cmp.Or(own["no_proxy"], own["NO_PROXY"])
	for _, name := range []string{"no_proxy", "NO_PROXY"} {
		env[name] = strings.TrimPrefix(cmp.Or(own[name], direct)+","+at.Hostname()+",localhost", ",")
	}
	return env
}

// exitStatus ends lpipe with the status of another program, which has said why.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }
