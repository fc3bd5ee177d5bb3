// Package cli is lpipe's command line: the verbs, their help, and the wiring of the other packages.
//
// Results go to standard output, one path a line or JSON; everything else goes to standard error. Each verb is a
// file. [Main] is the whole program but for os.Exit.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"lpipe/internal/config"
	"lpipe/internal/deploy"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	_ "lpipe/internal/garbage" // sets how seldom it is collected
	"lpipe/internal/help"
	"lpipe/internal/interrupt"
	"lpipe/internal/login"
	"lpipe/internal/network"
	"lpipe/internal/progress"
	"lpipe/internal/project"
	"lpipe/internal/report"
	"lpipe/internal/trace"
	"lpipe/internal/usage"
)

// Streams are the standard streams of the process.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// app is what every verb needs of the process it runs in.
type app struct {
	Streams
	env   map[string]string
	trace *trace.Recorder      // nil unless --trace is given
	held  map[string]io.Closer // the folders with files of images that programs run on
	told  bool                 // the summary of the run was written, with what went wrong
}

// here is where the run starts.
func (a *app) here() (*project.Here, error) {
	if err := a.home(); err != nil {
		return nil, err
	}
	return project.NewHere(a.env, a.trace)
}

// open reads the projects that the arguments name, whose results are where out says.
func (a *app) open(args []string, all bool, out func(*project.Here) error, settings []config.Setting) (*project.Here, []*project.Project, error) {
	here, err := a.here()
	if err != nil {
		return nil, nil, err
	}
	if err := out(here); err != nil {
		return nil, nil, err
	}
	projects, err := here.Open(args, all, settings)
	return here, projects, err
}

// join reads how this run reaches the network. This process, the engine that it starts and the credential helpers that it
// calls reach it in that way from then on.
func (a *app) join(cfg *config.Config) (network.Joined, error) {
	joined, err := network.Join(cfg, a.env, login.Dir(lookup(a.env)))
	for name, value := range joined.Added {
		if setErr := os.Setenv(name, value); setErr != nil {
			err = errors.Join(err, fmt.Errorf("setting %s: %w", name, setErr))
		}
	}
	return joined, err
}

// say writes a line of lpipe's own to standard error.
func (a *app) say(line string) { foreign.Fprintf(a.Err, "lpipe: %s\n", line) }

// lookup is os.Getenv for an environment.
func lookup(env map[string]string) func(name string) string {
	return func(name string) string { return env[name] }
}

// Main runs lpipe with the arguments after the program's name and returns the exit status. The first interrupt
// cancels the run, which ends with status 130 and no partial file; the second ends the process at once.
func Main(args []string, s Streams, environ []string) int {
	ctx, stop := interrupt.Context(context.Background())
	defer stop()

	// BuildKit's client libraries log to the process's logger; what matters of it comes back as errors.
	logrus.SetOutput(io.Discard)
	out := &checkedWriter{Writer: s.Out}
	s.Out = out
	a := &app{Streams: s, env: map[string]string{}, held: map[string]io.Closer{}}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		a.env[name] = value
	}
	if _, set := a.env["LPIPE_PROGRESS"]; !set && slices.Contains(progress.Modes, a.env["BUILDKIT_PROGRESS"]) {
		a.env["LPIPE_PROGRESS"] = a.env["BUILDKIT_PROGRESS"]
	}
	root := a.root()
	if len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		a.completeFlags(root)
	}
	functions := false // the JSON of the verb lists functions, and not lambdas
	if verb, _, err := root.Find(args); err == nil {
		usage.TakeOnce(verb.Flags())
		functions = verb.Parent() == root && (verb.Name() == "deploy" || verb.Name() == "status")
	}
	root.SetArgs(args)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage.FlagError(cmd, args, err) })
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := context.Cause(ctx) // of an interrupt that came before anything was done
	if err == nil {
		err = root.ExecuteContext(ctx)
		if unwritten := out.fault(); unwritten != nil {
			if !errors.As(err, new(*fault.Error)) { // a verb says no more of it
				err = nil
			}
			err = errors.Join(err, unwritten)
		}
	}
	if err == nil {
		return 0
	}
	if ctx.Err() != nil && !errors.As(err, new(*fault.Error)) {
		err = &fault.Error{Kind: fault.Cancelled, What: "cancelled", Err: err, Fix: "run the command again"}
	}
	if status := exitStatus(0); errors.As(err, &status) {
		return int(status)
	}
	if !a.told {
		var summary report.Summary
		summary.End(err)
		a.annotate(summary)
		switch {
		case !wantsJSON(args) || out.err != nil:
		case functions:
			err = a.showOutcomes(nil, deploy.Plan{}, err, 0, true)
		default:
			err = errors.Join(err, report.JSON(s.Out, summary))
		}
	}
	fault.PrintOn(s.Err, err, screen(s.Err))
	return fault.Worst(err).ExitCode()
}

