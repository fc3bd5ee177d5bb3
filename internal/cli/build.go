package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lpipe/internal/build"
	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/program"
	"lpipe/internal/project"
	"lpipe/internal/report"
	"lpipe/internal/stack"
)

func (a *app) buildCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "build [NAME|PATH ...]",
		Short: "Build lambdas: target/lambda/NAME/bootstrap and bootstrap.zip",
		Long: `Build the lambdas named, or all of the workspace, and run their tests in the image. For each one whose tests
pass, target/lambda/NAME/ in the workspace root gets the program and the zip that Lambda takes; the path of the zip
is printed. A failure leaves the files of an earlier build untouched.

A NAME is that of a lambda or its package, a PATH a folder; both may be patterns such as 'api-*' or 'lambdas/*'. In the
folder of a workspace's member that member is meant, in a folder that holds projects and lies in none, all of them. They
are built in one run, each into its own target folder. A lambda whose name another project has too is called
FOLDER/NAME.

A cache in a registry whose name has no tag (--cache-from, --cache-to, [cache] in lpipe.toml) keeps a tag for each branch:
a build writes that of its branch, and reads it and that of the main branch. The branch is what the CI system or git
says; LPIPE_BRANCH says it for others. In CI (CI, BUILD_ID, GITHUB_ACTIONS and the like are set) the table [ci] of
lpipe.toml is laid over the rest, and GITHUB_STEP_SUMMARY and GITHUB_OUTPUT are written.

With --push each lambda becomes an image too, FROM scratch with the program as entry point; a push that fails ends the
run with status 6 and leaves the zip. Credentials are those of docker login.`,
	}
	return a.runCommand(cmd, dockerfile.StageLambda)
}

func (a *app) testCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test [NAME|PATH ...]",
		Short: "Run the tests of lambdas, in the image",
		Long:  "Run the tests of the lambdas named, or of all, with the steps and the cache of lpipe build. Writes no file.",
	}
	return a.runCommand(cmd, dockerfile.StageTest)
}

