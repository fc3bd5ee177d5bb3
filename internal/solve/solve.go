// Package solve runs the rendered Dockerfiles on an engine and reads the programs back.
//
// All lambdas of a run are solved in one session: shared steps run once, and one that fails leaves the others
// alone. Whatever happened, what did succeed is exported to the cache, so a failing test never costs the next
// run its compiled dependencies. Nothing is written to disk here.
package solve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
	"golang.org/x/sync/errgroup"

	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/progress"
	"lpipe/internal/trace"
)

// parallel bounds how many lambdas are prepared and read back at a time. The engine bounds what it runs.
const parallel = 16

// Job is one lambda to build.
type Job struct {
	Label      string             // how the lambda is named in progress and errors
	Platform   string             // what the program is for, such as "linux/arm64"; an engine on such a machine is preferred
	Dockerfile []byte             // of package dockerfile
	Stage      string             // the stage to build: dockerfile.StageLambda, StageBootstrap or StageTest
	Kind, Bin  string             // the program, as the Dockerfile's arguments
	Late       map[string]string  // values of plan.Variant.LateEnv, likewise
	SharedKey  string             // tells this user and workspace from others, who cannot guess it; their contexts never mix
	Owner      string             // tells this user and workspace from others in the list of what an engine keeps: hexadecimal
	Contexts   map[string]Context // by the names of package dockerfile; one value for all jobs that share it
	Base       *Layout            // the base image when it is an OCI layout
	Files      []string           // what to read of the stage, by path: at least one, each at most 8 MiB
	// Then, if set, is called with what was read of a stage that was made of what the contexts held when the run began, and may
	// read larger files. It returns what it makes of them, for the outcome; its error is the job's. It is called again where the
	// run begins anew.
	Then func(files map[string][]byte, read ReadFile) (any, error)
	// Size, if set, is how large the program is of which Then returned this.
	Size func(taken any) int64
	// Dependencies is how many crates the dependencies of the job are at most.
	Dependencies int

	mounts     map[string]string // by the context's name: its name in the session
	steps      []digest.Digest   // of the stage that is solved
	definition *pb.Definition    // likewise
	baseStore  string
}

// ReadFile reads a file of a stage by its name. accept is told its size first, and its error is returned before a byte is
// read.
type ReadFile func(name string, accept func(size int64) error) ([]byte, error)

// Context is a tree of files for the build.
type Context interface {
	fsutil.FS
	Paths() []string // of all files, sorted
	Digest() string  // of all that is sent
	Err() error      // what went wrong while it was sent; what was built from it must not be used
}

// Layout is an OCI image layout on this machine.
type Layout struct {
	Dir    string
	Digest digest.Digest // of the image's manifest or index
}

// Request is one run.
type Request struct {
	Jobs      []*Job
	CacheFrom []client.CacheOptionsEntry
	CacheTo   []client.CacheOptionsEntry
	NoCache   bool
	Session   []session.Attachable // credentials and the SSH agent
	// StallTimeout is after how much silence the run is given up, or tried again without imported caches, unless a
	// program in it is running; zero is never.
	StallTimeout time.Duration
	// Explain, if set, may replace the fault of a failed step; log is the step's output.
	Explain func(f *fault.Error, stage, log string) error
	// Setting, if set, says where a project's configuration names a program, as of [symptom.Step].
	Setting func(program string) string
	// Hidden, if set, returns the secrets that steps were given up to now, none of them empty. What steps print is shown
	// without them.
	Hidden func() []string
	Trace  *trace.Recorder // may be nil
	Graphs Graphs          // may be nil
	// Renew, set where the engine is the user's own, replaces it by a new one, with its cache or an empty one, and returns the
	// one that there is then, also with an error.
	Renew func(ctx context.Context, empty bool) (*client.Client, error)

	healed bool   // damage of the engine's cache was met, and is no reason for another attempt
	rerun  string // the stage to run again whatever the cache has

	restarts int // after the engine lost track of the build
}

// Outcome is what became of one job.
type Outcome struct {
	Files  map[string][]byte // those of the job, by name; nil when Err is set
	Taken  any               // what the job's Then returned; nil when Err is set
	Err    error
	Engine string // where it was solved, "" where there is only one engine
}

