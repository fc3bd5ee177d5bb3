package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/project"
	"lpipe/internal/scaffold"
	"lpipe/internal/site"
)

// aboutNew is what the help of both verbs says of what they write.
const aboutNew = `Written are the package with a handler, tests and a sample event, lpipe.toml, a deployment template, a file for CI
if one is wanted, .gitignore, and Cargo.lock with the versions that this lpipe was released with, so that it builds on a machine
without cargo.

On a terminal each flag that is not given is asked for; elsewhere, and with --no-interactive, its default is taken, and said. The
names of the files that were written go to standard output, one a line.`

func (a *app) newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Write a new lambda, which builds, passes its tests and answers",
		Long: `Write a new lambda into a folder NAME, which must not be there, or be empty. In a cargo workspace it becomes a member.

` + aboutNew,
		Args: cobra.ExactArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
	}
	answers := answerFlags(cmd.Flags())
	from := fromFlags(cmd.Flags(), "")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		own, err := from()
		if err != nil {
			return err
		}
		here, err := a.here()
		if err != nil {
			return err
		}
		return a.scaffold(cmd.Context(), here, here.Abs(args[0]), false, answers, own)
	}
	return cmd
}

func (a *app) initCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init [PATH]",
		Short: "Write what a folder lacks of a lambda's project",
		Long: `Write a new lambda into a folder, the current one unless PATH names another, with the folder's name. Nothing that is there is
changed: in a cargo project only what is missing is added, for all its lambdas, and what was left alone is listed.

` + aboutNew,
		Args: cobra.MaximumNArgs(1),
	}
	answers := answerFlags(cmd.Flags())
	from := fromFlags(cmd.Flags(), "; or "+fromCargoLambda+", to write lpipe.toml with the settings that a project has for that")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		own, err := from()
		if err != nil {
			return err
		}
		here, err := a.here()
		if err != nil {
			return err
		}
		dir := here.Abs(append(args, ".")[0])
		if own.From == fromCargoLambda {
			return a.fromCargoLambda(here, dir, cmd.Flags())
		}
		return a.scaffold(cmd.Context(), here, dir, true, answers, own)
	}
	return cmd
}

// fromFlags declares the flags for templates of the user's own. The function returns what they say.
func fromFlags(f *pflag.FlagSet, also string) func() (site.Template, error) {
	from := f.String("from", "", "`SOURCE` of a template of your own: a folder, the https or ssh URL of a git repository, or gh:OWNER/NAME"+also)
	rev := f.String("rev", "", "`REVISION` of that repository: a branch, a tag or a commit")
	set := listFlag(f, "set", "`NAME=VALUE` that the template calls .Set.NAME")
	return func() (site.Template, error) {
		o := site.Template{From: *from, Rev: *rev, Set: map[string]string{}}
		var l fault.List
		if f.Changed("from") && *from == "" {
			l.Addf("--from is empty", "", "name a folder, . for the current one, or a repository")
		}
		if *from == "" && (*rev != "" || len(*set) > 0) {
			l.Addf("--rev and --set are for --from", "", "leave them out, or name the template")
		}
		for _, pair := range *set {
			name, value, ok := strings.Cut(pair, "=")
			if !ok || name == "" {
				l.Addf("--set cannot be "+fault.Quote(pair), "", "write it as NAME=VALUE")
			}
			o.Set[name] = value
		}
		return o, l.Err()
	}
}

// fromCargoLambda is the source of lpipe init that is no template.
const fromCargoLambda = "cargo-lambda"

// fromCargoLambda writes the lpipe.toml for what a project has for cargo-lambda.
func (a *app) fromCargoLambda(here *project.Here, dir string, f *pflag.FlagSet) error {
	var l fault.List
	f.Visit(func(given *pflag.Flag) {
		if given.Name != "from" && given.Name != "no-interactive" {
			l.Addf("--"+given.Name+" has no effect with --from "+fromCargoLambda, "lpipe.toml alone is written", "leave it out; lpipe init adds the other files")
		}
	})
	if err := l.Err(); err != nil {
		return err
	}
	w, err := site.FromCargoLambda(here, dir)
	if err != nil {
		return err
	}
	for _, name := range w.Created {
		fmt.Fprintln(a.Out, here.Show(name))
	}
	for _, note := range w.Notes {
		foreign.Fprintf(a.Err, "note: %s\n", note)
	}
	fmt.Fprintln(a.Err, "lpipe: builds note the settings of cargo-lambda until they are removed; lpipe plan shows what is built now")
	return nil
}

// answerFunc completes the answers about a new lambda, of which something may be wrong already. It returns what to say of those that are defaults.
type answerFunc func(ctx context.Context, a *app, of scaffold.Answers, wrong error, asked func(scaffold.Question) bool) (scaffold.Answers, string, error)

