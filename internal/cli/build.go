package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/spf13/cobra"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/engine"
	"lpipe/internal/fault"
	"lpipe/internal/login"
	"lpipe/internal/plan"
	"lpipe/internal/progress"
	"lpipe/internal/reach"
	"lpipe/internal/report"
	"lpipe/internal/skeleton"
	"lpipe/internal/solve"
	"lpipe/internal/userkey"
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
	settings := settingFlags(cmd.Flags())
	pushSettings, pushes := func() []config.Setting { return nil }, func() (*pushing, error) { return nil, nil }
	if stage == dockerfile.StageLambda {
		pushSettings, pushes = pushFlags(cmd.Flags())
	}
	all := allFlag(cmd.Flags())
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object in place of paths")
	noCache := cmd.Flags().Bool("no-cache", false, "run every step again, and compile every dependency")
	rev := cmd.Flags().String("since", "", sinceUsage)
	ssh := listFlag(cmd.Flags(), "ssh", sshUsage)
	stall := cmd.Flags().Duration("stall-timeout", stallTimeout, "give up after a `TIME` in which nothing moved and no step was running; 0 waits for ever")
	traced := traceFlag(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		start := time.Now()
		finish, err := traced(a)
		if err != nil {
			return err
		}
		defer func() {
			if traceErr := finish(); traceErr != nil {
				err = errors.Join(err, traceErr)
			}
		}()
		push, err := pushes()
		if err != nil {
			return err
		}
		projects, err := a.open(args, *all, append(settings(), pushSettings()...))
		if err != nil {
			return err
		}
		r, err := a.newRun(projects, stage)
		if err != nil {
			return err
		}
		r.push, r.noCache, r.ssh, r.stall = push, *noCache, *ssh, *stall
		r.partial = r.partial || len(args) > 0 || *rev != ""
		if *rev != "" {
			if _, err := a.onlySince(cmd.Context(), projects, *rev, settings()); err != nil {
				return err
			}
			r.notes = append(r.notes, fmt.Sprintf("%d lambdas differ from %s", len(parts(projects)), *rev))
		}
		err = r.do(cmd.Context())
		if r.summary == nil {
			return err
		}
		r.summary.Seconds = time.Since(start).Seconds()
		if told := r.tell(err); told != nil {
			err = errors.Join(err, told)
		}
		if *asJSON {
			if jsonErr := report.JSON(a.Out, *r.summary); err == nil {
				err = jsonErr
			}
			return err
		}
		if r.cfg.Progress == "quiet" {
			r.summary.Kept = nil
		}
		report.Text(a.Err, *r.summary)
		for _, l := range r.summary.Lambdas {
			if l.Zip != "" {
				fmt.Fprintln(a.Out, l.Zip)
			}
		}
		return err
	}
	return cmd
}

// stallTimeout is longer than engines and registries are silent while they work: compressing the layers of a cache
// and unpacking those of a base image take a minute or two.
const stallTimeout = 5 * time.Minute

// run is one build or test, of one project or of several.
type run struct {
	*app
	cfg      *config.Config // for the engine, the caches and the keys, in which all projects agree
	projects []*project
	notes    []string // for the report
	laid     []part   // what request laid out, in the order of its jobs

	stage   string
	noCache bool
	partial bool          // not everything is built
	stall   time.Duration // of --stall-timeout
	push    *pushing      // nil for a test
	ssh     []string      // values of --ssh
	known   *login.Logins // made when they are first needed
	lines   sayer         // what the agent does, for the display
	folders map[*plan.Lambda]*folder
	secrets map[string][]byte // for the steps that mount them
	key     userkey.Key
	summary *report.Summary // set once there is something to report
}