// Result is what became of a run.
type Result struct {
	Outcomes []Outcome // in the order of the jobs
	Warnings []string  // what went wrong and did not matter for the outcomes
	// Bases are the base images that were resolved, by their full names with tag or digest.
	Bases map[string]digest.Digest
	// CacheErr is set when everything was built and the cache could not be exported.
	CacheErr error
}

// Run solves the jobs with c and shows them on d, whose channel it closes. The error is about the run as a
// whole: the engine is gone or ctx was cancelled. Failures of single jobs are in their outcomes.
func Run(ctx context.Context, c *client.Client, r Request, d *progress.Display) (*Result, error) {
	defer close(d.Status())
	return run(ctx, c, r, d)
}

func run(ctx context.Context, c *client.Client, r Request, d *progress.Display) (*Result, error) {
	mounts, stores, err := contexts(r.Jobs)
	if err != nil {
		return nil, err
	}
	opt := client.SolveOpt{
		LocalMounts:  mounts,
		OCIStores:    stores,
		CacheExports: r.CacheTo,
		Session:      r.Session,
		// A run is not kept in the engine's history: nothing of lpipe reads it, and writing it costs more than a
		// build in which nothing changed.
		Internal: true,
	}
	var warnings []string
	for { // at most once more for each reason, and a few times where the engine loses track
		result, err := attempt(ctx, c, r, opt, d)
		var failed *importFailed
		var found *damaged
		switch {
		case errors.As(err, &failed):
			r.CacheFrom = nil
			warnings = append(warnings, withoutImports(failed))
		case errors.As(err, &found):
			var warning string
			if c, warning = found.heal(ctx, c, &r); warning != "" {
				d.Say("lpipe: %s", warning)
				warnings = append(warnings, warning)
			}
		case err != nil:
			return nil, err
		default:
			result.Warnings = append(result.Warnings, warnings...)
			return result, nil
		}
		d.Again()
	}
}

// solveAll solves every job and fills in result. It returns the result whose layers the cache export takes.
func solveAll(ctx context.Context, f *frontend, r Request, d *progress.Display, result *Result) (*gateway.Result, error) {
	eg, egctx := errgroup.WithContext(ctx)
	eg.SetLimit(parallel)
	for i, j := range r.Jobs {
		eg.Go(func() error {
			result.Outcomes[i] = one(egctx, f, j, d, r.Trace)
			if err := j.sendErr(); err != nil {
				result.Outcomes[i] = Outcome{Err: err}
			}
			d.End(j.Label, ended(j, result.Outcomes[i]))
			return egctx.Err()
		})
	}
	if err := eg.Wait(); err != nil {
		return nil, err
	}
	if failed := importFailure(r, result.Outcomes); failed != nil && ctx.Err() == nil {
		return nil, failed
	}
	if len(r.CacheTo) == 0 {
		return gateway.NewResult(), ctx.Err()
	}
	return marker(ctx, f, r, result)
}

// ended is what a terminal shows of an outcome.
func ended(j *Job, o Outcome) progress.Ended {
	e := progress.Ended{Err: o.Err}
	if o.Err == nil && j.Size != nil {
		e.Size = j.Size(o.Taken)
	}
	return e
}

// one solves one job and reads the files of its stage.
func one(ctx context.Context, f *frontend, j *Job, d *progress.Display, record *trace.Recorder) Outcome {
	end := record.Begin("convert " + j.Label)
	g, err := f.graph(ctx, j)
	end()
	if err != nil {
		return Outcome{Err: err}
	}
	j.steps, j.definition = g.steps(), g.request.Definition
	d.Own(j.Label, j.steps)
	steps := map[digest.Digest]progress.Known{}
	for step, known := range g.known {
		known.Most = j.Dependencies
		steps[step] = known
	}
	d.Know(steps)
	for step, image := range g.images {
		if n := f.images.count(image); n > 0 {
			d.Layers(step, n)
		}
	}
	end = record.Begin("steps of " + j.Label)
	res, err := f.gateway.Solve(ctx, g.request)
	end()
	if err != nil {
		return Outcome{Err: typed(err)}
	}
	ref, err := res.SingleRef()
	if err != nil {
		return Outcome{Err: err}
	}
	defer record.Begin("read back " + j.Label)()
	files, err := readFiles(ctx, ref, j.Files)
	var taken any
	if err == nil {
		err = j.sendErr()
	}
	if err == nil && j.Then != nil {
		taken, err = j.Then(files, func(name string, accept func(int64) error) ([]byte, error) {
			return readLarge(ctx, ref, name, accept)
		})
	}
	if err != nil {
		return Outcome{Err: err}
	}
	return Outcome{Files: files, Taken: taken}
}

