package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/cli/pkg/kvfile"
	"github.com/spf13/pflag"

	"lpipe/internal/emulator"
	"lpipe/internal/fault"
	"lpipe/internal/limits"
	"lpipe/internal/runnable"
)

// Values of --log-format and --log-type, in the case that AWS has them; any is taken.
var (
	logFormats = []string{string(emulator.LogText), string(emulator.LogJSON)}
	logTypes   = []string{"None", "Tail"}
)

// choice returns which of the choices a value is, in any case.
func choice(choices []string, value string) (string, bool) {
	i := slices.IndexFunc(choices, func(c string) bool { return strings.EqualFold(c, value) })
	if i < 0 {
		return "", false
	}
	return choices[i], true
}

// credentialVariables are those by which AWS's SDKs are given credentials.
var credentialVariables = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}

// mostManaged bounds the requests of an execution environment on Managed Instances:
// https://docs.aws.amazon.com/lambda/latest/api/API_LambdaManagedInstancesCapacityProviderConfig.html
const mostManaged = 1600

// runFlags declares the flags for running programs; the function returns what they say. All mistakes are reported at once.
func runFlags(f *pflag.FlagSet) func(*app) (runnable.Settings, error) {
	env := listFlag(f, "env", "`NAME=VALUE` in the environment of the program, or NAME to pass on that of this shell")
	files := listFlag(f, "env-file", "`FILE` with lines NAME=VALUE for the environment of the program, as for docker run")
	credentials := f.Bool("aws-credentials", false, "pass on the AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of this shell")
	memory := f.Int("memory", limits.LeastMemory, "the function's `MB`; a program that uses more is killed")
	timeout := f.Duration("timeout", 30*time.Second, "`TIME` after which an invocation fails")
	format := f.String("log-format", "", "`FORMAT` of Lambda's own lines, which the program is told too: Text or, as with --managed-concurrency, JSON")
	managed := f.Int("managed-concurrency", 0, "run as on Lambda Managed Instances, where a process has up to `N` requests at a time")
	isolate := f.Bool("isolate", false, "run the program in a container, with the files of AWS's image of its runtime")
	image := f.String("isolate-image", "", "`IMAGE` whose files it has instead, with --isolate: a reference, or oci-layout://DIR")
	network := f.String("isolate-network", runnable.Networks[0], "with --isolate, the `NETWORK` that it reaches: none, default for that of this machine with its loopback, or ports of that loopback alone, such as 5432,6379")
	storage := f.Int("ephemeral-storage", limits.LeastStorage, "with --isolate, the `MB` of /tmp")
	qemu := f.Bool("qemu", false, "run programs for the other architecture too, by this machine's qemu-aarch64 or qemu-x86_64")
	return func(a *app) (runnable.Settings, error) {
		var l fault.List
		r := runnable.Settings{QEMU: *qemu, Memory: *memory, Timeout: *timeout, Managed: *managed}
		if known, ok := choice(logFormats, *format); ok || *format == "" {
			r.Log = emulator.LogFormat(known)
		} else {
			l.Addf("--log-format "+*format+" is no format of Lambda's", "there are "+strings.Join(logFormats, " and "), "correct it")
		}
		r.Env = a.variables(*env, *files, &l)
		if *credentials {
			var passed []string
			for _, name := range credentialVariables {
				if a.env[name] != "" {
					passed = append(passed, name+"="+a.env[name])
				}
			}
			if len(passed) < 2 {
				l.Addf("--aws-credentials has nothing to pass on", "this shell has no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
					`eval "$(aws configure export-credentials --format env)" sets them from a profile`)
			}
			r.Env = slices.Concat(passed, r.Env)
		}
		if *memory < limits.LeastMemory || *memory > limits.MostMemory {
			l.Addf(fmt.Sprintf("--memory %d is no memory of a function", *memory), fmt.Sprintf("Lambda has %d to %d MB", limits.LeastMemory, limits.MostMemory), "correct it")
		}
		if f.Changed("managed-concurrency") && (*managed < 1 || *managed > mostManaged) {
			l.Addf(fmt.Sprintf("--managed-concurrency %d is no concurrency of Lambda's", *managed), fmt.Sprintf("there are 1 to %d", mostManaged), "correct it, or leave it out")
		}
		if *isolate {
			r.Isolation = &runnable.Isolation{Storage: *storage}
			var err error
			r.Isolation.Network, err = runnable.ParseNetwork(*network)
			l.Add(err)
			if *image != "" {
				r.Isolation.Image, err = runnable.ParseImage(*image)
				l.Add(err)
			}
		}
		for _, name := range []string{"isolate-image", "isolate-network", "ephemeral-storage"} {
			if f.Changed(name) && !*isolate {
				l.Addf("--"+name+" has no effect without --isolate", "", "add --isolate, or leave it out")
			}
		}
		if *storage < limits.LeastStorage || *storage > limits.MostStorage {
			l.Addf(fmt.Sprintf("--ephemeral-storage %d is no storage of a function", *storage), fmt.Sprintf("Lambda has %d to %d MB", limits.LeastStorage, limits.MostStorage), "correct it")
		}
		if *timeout <= 0 {
			l.Addf(fmt.Sprintf("--timeout %s leaves no time", *timeout), "", "give a time such as 30s")
		}
		return r, l.Err()
	}
}

// variables are those of --env and --env-file, the former over the latter. Mistakes are added to l.
func (a *app) variables(env, files []string, l *fault.List) (all []string) {
	lookup := func(name string) (string, bool) { v, ok := a.env[name]; return v, ok }
	for _, file := range files {
		lines, err := kvfile.Parse(file, lookup)
		if err != nil {
			l.Add(&fault.Error{Kind: fault.Usage, What: "reading --env-file " + file, Err: err, Fix: "name a file with a line NAME=VALUE for each variable"})
		}
		all = append(all, lines...)
	}
	for _, pair := range env {
		name, value, given := strings.Cut(pair, "=")
		if !given {
			if value, given = a.env[name]; !given {
				l.Addf("--env "+pair+" has no value", "this shell has no variable of that name", "write --env "+pair+"=VALUE")
			}
		}
		if name == "" {
			l.Addf(fmt.Sprintf("--env %q has no name", pair), "", "write --env NAME=VALUE")
		}
		all = append(all, name+"="+value)
	}
	return all
}
