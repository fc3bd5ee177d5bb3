package build

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"lpipe/internal/artifact"
	"lpipe/internal/attest"
	"lpipe/internal/cargo"
	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/reach"
	"lpipe/internal/skeleton"
	"lpipe/internal/solve"
	"lpipe/internal/trace"
	"lpipe/internal/userkey"
)

// prepare makes the targets of a project, in any order, with the job of each. The notes are for the report.
func prepare(
	ctx context.Context, here *project.Here, p *project.Project, o Options, w warming,
) (targets []Target, notes, warnings []string, err error) {
	if len(p.Plan.Variants) == 0 {
		return nil, nil, nil, nil
	}
	texts := render(p.Plan.Variants)
	c, skel, err := newContexts(p)
	if err != nil {
		return nil, nil, nil, err
	}
	shared, refused := sharedKey(p, o.Key), map[string]bool{}
	foreign := p.Plan.Workspace.Lock.Foreign()
	var l fault.List
	about, err := o.Stating.stating(here, p, o.Images && p.Config.Push)
	l.Add(err)
	late := lateValues{project: p, commits: o.Commits}
	include := map[string][]artifact.Entry{} // by lambda, which may be built for several architectures
	for i, v := range p.Plan.Variants {
		text, err := texts[i]()
		l.Add(err)
		text = w.own(text, p, o.Key)
		base, err := BaseLayout(v)
		l.Add(err)
		for _, lambda := range v.Lambdas {
			job := &solve.Job{
				Label: lambda.Label(), Platform: lambda.Platform(), Dockerfile: text, Base: base, Stage: o.Stage, Kind: lambda.Kind, Bin: lambda.Bin,
				Dependencies: foreign, SharedKey: shared, Owner: contextOwner(p.Dir, o.Key), Contexts: map[string]solve.Context{dockerfile.Skeleton: skel},
			}
			job.Late, err = late.of(ctx, lambda)
			l.Add(err)
			if o.Stage == dockerfile.StageLambda && !lambda.Build.Test {
				job.Stage = dockerfile.StageBootstrap
			}
			if about != nil {
				job.Stage = dockerfile.Stated(job.Stage)
			}
			stage, _ := dockerfile.StageOf(job.Stage)
			job.Files = stage.Files
			t := Target{Target: project.Target{Project: p, Lambda: lambda}, Job: job, about: about}
			t.imaged = o.Images && p.Config.Push
			if t.imaged && !lambda.Extension {
				t.Checkout = here.Checkout(ctx, p.Dir)
				t.Images, err = imageNames(t)
				l.Add(err)
			}
			if o.Stage == dockerfile.StageLambda {
				if _, known := include[lambda.Name]; !known {
					include[lambda.Name], err = included(t.Target)
					l.Add(err)
				}
				t.included = include[lambda.Name]
				t.layers, err = layersOf(t.Target)
				l.Add(err)
				if !t.takesImageFiles() { // which may bring what the others need
					_, err = artifact.CheckExtensions(t.beside())
					l.Add(err)
					_, err = artifact.CheckLibraries(nil, t.beside())
					l.Add(err)
				}
				if v.Smoke {
					tree, err := smokeFiles(t.Target, t.included, t.layers)
					l.Add(err)
					job.Contexts[dockerfile.Smoke] = tree
					job.Files = append(slices.Clone(job.Files), dockerfile.FileSmoke)
				}
				t.record = func() []byte { return recordOf(t.Target, v, job) }
				t.sources = func() string { return sources(t.Target, treesOf(job)...) }
				t, err = delivered(t, here.Env, here.Trace, o.Key)
				if err != nil && !refused[err.Error()] { // a folder is that of many lambdas
					refused[err.Error()] = true
					l.Add(err)
				}
			}
			l.Add(c.add(job, v, lambda))
			targets = append(targets, t)
		}
	}
	l.Add(checkTogether(targets))
	notes = c.said()
	if p.Linked != "" && o.Stage == dockerfile.StageLambda {
		notes = append(notes, fmt.Sprintf("%s is a link to %s, outside the project, and nothing is written through it: the results are in %s; CARGO_TARGET_DIR or --out-dir names another folder",
			here.Show(filepath.Join(p.Dir, "target")), p.Linked, here.Show(p.Out)))
	}
	return targets, notes, c.pointers(), l.Err()
}