// sendErr is what went wrong with the files of the job while they were sent.
func (j *Job) sendErr() error {
	for _, c := range j.Contexts {
		if err := c.Err(); err != nil {
			return err
		}
	}
	return nil
}

// marker solves a result that depends on every step which succeeded, and on nothing that failed: a cache
// export takes only the steps behind a result, and a failed solve exports nothing.
func marker(ctx context.Context, f *frontend, r Request, result *Result) (*gateway.Result, error) {
	all := llb.Scratch()
	keep := func(from llb.State, file, label string) {
		all = all.File(llb.Copy(from, file, path.Join("/", label)+"/", &llb.CopyInfo{CreateDestPath: true}),
			llb.WithCustomName("[cache] keep "+label))
	}
	var failed []*Job
	for i, j := range r.Jobs {
		if result.Outcomes[i].Err != nil {
			failed = append(failed, j)
			continue
		}
		state, err := stateOf(j.definition)
		if err != nil {
			return nil, err
		}
		keep(state, "/"+j.Files[0], j.Label)
	}
	type shared struct { // what decides about the step that compiles the dependencies
		dockerfile string
		skeleton   Context
	}
	var deps []shared
	for _, j := range failed {
		mine := shared{string(j.Dockerfile), j.Contexts[dockerfile.Skeleton]}
		if slices.Contains(deps, mine) {
			continue
		}
		g, err := f.draw(ctx, j, dockerfile.StageDeps, f.names(j))
		if err != nil {
			continue
		}
		state, err := stateOf(g.request.Definition)
		if err != nil {
			continue
		}
		if _, err := f.gateway.Solve(ctx, g.request); err != nil {
			continue
		}
		deps = append(deps, mine)
		keep(state, "/target/.rustc_info.json", fmt.Sprintf("deps-%d", len(deps)))
	}
	def, err := all.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	return f.gateway.Solve(ctx, gateway.SolveRequest{Definition: def.ToPB(), Evaluate: true})
}

// stateOf is what comes of steps, for others to take.
func stateOf(d *pb.Definition) (llb.State, error) {
	op, err := llb.NewDefinitionOp(d)
	if err != nil {
		return llb.State{}, fmt.Errorf("reading the build graph: %w", err)
	}
	return llb.NewState(op.Output()), nil
}

// contexts names the jobs' inputs for the session. Jobs that share a skeleton or a base share its name.
func contexts(jobs []*Job) (map[string]fsutil.FS, map[string]content.Store, error) {
	mounts, names := map[string]fsutil.FS{}, map[Context]string{}
	stores, layouts := map[string]content.Store{}, map[string]string{}
	for _, j := range jobs {
		j.mounts = map[string]string{}
		for _, name := range slices.Sorted(maps.Keys(j.Contexts)) {
			tree := j.Contexts[name]
			if names[tree] == "" {
				// No name of a lambda has a colon, so "api/arm64" and "api-arm64" are never taken for each other.
				names[tree] = name + "-" + strings.ReplaceAll(j.Label, "/", ":") + progress.OwnerMark + j.Owner
				sent, err := inFolder(tree)
				if err != nil {
					return nil, nil, err
				}
				mounts[names[tree]] = sent
			}
			j.mounts[name] = names[tree]
		}
		if j.Base == nil {
			continue
		}
		if layouts[j.Base.Dir] == "" {
			store, err := contentlocal.NewStore(j.Base.Dir)
			if err != nil {
				return nil, nil, fmt.Errorf("opening the base image %s: %w", j.Base.Dir, err)
			}
			name := fmt.Sprintf("%s-%d", dockerfile.BaseContext, len(layouts))
			layouts[j.Base.Dir], stores[name] = name, store
		}
		j.baseStore = layouts[j.Base.Dir]
	}
	return mounts, stores, nil
}

// inFolder is a context as it is sent: below [dockerfile.Folder].
func inFolder(c Context) (fsutil.FS, error) {
	top := types.Stat{Path: dockerfile.Folder, Mode: uint32(fs.ModeDir | 0o755)}
	return fsutil.SubDirFS([]fsutil.Dir{{Stat: &top, FS: c}})
}