// answerFlags declares a flag for each question. The function refuses all bad values at once, before anything is asked.
func answerFlags(f *pflag.FlagSet) answerFunc {
	values := map[string]*string{}
	yes := map[string]*bool{}
	for _, q := range scaffold.Questions {
		if q.Choices == nil {
			yes[q.Flag] = f.Bool(q.Flag, false, q.Doc)
			continue
		}
		doc := q.Doc
		if !strings.Contains(doc, ": ") {
			doc += ": " + strings.Join(q.Choices, ", ")
		}
		values[q.Flag] = f.String(q.Flag, q.Default, doc)
	}
	silent := f.Bool("no-interactive", false, "ask nothing, also on a terminal")
	return func(ctx context.Context, a *app, of scaffold.Answers, wrong error, asked func(scaffold.Question) bool) (scaffold.Answers, string, error) {
		var l fault.List
		l.Add(wrong)
		for _, q := range scaffold.Questions {
			if value, text := values[q.Flag]; text && f.Changed(q.Flag) {
				l.Add(q.Answer(&of, *value))
			} else if !text {
				l.Add(q.Answer(&of, fmt.Sprint(*yes[q.Flag])))
			}
		}
		if of.HTTP && f.Changed("event-type") {
			l.Addf("--http and --event-type cannot be combined", "a lambda that answers HTTP takes the events of function URLs and API Gateway", "leave one of them out")
		}
		if err := l.Err(); err != nil {
			return of, "", err
		}
		in := bufio.NewReader(a.In)
		interactive := !*silent && a.onTerminal()
		var defaults []string
		for _, q := range scaffold.Questions {
			if f.Changed(q.Flag) || !q.Asked(of) {
				continue
			}
			initial := q.Initial(of)
			if interactive && asked(q) {
				if err := a.ask(ctx, in, q, &of, initial); err != nil {
					return of, "", err
				}
				continue
			}
			if err := q.Answer(&of, initial); err != nil {
				return of, "", err
			}
			if asked(q) {
				defaults = append(defaults, q.Given(of))
			}
		}
		return of, strings.Join(defaults, " "), nil
	}
}

// onTerminal reports whether somebody can be asked.
func (a *app) onTerminal() bool {
	in, ok := a.In.(*os.File)
	out, alsoOut := a.Err.(*os.File)
	return ok && alsoOut && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd()))
}

// ask asks until there is an answer; the end of the input and an empty line are the initial one.
func (a *app) ask(ctx context.Context, in *bufio.Reader, q scaffold.Question, answers *scaffold.Answers, initial string) error {
	choices := ": " + strings.Join(q.Choices, ", ") + " [" + initial + "]"
	if q.Choices == nil {
		choices = " [y/N]"
	}
	for {
		fmt.Fprintf(a.Err, "%s%s? ", q.Text, choices)
		type read struct {
			line string
			err  error
		}
		answered := make(chan read, 1)
		go func() {
			line, err := in.ReadString('\n')
			answered <- read{line, err}
		}()
		var r read
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case r = <-answered:
		}
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return fmt.Errorf("reading the answer: %w", r.err)
		}
		value := strings.TrimSpace(r.line)
		if value == "" {
			value = initial
		}
		err := q.Answer(answers, value)
		if err == nil || r.err != nil {
			return err
		}
		var f *fault.Error
		if errors.As(err, &f) {
			fmt.Fprintf(a.Err, "%s\n", f.Fix)
		}
	}
}

// scaffold writes what is missing of a lambda in a folder. existing says that there may be something.
func (a *app) scaffold(ctx context.Context, here *project.Here, dir string, existing bool, complete answerFunc, own site.Template) error {
	at, err := site.Find(here, dir, existing)
	if err != nil {
		return err
	}
	of := scaffold.Answers{Name: filepath.Base(dir)}
	if len(at.Arches) > 0 {
		of.Arch = at.Arches[0]
	}
	var nameErr error
	if !at.Present {
		nameErr = of.CheckName()
		var f *fault.Error
		if existing && errors.As(nameErr, &f) { // the folder is there
			f.Fix = "rename the folder; " + f.Fix
		}
	}
	asked := func(q scaffold.Question) bool { return own.From == "" && at.Asks(q) } // a template says itself what it wants: by --set
	of, defaults, err := complete(ctx, a, of, nameErr, asked)
	if err != nil {
		return err
	}
	if err := at.Check(here, of); err != nil {
		return err
	}
	if defaults != "" {
		fmt.Fprintf(a.Err, "lpipe: by default: %s\n", defaults)
	}
	w, err := at.Write(ctx, here, of, own)
	if err != nil {
		return err
	}
	for _, name := range w.Created {
		if _, err := fmt.Fprintln(a.Out, here.Show(name)); err != nil {
			return fmt.Errorf("writing the names of the files: %w", err)
		}
	}
	for _, name := range w.Left {
		foreign.Fprintf(a.Err, "lpipe: left alone: %s\n", here.Show(name))
	}
	for _, note := range w.Notes {
		foreign.Fprintf(a.Err, "note: %s\n", note)
	}
	next := at.Next(here, of)
	if own.From != "" || next == nil {
		return nil
	}
	fmt.Fprintln(a.Err, "lpipe: next:")
	for _, command := range next {
		foreign.Fprintf(a.Err, "  %s\n", command)
	}
	return nil
}