// render begins to render the Dockerfiles of variants, and returns what waits for each.
func render(variants []*plan.Variant) []func() ([]byte, error) {
	var all []func() ([]byte, error)
	for _, v := range variants {
		all = append(all, sync.OnceValues(func() ([]byte, error) { return dockerfile.Render(v) }))
	}
	go func() {
		for _, text := range all {
			_, _ = text() // whoever waits has the error
		}
	}()
	return all
}

// delivered returns the target with the folder that its files go to, and with a job that puts them there, or returns what is
// left to be put there. In CI the folder may be that of a pull request, or of a cache that others write, and nothing is taken from it.
func delivered(t Target, env map[string]string, record *trace.Recorder, key userkey.Key) (Target, error) {
	if t.Out != "" { // the folder that the user named is made where it is not there
		if err := artifact.MakeFolder(t.Out); err != nil {
			return t, err
		}
	}
	folder, err := t.OpenOutput(key)
	if err != nil {
		return t, err
	}
	if err := folder.CheckWritable(); err != nil {
		return t, err
	}
	if t.Config.CI != "" {
		folder.TakeNothing()
	}
	folder.SetBeside(append(attest.Beside(), artifact.DebugName)...)
	t.folder, t.before = folder, sync.OnceValue(folder.Last)
	t.epoch = func() (time.Time, error) { return epoch(env) }
	t.Job.Then = func(files map[string][]byte, read solve.ReadFile) (any, error) { return t.take(files, read, record) }
	t.Job.Size = func(built any) int64 { return built.(taken).size() }
	return t, nil
}

// sharedKey keeps the contexts of this user and workspace apart from all others on the engine, also from those of another
// machine with the same home folder: nobody else can guess it.
func sharedKey(p *project.Project, key userkey.Key) string {
	host, _ := os.Hostname()
	return "lpipe-" + hex.EncodeToString(key.Derive("contexts", host, p.Dir))
}

// contexts are those of the jobs of one workspace.
type contexts struct {
	workspace *cargo.Workspace
	found     *reach.Findings
	lock      *skeleton.Lock
	makeBase  func() made
	makeLibs  map[string]func() made    // by the packages in them
	stubs     *skeleton.Base            // what closures are laid over; nil until one is
	trees     map[string]*skeleton.Tree // by the packages in them: lambdas of one package share a closure, and groups of lambdas their libraries
	notes     []string
	leftOut   []string // as of [skeleton.LeftOut], which are one note
}

// made is what came of making a context.
type made struct {
	base  *skeleton.Base
	tree  *skeleton.Tree
	notes []skeleton.Note
	err   error
}

// newContexts returns those of a project, and the one that all of its jobs have. What others have that are as large is made
// beside it.
func newContexts(p *project.Project) (*contexts, *skeleton.Tree, error) {
	c := &contexts{
		workspace: p.Plan.Workspace, found: p.Plan.Reach, lock: skeleton.NewLock(p.Plan.Workspace),
		makeLibs: map[string]func() made{}, trees: map[string]*skeleton.Tree{},
	}
	c.makeBase = sync.OnceValue(func() (m made) {
		m.base, m.notes, m.err = skeleton.Stubs(c.workspace, c.found, skeleton.Options{Lock: c.lock})
		return m
	})
	var wanted []func() made
	if slices.ContainsFunc(p.Plan.Variants, func(v *plan.Variant) bool { return v.Stubs }) {
		wanted = append(wanted, c.makeBase)
	}
	for _, v := range p.Plan.Variants {
		for i, set := range v.Libs {
			key := keyOf(dockerfile.Libraries(i), set)
			if c.makeLibs[key] == nil {
				c.makeLibs[key] = sync.OnceValue(func() (m made) {
					m.tree, m.notes, m.err = skeleton.Libraries(c.workspace, c.found, set, skeleton.Options{Lock: c.lock})
					return m
				})
				wanted = append(wanted, c.makeLibs[key])
			}
		}
	}
	go func() {
		for _, one := range wanted {
			one()
		}
	}()
	skel, said, err := skeleton.MakeStratified(p.Plan.Workspace, p.Plan.Reach, p.Plan.Strata, skeleton.Options{Lock: c.lock})
	c.note(said)
	return c, skel, err
}

// keyOf identifies a context of the packages, of those of one workspace.
func keyOf(name string, pkgs []*cargo.Package) string {
	for _, p := range pkgs {
		name += "\n" + p.Dir
	}
	return name
}

