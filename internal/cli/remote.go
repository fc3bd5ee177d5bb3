package cli

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"lpipe/internal/awsapi"
	"lpipe/internal/deploy"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/project"
)

// remote is how lpipe invoke asks the function on AWS.
type remote struct {
	asked     bool
	qualifier string
	account   *awsapi.Options
}

// remoteFlags declares the flags that have lpipe invoke ask AWS.
func remoteFlags(f *pflag.FlagSet) *remote {
	r := &remote{account: awsFlags(f)}
	f.BoolVarP(&r.asked, "remote", "R", false, "invoke the function on AWS, with the code that it has")
	f.StringVar(&r.qualifier, "qualifier", "", "with --remote, the `VERSION` or alias; that of [deploy] in lpipe.toml otherwise")
	return r
}

// Flags of lpipe invoke that matter on this machine alone, and on AWS alone.
var (
	localFlags = []string{
		"aws-credentials", "build", "concurrency", "env", "env-file", "ephemeral-storage", "isolate", "isolate-image", "isolate-network", "log-format", "managed-concurrency", "memory",
		"out-dir", "qemu", "repeat", "timeout",
	}
	accountFlags = []string{"endpoint-url", "profile", "qualifier", "region"}
)

// useless refuses flags that would have no effect.
func (r *remote) useless(f *pflag.FlagSet) error {
	var l fault.List
	f.Visit(func(flag *pflag.Flag) {
		switch {
		case r.asked && slices.Contains(localFlags, flag.Name):
			l.Addf("--"+flag.Name+" has no effect with --remote", "it is for programs that run on this machine", "leave one of the two out; lpipe deploy changes what a function has on AWS")
		case !r.asked && slices.Contains(accountFlags, flag.Name):
			l.Addf("--"+flag.Name+" has no effect without --remote", "the program runs on this machine", "add --remote, or leave it out")
		}
	})
	return l.Err()
}

// invokeRemote sends an event to the function that a lambda is deployed as.
func (a *app) invokeRemote(ctx context.Context, t project.Target, r *remote, event deploy.Event, tail bool) error {
	aws, err := a.aws(ctx, t.Config, *r.account)
	if err != nil {
		return err
	}
	d := t.Config.Deploy(t.Lambda.Name, t.Lambda.Arch)
	version := r.qualifier
	if version == "" {
		version = d.Alias
	}
	name := d.Function
	if version != "" {
		name += ":" + version
	}
	foreign.Fprintf(a.Err, "lpipe: invoking %s on AWS, in %s\n", name, aws.Region)
	answer, err := aws.Invoke(ctx, d.Function, version, event)
	if err != nil {
		return err
	}
	if tail && answer.Log != "" {
		fmt.Fprint(a.Err, foreign.Text(answer.Log))
	}
	fmt.Fprintf(a.Out, "%s\n", bytes.TrimRight(answer.Payload, "\n"))
	if answer.FunctionError != "" {
		return &fault.Error{Kind: fault.Build, What: name + " failed", Why: answer.FunctionError, Fix: "the answer says why, and lpipe logs " + t.Lambda.Name + " what it printed"}
	}
	return nil
}