// runCommand makes cmd solve one stage for the lambdas it is given.
func (a *app) runCommand(cmd *cobra.Command, stage string) *cobra.Command {
	settings := settingFlags(cmd.Flags(), aboutBuild, 0)
	none := func() []config.Setting { return nil }
	noTest, pushSettings, pushes := none, none, func() (pushing, error) { return pushing{}, nil }
	if stage == dockerfile.StageLambda {
		noTest = noTestFlag(cmd.Flags())
		pushSettings, pushes = pushFlags(cmd.Flags())
	}
	out := func(*project.Here) error { return nil }
	if stage == dockerfile.StageLambda {
		out = outFlag(cmd.Flags())
	}
	all := allFlag(cmd.Flags())
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object in place of paths")
	noCache := cmd.Flags().Bool("no-cache", false, "run every step again, and compile every dependency")
	rev := cmd.Flags().String("since", "", sinceUsage)
	ssh := listFlag(cmd.Flags(), "ssh", sshUsage)
	stall := cmd.Flags().Duration("stall-timeout", stallTimeout, "give up after a `TIME` in which nothing moved and no step was running; 0 waits for ever")
	traced := traceFlag(cmd.Flags())
	timed := timingsFlag(cmd.Flags())
	junit := cmd.Flags().String("junit", "", "`FILE` to write the tests to, one by one, as JUnit does")
	codeQuality := cmd.Flags().String("code-quality", "", "`FILE` to write what failed and the compiler's warnings to, as a code quality report of GitLab")
	cmd.ValidArgsFunction = a.completeLambdas
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		start := time.Now()
		if *stall < 0 {
			return &fault.Error{Kind: fault.Usage, What: "--stall-timeout cannot be " + stall.String(), Fix: "give a time such as 5m, or 0 to wait for ever"}
		}
		finish, err := traced(a)
		if err != nil {
			return err
		}
		defer func() {
			if traceErr := finish(); traceErr != nil {
				err = errors.Join(err, traceErr)
			}
		}()
		timings := timed(a, strings.Join(append([]string{cmd.CommandPath()}, args...), " "))
		defer func() {
			if writeErr := timings.finish(err != nil); writeErr != nil {
				err = errors.Join(err, writeErr)
			}
		}()
		push, err := pushes()
		if err != nil {
			return err
		}
		push.files.JUnit, push.files.CodeQuality = *junit, *codeQuality
		here, err := a.here()
		if err != nil {
			return err
		}
		if err := out(here); err != nil {
			return err
		}
		given := slices.Concat(settings(), noTest())
		projects, broken, err := here.OpenMost(args, *all, slices.Concat(given, pushSettings()))
		defer func() { err = errors.Join(broken, err) }()
		if err != nil {
			return err
		}
		cfg, err := here.Common(projects)
		if err != nil {
			return err
		}
		if err := errors.Join(push.useless(cfg), push.files.Check(), a.checkJob(cfg.CI)); err != nil {
			return err
		}
		key, notice := here.Key(projects)
		notes := planNotes(projects, notice)
		if files := stack.Files(projects); len(files) > 0 && stage == dockerfile.StageLambda {
			_, said, err := stack.Check(here, projects, files, *all)
			if err != nil {
				return err
			}
			notes = append(notes, said...)
		}
		if *rev != "" {
			if projects, _, err = build.Changed(cmd.Context(), here, projects, *rev, given); err != nil {
				return err
			}
			notes = append(notes, differing(len(project.Targets(projects)), *rev))
		}
		if err := timings.open(here, project.Targets(projects)); err != nil {
			return err
		}
		summary := &report.Summary{} // when nothing differs, no engine is needed to say so
		if len(project.Targets(projects)) > 0 {
			stating, commits := build.Stating{}, build.CommitsOf(here, given)
			if stage == dockerfile.StageLambda {
				var unknown []string
				lpipe, _ := program.Versions()
				stating, unknown = build.NewStating(cmd.Context(), projects, commits, push.statements, lpipe)
				notes = append(notes, unknown...)
			}
			summary, err = a.build(cmd.Context(), here, projects, cfg, build.Options{
				Stating: stating, Commits: commits,
				Stage: stage, Partial: len(args) > 0 || *rev != "", NoCache: *noCache, StallTimeout: *stall, SSH: *ssh,
				Images: stage == dockerfile.StageLambda, Key: key, Cases: *junit != "",
			})
			if summary == nil {
				return err
			}
		}
		err, broken = errors.Join(broken, err), nil
		if timings.file != nil {
			name := here.Show(timings.file.Name())
			if writeErr := timings.finish(err != nil); writeErr != nil {
				err = errors.Join(err, writeErr)
			} else {
				notes = append(notes, "where the time went is in "+name)
			}
		}
		summary.Notes = distinct(append(notes, summary.Notes...))
		summary.Warnings = distinct(summary.Warnings)
		summary.Seconds = time.Since(start).Seconds()
		summary.End(err)
		if writeErr := a.writeOutputs(*summary, push.files, cfg.CI, err); writeErr != nil {
			err = errors.Join(err, writeErr)
			summary.End(err)
		}
		a.told = true
		a.annotate(*summary)
		if *asJSON {
			if jsonErr := report.JSON(a.Out, *summary); err == nil {
				err = jsonErr
			}
			return err
		}
		if cfg.Progress == "quiet" {
			summary.Kept = nil
			for i := range summary.CompilerWarnings {
				summary.CompilerWarnings[i].Text = ""
			}
		}
		report.Text(a.Err, *summary)
		for _, l := range summary.Lambdas {
			if l.Zip != "" {
				fmt.Fprintln(a.Out, l.Zip)
			}
		}
		for _, file := range layerZips(*summary) {
			fmt.Fprintln(a.Out, file)
		}
		return err
	}
	return cmd
}

// layerZips are the zips of the layers of all lambdas, each once.
func layerZips(s report.Summary) (all []string) {
	for _, l := range s.Lambdas {
		for _, layer := range l.Layers {
			all = append(all, layer.Zip)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// planNotes are what is to be said of a run before anything is built: the notice first.
func planNotes(projects []*project.Project, notice string) []string {
	var notes []string
	if notice != "" {
		notes = append(notes, notice)
	}
	for _, p := range projects {
		notes = append(notes, p.Plan.Notes...)
	}
	return notes
}

// distinct returns each text once: projects of one run have notes in common.
func distinct(all []string) (once []string) {
	for _, text := range all {
		if !slices.Contains(once, text) {
			once = append(once, text)
		}
	}
	return once
}

// build builds the lambdas of the projects. The summary is nil when there is nothing to report but the error.
func (a *app) build(ctx context.Context, here *project.Here, projects []*project.Project, cfg *config.Config, o build.Options) (*report.Summary, error) {
	joined, joinErr := a.join(cfg)
	engines, err := a.engineOptions(cfg, joined)
	if err != nil {
		return nil, err
	}
	engines.StallTimeout = o.StallTimeout
	o.Network, o.NetworkErr = joined, joinErr
	return build.Run(ctx, here, projects, cfg, o, engines, build.Display{
		Out: a.Err, Mode: cfg.Progress, Term: a.env["TERM"], NoColor: a.env["NO_COLOR"] != "",
	})
}

// stallTimeout is longer than engines and registries are silent while they work: compressing the layers of a cache
// and unpacking those of a base image take a minute or two.
const stallTimeout = 5 * time.Minute