// Notes are those on what the lambdas of a project are sent, and warnings, as a build has them in its report.
func Notes(p *project.Project) (notes, warnings []string, err error) {
	if len(p.Plan.Variants) == 0 {
		return nil, nil, nil
	}
	c, _, err := newContexts(p)
	if err != nil {
		return nil, nil, err
	}
	var l fault.List
	for _, v := range p.Plan.Variants {
		for _, lambda := range v.Lambdas {
			l.Add(c.add(&solve.Job{Contexts: map[string]solve.Context{}}, v, lambda))
		}
	}
	return c.said(), c.pointers(), l.Err()
}

// add gives the job the contexts of its lambda.
func (c *contexts) add(job *solve.Job, v *plan.Variant, lambda *plan.Lambda) error {
	var l fault.List
	o, own := skeleton.Options{Lock: c.lock}, []*cargo.Package{lambda.Package}
	if v.Stubs {
		l.Add(c.makeStubs())
		o.Over = c.stubs
		job.Contexts[dockerfile.Stubs] = c.stubs.Tree
	}
	l.Add(c.addContext(job, dockerfile.Closure, keyOf(dockerfile.Closure, own), func() (m made) {
		m.tree, m.notes, m.err = skeleton.Closure(c.workspace, c.found, own, o)
		return m
	}))
	job.Contexts[dockerfile.Tests] = job.Contexts[dockerfile.Closure]
	o.Nextest = v.Nextest && c.workspace.HasFile(path.Join(c.workspace.Root, plan.NextestConfig))
	if o.Nextest || c.found.TestsReadMore(c.workspace, own) {
		l.Add(c.addContext(job, dockerfile.Tests, keyOf(fmt.Sprint(dockerfile.Tests, o.Nextest), own), func() (m made) {
			m.tree, m.notes, m.err = skeleton.Tests(c.workspace, c.found, own, o)
			return m
		}))
	}
	for i, set := range v.Libs {
		key := keyOf(dockerfile.Libraries(i), set)
		l.Add(c.addContext(job, dockerfile.Libraries(i), key, c.makeLibs[key]))
	}
	return l.Err()
}

// makeStubs makes what the closures of the workspace are laid over, once for all of them.
func (c *contexts) makeStubs() error {
	if c.stubs != nil {
		return nil
	}
	made := c.makeBase()
	c.stubs = made.base
	c.note(made.notes)
	return made.err
}

// addContext gives the job a context, which is made once for all that have this key.
func (c *contexts) addContext(job *solve.Job, name, key string, make func() made) error {
	if c.trees[key] == nil {
		m := make()
		if m.err != nil {
			return m.err
		}
		c.note(m.notes)
		c.trees[key] = m.tree
	}
	job.Contexts[name] = c.trees[key]
	return nil
}

// said are the notes on all contexts.
func (c *contexts) said() []string {
	if len(c.leftOut) == 0 {
		return c.notes
	}
	return append(c.notes, skeleton.LeftOut+": "+someOf(slices.Sorted(slices.Values(c.leftOut))))
}

// pointers warns of pointers of Git LFS that are sent in the place of files.
func (c *contexts) pointers() []string {
	trees := slices.Collect(maps.Values(c.trees))
	if c.stubs != nil {
		trees = append(trees, c.stubs.Tree)
	}
	found := map[string]bool{}
	for _, tree := range trees {
		for _, name := range tree.LFSPointers() {
			found[c.workspace.Show(name)] = true
		}
	}
	if len(found) == 0 {
		return nil
	}
	return []string{"pointers of Git LFS are sent in the place of files that are not in this checkout, and what reads one gets the text of the pointer: " +
		someOf(slices.Sorted(maps.Keys(found))) + "; run git lfs pull, or have the checkout of CI fetch LFS files"}
}

// maxNamed is how many files the notes on contexts name.
const maxNamed = 20

// someOf lists the first names, and how many more there are.
func someOf(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		names = append(names[:maxNamed:maxNamed], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

func (c *contexts) note(notes []skeleton.Note) {
	for _, n := range notes {
		if n.Package == skeleton.LeftOut {
			if !slices.Contains(c.leftOut, n.Text) {
				c.leftOut = append(c.leftOut, n.Text)
			}
			continue
		}
		if text := n.Package + ": " + n.Text; !slices.Contains(c.notes, text) {
			c.notes = append(c.notes, text)
		}
	}
}
