// Package build is one build of lambdas, in phases that take and return values.
//
// [Prepare] makes of projects all that an engine is given: Dockerfiles, contexts, caches and credentials. It contacts no
// engine. [Solve] has engines solve that. [Deliver] checks what came out for a lambda and puts it into the lambda's folder;
// [State] puts statements beside it, and [Publish] makes an image of it. [Run] is all of them, one after the other.
package build

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lpipe/internal/artifact"
	"lpipe/internal/dockerfile"
	"lpipe/internal/engine"
	"lpipe/internal/fault"
	"lpipe/internal/login"
	"lpipe/internal/network"
	"lpipe/internal/project"
	"lpipe/internal/solve"
	"lpipe/internal/userkey"
)

// Options are what a run is to do with its projects.
type Options struct {
	Stage        string // what is built of each lambda: dockerfile.StageLambda or dockerfile.StageTest
	Partial      bool   // lambdas were left out, beside those of which the plans say so
	NoCache      bool
	StallTimeout time.Duration // as of [solve.Request]
	SSH          []string      // values of --ssh
	Images       bool          // lambdas become images too where the configuration says so
	Stating      Stating
	// Commits returns the commit that the lambdas of a project are built from. It is asked once for each project in which one of
	// them has a value that depends on it; nil says that it is not known.
	Commits Commits
	Key     userkey.Key
	Network network.Joined
	// NetworkErr is why Network says nothing of what was asked for. It is a mistake among the others.
	NetworkErr error
	Cases      bool // tests are reported one by one
	// Engines are those that will solve. What is for this user alone needs all of them to be local; without any there is
	// nothing of that.
	Engines []engine.Chosen
}

// Request is all that a run asks of engines.
type Request struct {
	Targets  []Target // in the order of their labels
	Notes    []string // decisions that the user may want to know of
	Warnings []string // what may go wrong
	Logins   *login.Logins

	solve solve.Request // its jobs are those of Targets
	times string        // the file of times, "" for none
	// mainSizes and ownSizes are where sizes of zips are kept, as of [sizeNames].
	mainSizes, ownSizes []string
	lines               *lines
	// suffixes are those of the caches, by the address of each of several engines; nil where there is one.
	suffixes map[string]string
}

// Target is one lambda of a request.
type Target struct {
	project.Target
	Job      *solve.Job
	Images   []string         // the names of its image, in full; none where it becomes none
	Checkout project.Checkout // what is built, where it becomes an image

	folder   *artifact.Folder       // nil where nothing is delivered
	before   func() artifact.Output // what the folder held when the build began; likewise
	included []artifact.Entry
	layers   []artifact.Layer          // but for extensions
	imaged   bool                      // an image is made of the files
	epoch    func() (time.Time, error) // the time of what is delivered; zero where nobody says one
	about    *about                    // what is stated of it; nil for nothing
	record   func() []byte             // what of it a later build is compared with, as of [SinceLast]; likewise
	sources  func() string             // a digest of what it is compiled from, as of [Present.Sources]; nil where nothing is delivered
}

// Prepare renders and lays out everything that engines are to solve for the projects, of which there is at least one. It
// contacts no engine. All mistakes are reported at once.
func Prepare(ctx context.Context, here *project.Here, projects []*project.Project, o Options) (*Request, error) {
	r, err := prepareAll(ctx, here, projects, o)
	if err := errors.Join(o.NetworkErr, err); err != nil {
		return nil, err
	}
	return r, nil
}

