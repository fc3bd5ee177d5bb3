package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"lpipe/internal/build"
	"lpipe/internal/config"
	"lpipe/internal/deploy"
	"lpipe/internal/dockerfile"
	"lpipe/internal/emulator"
	"lpipe/internal/engine"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/project"
	"lpipe/internal/report"
	"lpipe/internal/runnable"
)

func (a *app) invokeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "invoke [NAME|PATH]",
		Short: "Run a built lambda once, on this machine",
		Long: `Run the zip that "lpipe build" made, as Lambda would, with one event, and print its answer. It is unpacked into a
folder of its own, and its bootstrap runs there, on this machine as this user, with the variables that Lambda sets and no
others. What the program started ends with it. With --isolate it runs in a container.

Only a zip that this lpipe built for you is run: one that came with a repository, or was changed since, is refused.

An answer goes to standard output and what the program prints to standard error; a function error is exit status 1. With --repeat a
table of the times goes to standard output instead: init, from the start of a process until it asks for an event; cold, what the
caller of a new process waits; warm, what the others wait.

With --remote the function on AWS is asked instead, which lpipe deploy put there, with the credentials, profile and region of AWS's own
tools.`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completeLambda,
	}
	settings := settingFlags(cmd.Flags(), aboutProject, 0)
	out := outFlag(cmd.Flags())
	event := eventFlags(cmd.Flags())
	run := runFlags(cmd.Flags())
	client := cmd.Flags().String("client-context", "", "`JSON` that the runtime gives the program as client context")
	repeat := repeatFlags(cmd.Flags())
	logType := cmd.Flags().String("log-type", logTypes[0], "`TYPE` of log: Tail prints Lambda's own lines too, with times and memory")
	builds := cmd.Flags().Bool("build", false, "build it first, as lpipe build does")
	tenant := cmd.Flags().String("tenant-id", "", "`ID` of the tenant that the event is for")
	remote := remoteFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := remote.useless(cmd.Flags()); err != nil {
			return err
		}
		given := settings()
		here, projects, err := a.open(args, false, out, given)
		if err != nil {
			return err
		}
		payload, err := event(a)
		if err != nil {
			return err
		}
		if *client != "" && emulator.CheckEvent([]byte(*client)) != nil {
			return &fault.Error{Kind: fault.Usage, What: "the client context is not JSON", Fix: "correct --client-context"}
		}
		if cmd.Flags().Changed("tenant-id") {
			if err := emulator.CheckTenant(*tenant); err != nil {
				return &fault.Error{Kind: fault.Usage, What: "--tenant-id " + fault.Quote(*tenant) + " is no id of a tenant", Err: err, Fix: "correct it, or leave it out"}
			}
		}
		running, runErr := run(a)
		calls, repeatErr := repeat()
		logged, ok := choice(logTypes, *logType)
		if !ok {
			runErr = errors.Join(runErr, &fault.Error{
				Kind: fault.Usage, What: "--log-type " + *logType + " is no type of log", Why: "there are " + strings.Join(logTypes, " and "), Fix: "correct it",
			})
		}
		if err := errors.Join(runErr, repeatErr); err != nil {
			return err
		}
		built := project.Functions(projects)
		if len(built) == 0 {
			return &fault.Error{
				Kind: fault.Usage, What: project.Targets(projects)[0].Lambda.Label() + " is an extension, which takes no events", Why: "it runs beside a function that has it in layers",
				Fix: "invoke that function",
			}
		}
		if len(built) != 1 {
			return &fault.Error{
				Kind: fault.Usage, What: fmt.Sprintf("there are %d lambdas to choose from", len(built)),
				Why: "one is invoked at a time", Fix: "name it: lpipe invoke " + built[0].Lambda.Name,
			}
		}
		if remote.asked {
			return a.invokeRemote(cmd.Context(), built[0], remote, deploy.Event{Payload: payload, ClientContext: *client, TenantID: *tenant}, logged == "Tail")
		}
		if err := running.Check(built[0].Lambda); err != nil {
			return err
		}
		if *builds {
			if err := a.buildFirst(cmd.Context(), here, projects, build.CommitsOf(here, given)); err != nil {
				return err
			}
		}
		program, clean, err := a.program(cmd.Context(), here, built[0].Config, built[0], running)
		if err != nil {
			return err
		}
		defer clean()
		if logged == "Tail" {
			program.Log = program.Stderr
		}
		e := emulator.Event{Payload: payload, ClientContext: *client, TenantID: *tenant}
		if calls.count > 1 {
			return a.repeat(cmd.Context(), program, e, calls)
		}
		return a.invoke(cmd.Context(), program, e)
	}
	return cmd
}