// wantsJSON reports whether the arguments ask for JSON, also where they cannot be read otherwise.
func wantsJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	wants := false
	for _, arg := range args {
		if arg == "--json" {
			wants = true
		} else if value, ok := strings.CutPrefix(arg, "--json="); ok {
			on, err := strconv.ParseBool(value)
			wants = on || err != nil && wants
		}
	}
	return wants
}

// screen is what of w a person sees at once: that of a terminal, or what fits anywhere.
func screen(w io.Writer) fault.Screen {
	if f, ok := w.(*os.File); ok {
		if columns, rows, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 && rows > 0 {
			return fault.Screen{Columns: columns, Rows: rows}
		}
	}
	return fault.Screen{Columns: 80, Rows: 24}
}

// root is the command tree.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "lpipe",
		Short:         "Build AWS Lambda functions written in Rust, in containers",
		Long:          intro,
		Annotations:   map[string]string{help.Notes: outro},
		SilenceErrors: true, // printed by Main, as what, why and fix
		SilenceUsage:  true, // a failed build is no reason to explain the flags
		Args:          usage.CheckVerb,
	}
	version := root.Flags().BoolP("version", "V", false, "print the versions of lpipe and of the BuildKit in it")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if *version {
			return a.printVersions()
		}
		return cmd.Help()
	}
	root.CompletionOptions.DisableDescriptions = true
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { fmt.Fprint(a.Out, help.Text(cmd, a.helpWidth())) })
	root.AddCommand(
		a.newCommand(),
		a.initCommand(),
		a.buildCommand(),
		a.testCommand(),
		a.invokeCommand(),
		a.examplesCommand(),
		a.serveCommand(),
		a.deployCommand(),
		a.rollbackCommand(),
		a.statusCommand(),
		a.logsCommand(),
		a.planCommand(),
		a.verifyCommand(),
		a.inventoryCommand(),
		a.symbolizeCommand(),
		a.sizeCommand(),
		a.renderCommand(),
		a.templateCommand(),
		a.hostkeysCommand(),
		a.cacheCommand(),
		a.engineCommand(),
		a.doctorCommand(),
		a.manCommand(),
		a.versionCommand(),
		a.superviseCommand(),
	)
	root.InitDefaultHelpFlag() // known before verbs are looked for: "lpipe -h build" is about build
	root.SetHelpCommand(helpCommand(root))
	cobra.EnableCommandSorting = false // the verbs are in the order of their use
	root.SetOut(a.Out)                 // which what prints completions takes now
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		completion.Long = ""
		completion.Use, completion.Short = "completion SHELL", "Print what makes a shell complete verbs, flags, lambdas and values"
	}
	usage.ExplainArgs(root)
	return root
}

// intro is what lpipe says of itself before the verbs, outro after them.
const intro = `lpipe builds AWS Lambda functions written in Rust, in containers, with BuildKit.
`

const outro = `A cargo package or workspace builds as it is; lpipe.toml changes what needs changing. Paths of the zips go to
standard output, one a line, and lpipe deploy puts them into functions on AWS.

Flags win over the environment (LPIPE_ARCH, LPIPE_PROFILE, ..., BUILDKIT_PROGRESS), the environment over lpipe.toml.

Exit status:
  0    done
  1    the build failed
  2    wrong usage or configuration
  3    no usable engine
  4    the program would not run on Lambda
  5    tests failed
  6    an image was not pushed or exported, or a lambda not deployed
  102  no space left
  130  cancelled
Where lambdas fail differently, the status is the last of theirs in this order: 1, 5, 4, 6, 3, 102, 2, 130.

"lpipe help VERB" lists the flags of a verb.
`