func (a *app) newRun(projects []*project, stage string) (*run, error) {
	cfg, err := common(projects)
	r := &run{app: a, cfg: cfg, projects: projects, stage: stage, folders: map[*plan.Lambda]*folder{}, secrets: map[string][]byte{}}
	key, notice := a.userKey(projects)
	r.key = key
	if notice != "" {
		r.notes = append(r.notes, notice)
	}
	for _, p := range projects {
		r.notes = append(r.notes, p.plan.Notes...)
		r.partial = r.partial || p.plan.Partial
	}
	return r, err
}

func (r *run) do(ctx context.Context) error {
	if len(parts(r.projects)) == 0 { // nothing differs: no engine is needed to say so
		r.summary = &report.Summary{Notes: r.notes}
		return nil
	}
	request, err := r.request(ctx)
	if err != nil {
		return err
	}
	if err := r.imageNames(ctx); err != nil {
		return err
	}
	// Most builds of a lambda change nothing. One processor reads what there is while the other asks the engine.
	go func() {
		for _, f := range r.folders {
			f.Read()
		}
	}()
	end := r.trace.Begin("connect to the engine")
	engines, warnings, err := r.engines(ctx, r.cfg, r.stall)
	end()
	if err != nil {
		return err
	}
	var unfit fault.List
	var choices []engine.Choice
	for _, eng := range engines {
		defer eng.Close()
		choices = append(choices, eng.Description().Choice)
		unfit.Add(check(ctx, eng, request))
	}
	if err := unfit.Err(); err != nil {
		return err
	}

	if via := r.joined.Loopback(); via != "" && engines[0].Description().Kind != engine.Embedded {
		warnings = append(warnings, fmt.Sprintf("the proxy %s is one of this machine alone, and the steps of this engine may not reach it", via))
	}
	r.warm(choices, request)
	display, err := progress.Start(ctx, progress.Options{
		Out: r.Err, Mode: r.cfg.Progress, Rename: dockerfile.Title, Speaks: dockerfile.Speaks,
	})
	if err != nil {
		return err
	}
	r.lines.start(display)
	end = r.trace.Begin("solve")
	if eng := engines[0]; eng.Description().Kind == engine.Embedded {
		request.Renew = func(ctx context.Context) (*client.Client, error) { return r.renew(ctx, eng) }
	}
	result, err := r.solveOn(ctx, engines, *request, display)
	display.Wait()
	end()
	r.traceSteps(display)
	if err != nil {
		return err
	}

	r.summary = &report.Summary{Engine: string(engines[0].Description().Kind), Notes: r.notes, Warnings: warnings}
	r.summary.Steps, r.summary.Cached = display.Count()
	r.summary.Kept = kept(display.Steps())
	r.summary.Warnings = append(r.summary.Warnings, result.Warnings...)
	if result.CacheErr != nil {
		r.summary.CacheExportFailed = true
		r.summary.Warnings = append(r.summary.Warnings, "the cache was not exported: "+result.CacheErr.Error())
	}
	var l fault.List
	l.Add(cacheFault(request, result.CacheErr))
	seen := map[error]bool{}
	for i, part := range r.laid {
		p, lambda := part.project, part.lambda
		out, warnings, err := r.deliver(lambda, result.Outcomes[i])
		out.Base = resolvedBase(lambda, request.Jobs[i], result.Bases)
		if err != nil {
			out.Error = err.Error()
		} else if r.pushes(lambda) {
			err = r.pushImage(ctx, p, lambda, &out)
		}
		if err != nil {
			if !seen[err] {
				seen[err] = true
				l.Add(err)
			}
		}
		r.summary.Lambdas = append(r.summary.Lambdas, out)
		r.summary.Warnings = append(r.summary.Warnings, warnings...)
	}
	return l.Err()
}