// buildFirst builds the lambdas of the projects as lpipe build does, and reports it.
func (a *app) buildFirst(ctx context.Context, here *project.Here, projects []*project.Project, commits build.Commits) error {
	cfg, err := here.Common(projects)
	if err != nil {
		return err
	}
	start := time.Now()
	key, notice := here.Key(projects)
	summary, err := a.build(ctx, here, projects, cfg, build.Options{
		Stage: dockerfile.StageLambda, Partial: true, StallTimeout: stallTimeout, Key: key, Commits: commits,
	})
	if summary == nil {
		return err
	}
	summary.Notes = distinct(slices.Concat(planNotes(projects, notice), summary.Notes))
	summary.Seconds = time.Since(start).Seconds()
	report.Text(a.Err, *summary)
	return err
}

// program is the lambda as the last build left it, for the emulator to run; clean removes it. cfg is the configuration of the run. The
// user is told what it is run in, and with what it is not as on AWS.
func (a *app) program(ctx context.Context, here *project.Here, cfg *config.Config, t project.Target, r runnable.Settings) (program emulator.Program, clean func(), err error) {
	program, warnings, clean, err := r.Program(ctx, here, t, []string{"/proc/self/exe", "supervise"}, a.shown(r))
	for _, w := range warnings {
		fmt.Fprintf(a.Err, "warning: %s\n", w)
	}
	if err != nil || r.Isolation == nil {
		return program, clean, err
	}
	image := r.Isolation.ImageFor(t.Lambda.Build.Runtime)
	root, err := a.imageRoot(ctx, cfg, image, t.Lambda.Arch)
	if err != nil {
		clean()
		return program, nil, &fault.Error{
			Kind: fault.Worst(err), What: "cannot get the files of the image " + image, Err: err,
			Fix: "name another one, from a registry that the engine reaches: --isolate --isolate-image IMAGE",
		}
	}
	foreign.Fprintf(a.Err, "lpipe: %s runs in a container with the files of %s: %s\n", t.Lambda.Label(), image, r.Isolation.Put(&program, root))
	return program, clean, nil
}

// imageRoot is a folder with the files of an image, which an engine of the configuration gets.
func (a *app) imageRoot(ctx context.Context, cfg *config.Config, image, arch string) (string, error) {
	joined, err := a.join(cfg)
	if err != nil {
		return "", err
	}
	o, err := a.engineOptions(cfg, joined)
	if err != nil {
		return "", err
	}
	opened, _, err := engine.OpenEach(ctx, o, engine.ChooseEach(o), nil)
	if err != nil {
		return "", err
	}
	for _, e := range opened {
		defer e.Close()
	}
	root, held, err := build.Root(ctx, opened[0], build.Logins(cfg, joined.Env, nil), image, arch, a.env)
	switch {
	case err != nil:
		return "", err
	case a.held[root] != nil: // by a program before
		held.Close()
	default:
		a.held[root] = held
	}
	return root, nil
}

// shown takes the lines that a program prints. Those on the terminal of whoever starts it are as they are; a log may be read by a CI
// system, and a program in a container has nothing to say to a terminal.
func (a *app) shown(r runnable.Settings) io.Writer {
	if f, ok := a.Err.(*os.File); ok && r.Isolation == nil && term.IsTerminal(int(f.Fd())) {
		return a.Err
	}
	return inert{a.Err}
}

// inert writes whole lines of a program as they may be shown.
type inert struct{ w io.Writer }

func (i inert) Write(p []byte) (int, error) {
	_, err := io.WriteString(i.w, foreign.Output(string(p)))
	return len(p), err
}

// superviseCommand is what lpipe invoke and lpipe serve start a program with.
func (a *app) superviseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "supervise DIR CONTAINER PROGRAM", Hidden: true, Args: cobra.MinimumNArgs(3), DisableFlagParsing: true,
		Short: "Run the program of lpipe invoke or serve, and remove its folder if lpipe was killed",
		RunE: func(_ *cobra.Command, args []string) error {
			var env []string
			for name, value := range a.env {
				env = append(env, name+"="+value)
			}
			abandoned, err := emulator.Supervise(args[1:], env)
			if err != nil {
				return &fault.Error{Kind: fault.Usage, What: "cannot supervise a program", Err: err, Fix: "lpipe invoke runs a lambda"}
			}
			if abandoned {
				return os.RemoveAll(args[0])
			}
			return nil
		},
	}
}

func (a *app) invoke(ctx context.Context, program emulator.Program, event emulator.Event) error {
	results, err := emulator.Run(ctx, program, event)
	if err != nil {
		return runnable.CannotRun(program.Name, err)
	}
	result := results[0]
	fmt.Fprintf(a.Out, "%s\n", bytes.TrimRight(result.Payload, "\n"))
	return runnable.Failed(program.Config, result)
}