func prepareAll(ctx context.Context, here *project.Here, projects []*project.Project, o Options) (*Request, error) {
	defer here.Trace.Begin("contexts")()
	cfg, err := here.Common(projects)
	if err != nil {
		return nil, err
	}
	selected := project.Targets(projects)
	partial := o.Partial || slices.ContainsFunc(projects, func(p *project.Project) bool { return p.Plan.Partial })
	from, to, cacheNotes, cacheErr := caches(cfg, o.Network.Env,
		func() project.Checkout { return here.Checkout(ctx, projects[0].Dir) },
		func() string { return scope(selected, o.Stage, partial) })
	warm := chooseWarm(cfg, o, len(to) > 0)

	r := &Request{lines: &lines{}, suffixes: suffixes(o.Engines), Warnings: loopback(o)}
	if len(from)+len(to) > 0 && o.Stage == dockerfile.StageLambda {
		r.mainSizes, r.ownSizes = sizeNames(cfg, o.Network.Env, here.Checkout(ctx, projects[0].Dir), scope(selected, o.Stage, partial), to)
	}
	var drawn solve.Graphs
	if cfg.CI == "" && o.Key.Lasting() { // then the folder of the key is there, and lies in no project
		r.times = timesFile(here.Env, projects)
		drawn = keptGraphs(here.Env, o.Key)
		for _, p := range projects {
			remember(here.Env, p.Dir)
		}
	}
	r.Logins = Logins(cfg, o.Network.Env, r.lines.say)
	var l fault.List
	for _, p := range projects {
		targets, notes, warnings, err := prepare(ctx, here, p, o, warm)
		l.Add(err)
		r.Warnings = append(r.Warnings, warnings...)
		r.Targets, r.Notes = append(r.Targets, targets...), append(r.Notes, notes...)
	}
	slices.SortStableFunc(r.Targets, func(a, b Target) int { return strings.Compare(a.Lambda.Label(), b.Lambda.Label()) })
	granted, accessNotes, err := Credentials(here, projects, CredentialOptions{
		Network: o.Network, SSH: o.SSH, Secrets: warm.secrets(), Log: r.lines.say,
	})
	l.Add(err)
	l.Add(cacheErr)
	if o.Stage == dockerfile.StageLambda {
		_, err := epoch(here.Env)
		l.Add(err)
	}
	l.Add(distinctImages(r.Targets))
	l.Add(distinctLayers(r.Targets))
	if err := l.Err(); err != nil {
		return nil, err
	}
	r.Notes = slices.Concat(r.Notes, accessNotes, cacheNotes, warm.notes)
	explain := func(f *fault.Error, stage, log string) error {
		explainUnsent(f, log, r.Targets)
		nameToolchain(f, projects)
		if stage == dockerfile.StageFetch {
			explainRewrites(f, projects)
		}
		return granted.Explain(f, stage, log)
	}
	r.solve = solve.Request{
		CacheFrom: from, CacheTo: to, NoCache: o.NoCache, Session: append(granted.Session(), r.Logins.Session()),
		StallTimeout: o.StallTimeout, Explain: explain, Setting: settingOf(projects), Hidden: granted.Hidden, Trace: here.Trace,
		Graphs: drawn,
	}
	for _, t := range r.Targets {
		r.solve.Jobs = append(r.solve.Jobs, t.Job)
	}
	return r, nil
}

// nameToolchain says of a toolchain file what it is called, where all projects of the run call theirs so.
func nameToolchain(f *fault.Error, projects []*project.Project) {
	ws := projects[0].Plan.Workspace
	for _, p := range projects {
		if p.Plan.Workspace.ToolchainFile() != ws.ToolchainFile() {
			return
		}
	}
	f.What, f.Why, f.Fix = ws.NameToolchain(f.What), ws.NameToolchain(f.Why), ws.NameToolchain(f.Fix)
}

// explainRewrites says of repositories that could not be fetched that git on this machine would take another address: many have it
// put a token or SSH in the place of what a manifest says.
func explainRewrites(f *fault.Error, projects []*project.Project) {
	for _, p := range projects {
		if p.Plan.Outside == nil {
			continue
		}
		for _, r := range p.Plan.Outside(nil).Rewrites {
			f.Why += fmt.Sprintf("\ninsteadOf of %s has no effect on %s: a build fetches from the address in Cargo.lock", r.At, r.Repository)
		}
	}
}

// loopback warns of a proxy that engines may not reach.
func loopback(o Options) []string {
	if via := o.Network.Network.Loopback(); via != "" && !local(o.Engines) {
		return []string{"the proxy " + via + " is one of this machine alone, and the steps of this engine may not reach it"}
	}
	return nil
}

// local reports that all engines run on this machine for this user alone, and that there is one.
func local(engines []engine.Chosen) bool {
	other := func(c engine.Chosen) bool { return !c.Local }
	return len(engines) > 0 && !slices.ContainsFunc(engines, other)
}

// readOutputs reads what earlier builds delivered, which [Deliver] would do otherwise.
func (r *Request) readOutputs() {
	for _, t := range r.Targets {
		if t.folder != nil {
			t.folder.Read()
		}
	}
}