// request renders and lays out everything that the engine is to solve. Nothing has been contacted yet.
func (r *run) request(ctx context.Context) (*solve.Request, error) {
	defer r.trace.Begin("contexts")()
	request := &solve.Request{NoCache: r.noCache, StallTimeout: r.stall, Trace: r.trace}
	var l fault.List
	jobs := map[*plan.Lambda]*solve.Job{}
	for _, p := range r.projects {
		l.Add(r.layOut(p, jobs))
	}
	r.laid = parts(r.projects)
	for _, part := range r.laid {
		request.Jobs = append(request.Jobs, jobs[part.lambda])
	}
	granted, notes, err := r.access(r.projects, r.ssh, r.secrets, r.lines.say)
	l.Add(err)
	r.notes = append(r.notes, notes...)
	if err == nil {
		request.Session, request.Explain, request.Hidden = granted.Session(), granted.Explain, granted.Hidden
	}
	request.Session = append(request.Session, r.logins().Session())
	l.Add(r.caches(ctx, request))
	return request, l.Err()
}

// layOut makes the jobs for the lambdas of a project.
func (r *run) layOut(p *project, jobs map[*plan.Lambda]*solve.Job) error {
	if len(p.plan.Variants) == 0 {
		return nil
	}
	skel, notes, err := skeleton.Make(p.plan.Workspace, p.plan.Reach)
	if err != nil {
		return err
	}
	r.note(notes)
	var l fault.List
	trees := map[string]*skeleton.Tree{}
	for _, v := range p.plan.Variants {
		text, err := dockerfile.Render(v)
		l.Add(err)
		base, err := baseLayout(v)
		l.Add(err)
		for _, lambda := range v.Lambdas {
			job := &solve.Job{
				Label: lambda.Label(), Platform: lambda.Platform(), Dockerfile: text, Base: base, Stage: r.stage, Kind: lambda.Kind, Bin: lambda.Bin,
				SharedKey: p.sharedKey(r.key), Contexts: map[string]solve.Context{dockerfile.Skeleton: skel},
			}
			if r.stage == dockerfile.StageLambda && !lambda.Build.Test {
				job.Stage = dockerfile.StageBootstrap
			}
			job.Files = dockerfile.SmallFiles(job.Stage)
			if r.stage == dockerfile.StageLambda {
				job.Then, err = r.taker(p, lambda)
				l.Add(err)
			}
			l.Add(r.layOver(p, job, trees, dockerfile.Closure, skeleton.Closure, lambda.Package))
			job.Contexts[dockerfile.Tests] = job.Contexts[dockerfile.Closure]
			if p.plan.Reach.TestsReadMore(p.plan.Workspace, []*cargo.Package{lambda.Package}) {
				l.Add(r.layOver(p, job, trees, dockerfile.Tests, skeleton.Tests, lambda.Package))
			}
			for i, set := range v.Libs {
				l.Add(r.layOver(p, job, trees, dockerfile.Libraries(i), skeleton.Libraries, set...))
			}
			jobs[lambda] = job
		}
	}
	return l.Err()
}

// maker makes a context from packages: [skeleton.Closure] or [skeleton.Libraries].
type maker func(*cargo.Workspace, *reach.Findings, []*cargo.Package, skeleton.Options) (*skeleton.Tree, []skeleton.Note, error)

// layOver gives the job a context with the real folders of pkgs and of what they depend on. trees are those made
// already, by the packages in them: lambdas of one package share a closure, and groups of lambdas their libraries.
func (r *run) layOver(p *project, job *solve.Job, trees map[string]*skeleton.Tree, name string, make maker, pkgs ...*cargo.Package) error {
	key := name
	for _, p := range pkgs {
		key += "\n" + p.Dir
	}
	if trees[key] == nil {
		tree, notes, err := make(p.plan.Workspace, p.plan.Reach, pkgs, skeleton.Options{})
		if err != nil {
			return err
		}
		r.note(notes)
		trees[key] = tree
	}
	job.Contexts[name] = trees[key]
	return nil
}

func (r *run) note(notes []skeleton.Note) {
	for _, n := range notes {
		if text := n.Package + ": " + n.Text; !slices.Contains(r.notes, text) {
			r.notes = append(r.notes, text)
		}
	}
}
