// Package plan decides what is built: it joins the configuration and the cargo workspace into lambdas, and the
// lambdas into variants that share one rendered Dockerfile.
//
// It is pure: the same configuration and workspace give the same plan on every machine. Features are chosen
// over all lambdas of the workspace, not only the selected ones, so that building one lambda and building all
// of them share every compiled dependency. With features-per-lambda each package has its own, and nothing but equal strata is
// shared.
package plan

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/reach"
)

// Lambda is one program to build for one architecture.
type Lambda struct {
	Name    string         // what the user calls it; the folder below target/lambda
	Package *cargo.Package // where its sources are
	Kind    string         // the kind of cargo target: "bin" or "example"
	Bin     string         // the cargo target's name
	Arch    string         // "x86_64" or "arm64", as Lambda says it
	Build   config.Build   // [build] with the lambda's own keys laid over
	// Extension is set for a program that runs beside functions; its zip is that of a layer.
	Extension bool
	// Within is the folder of its project, relative to the one that holds all projects of the run, where a lambda of
	// another project has the same name; "" otherwise.
	Within string
}

// Folder is where the results go, below target/lambda and slash separated. A lambda that is built for both
// architectures has a folder for each.
func (l *Lambda) Folder() string {
	if len(l.Build.Arch) > 1 {
		return path.Join(l.Name, l.Arch)
	}
	return l.Name
}

// Label names the lambda where several are reported: with its architecture when it has more than one, and with the
// folder of its project when another project has a lambda of its name.
func (l *Lambda) Label() string { return path.Join(l.Within, l.Folder()) }

// Platform is the machine that the lambda is for, as engines call it.
func (l *Lambda) Platform() string { return "linux/" + Processor(l.Arch) }

// Processor is what OCI calls an architecture of Lambda.
func Processor(arch string) string {
	if arch == "arm64" {
		return arch
	}
	return "amd64"
}

// Project is a cargo workspace, which may be a single package, and the configuration for it.
type Project struct {
	Config    *config.Config
	Workspace *cargo.Workspace
	Reach     *reach.Findings   // in Workspace
	Env       map[string]string // of this machine, of which a build sees nothing
	// Outside returns what cargo obeys on this machine beside the files of the project, for the targets; nil says nothing.
	Outside func(targets []string) cargo.Outside
	// Others reports whether Config is also for projects that are not planned along with this one: what it names may be
	// there. nil says that it is not.
	Others func() bool
	// Neighbour is set for a project in which a lambda is looked for by its name, and of which nothing is asked for
	// otherwise. Its mistakes are its own until something of it is wanted.
	Neighbour bool
	// Apart is set for one of several projects of which none is asked for by itself: its mistakes keep no other from being planned.
	Apart bool
	// Dir is the folder of a project that could not be read, for the reason Err; nothing else of it is set then.
	Dir string
	Err error
}

func (p Project) others() bool { return p.Others != nil && p.Others() }

// Plan is what one run builds of a project.
type Plan struct {
	Project
	Variants []*Variant // each with at least one lambda
	Partial  bool       // not all lambdas of the project were wanted
	All      bool       // its lambdas are all programs, also those outside of the default members
	Notes    []string   // decisions that the user may want to know of

	Repositories []Repository // that the build may fetch with git; none when it needs no git
	Registries   []Registry   // that it may log in to

	Strata map[string][]Stratum // of the dependencies, as of [StrataByPackage]; nil for none

	unused []string // notes on keys for repositories that are not fetched
}

// Lambdas are all lambdas of the plan, in the order of their names and architectures.
func (p *Plan) Lambdas() []*Lambda {
	var all []*Lambda
	for _, v := range p.Variants {
		all = append(all, v.Lambdas...)
	}
	slices.SortFunc(all, func(a, b *Lambda) int { return strings.Compare(a.Label(), b.Label()) })
	return all
}

// Keep returns the plan with the lambdas alone for which want is true, the extensions among their layers, and the functions that
// have an extension for which it is.
func (p *Plan) Keep(want func(*Lambda) bool) *Plan {
	kept := *p
	kept.Variants = nil
	wanted := map[*Lambda]bool{}
	all := p.Lambdas()
	for _, l := range all {
		wanted[l] = want(l)
	}
	has := func(function, extension *Lambda) bool {
		return extension.Extension && extension.Arch == function.Arch && slices.Contains(function.Build.Layers, extension.Name)
	}
	want = func(l *Lambda) bool {
		return wanted[l] || slices.ContainsFunc(all, func(o *Lambda) bool { return wanted[o] && (has(o, l) || has(l, o)) })
	}
	for _, v := range p.Variants {
		some := *v
		some.Lambdas = slices.DeleteFunc(slices.Clone(v.Lambdas), func(l *Lambda) bool { return !want(l) })
		if len(some.Lambdas) > 0 {
			kept.Variants = append(kept.Variants, &some)
		}
	}
	return &kept
}

// Want selects lambdas in the user's words.
type Want struct {
	Given string // as the user wrote it
	// All selects every program, also those outside of the default members; the other fields are then unset.
	All bool
	// Name is set when Given may be the name of a lambda or a package, or a pattern of names; "folder/name" says which
	// project is meant. A name wins over a folder.
	Name bool
	// Paths are the folders that it may mean, as the workspaces' FS has them, several for a pattern: the lambdas of the
	// packages at or below one of them are selected.
	Paths []string
}

// Make plans the lambdas of the projects that are wanted; those of the default members when nothing is said. A project of which nothing is
// selected has no plan; the others have theirs in the order of projects. All mistakes are reported at once, as
// [fault.Usage] errors. broken are those of projects that are apart from the others, which have their plans.
func Make(projects []Project, wants []Want) (plans []*Plan, broken, err error) {
	all, unread, err := findAll(projects)
	if err != nil {
		return nil, nil, errors.Join(err, missing(all))
	}
	var apart, mistakes fault.List
	for _, b := range unread {
		if b.Apart {
			apart.Add(b.Err)
		}
	}
	err = choose(all, wants)
	if missed := missing(all); err != nil || missed != nil {
		mistakes.Add(missed)
		for _, b := range unread {
			if err != nil || b.Apart { // what is not found may be in these
				mistakes.Add(b.Err)
			}
		}
		mistakes.Add(err)
		return nil, nil, mistakes.Err()
	}
	distinguish(all)
	for _, f := range all {
		if len(f.chosen) == 0 {
			continue
		}
		p, err := f.plan(all)
		switch {
		case err == nil:
			plans = append(plans, p)
		case f.Apart:
			apart.Add(err)
		default:
			mistakes.Add(err)
		}
	}
	if err := mistakes.Err(); err != nil || len(plans) == 0 {
		return nil, nil, errors.Join(apart.Err(), err)
	}
	noteUnused(all, plans)
	noteBroken(unread, plans)
	noteOnce(plans)
	return plans, apart.Err(), labels(plans)
}

// noteUnused notes once what a file has for repositories that none of its projects fetches. Of a project that is not
// planned nobody has asked what it fetches.
func noteUnused(all []*found, plans []*Plan) {
	said := map[string]bool{}
	for _, p := range plans {
		elsewhere := slices.ContainsFunc(all, func(f *found) bool { return f.Config.File == p.Config.File && len(f.chosen) == 0 })
		for _, note := range p.unused {
			used := slices.ContainsFunc(plans, func(o *Plan) bool { return o.Config.File == p.Config.File && !slices.Contains(o.unused, note) })
			if !elsewhere && !used && !said[note] && !p.others() {
				said[note] = true
				p.Notes = append(p.Notes, note)
			}
		}
	}
}

// noteBroken notes the projects that nothing was looked for in, as they cannot be read.
func noteBroken(broken []Project, plans []*Plan) {
	for _, b := range broken {
		if b.Apart {
			continue
		}
		for _, err := range fault.Parts(b.Err) {
			plans[0].Notes = append(plans[0].Notes, fmt.Sprintf("no lambda was looked for in a project beside, which has a mistake: %v", err))
		}
	}
}

// noteOnce drops what is noted of a project before.
func noteOnce(plans []*Plan) {
	said := map[string]bool{}
	for _, p := range plans {
		p.Notes = slices.DeleteFunc(p.Notes, func(note string) bool {
			known := said[note]
			said[note] = true
			return known
		})
	}
}

// labels refuses two lambdas that would be told apart by nothing.
func labels(plans []*Plan) error {
	var l fault.List
	seen := map[string]bool{}
	for _, p := range plans {
		for _, lambda := range p.Lambdas() {
			if label := lambda.Label(); seen[label] {
				l.Addf(fmt.Sprintf("two lambdas would be reported as %q", label), "the folder of a project is called as a lambda of another is", "build them in runs of their own")
			} else {
				seen[label] = true
			}
		}
	}
	return l.Err()
}

// plan plans the lambdas that were chosen of one project. all are those of the run.
func (f *found) plan(all []*found) (*Plan, error) {
	var mistakes fault.List
	ws := f.Workspace
	p := &Plan{Project: f.Project, Partial: len(f.chosen) < len(f.lambdas), All: f.all, Notes: f.notes}
	for _, key := range ws.FetchIgnores() {
		p.Notes = append(p.Notes, key+" has no effect: lpipe decides how the build logs in, and downloads with keys and tokens")
	}
	p.Notes = append(p.Notes, f.unheeded()...)
	mistakes.Add(f.native())
	mistakes.Add(f.profiles())
	features, err := f.unite(all)
	mistakes.Add(err)
	p.Repositories, p.unused, err = repositories(f.Config, ws)
	p.Registries = registries(ws)
	mistakes.Add(err)
	mistakes.Add(readable(ws, p.Repositories))
	if err := mistakes.Err(); err != nil {
		return nil, err
	}
	mistakes.Add(f.tooEarly())
	libs := map[*cargo.Package][]Libraries{}
	if !f.Config.FeaturesPerLambda {
		libs = shared(ws, f.Reach, f.lambdas, f.lateReaders())
	}
	strata := 0
	if f.Config.Strata {
		p.Strata = StrataByPackage(ws, f.Reach, f.Config.FeaturesPerLambda)
	}
	if p.Strata != nil {
		strata = len(leastAbove)
	}
	variants := map[string]*Variant{}
	for _, l := range f.chosen {
		var separate []string
		if f.Config.FeaturesPerLambda {
			separate, err = separatePackages(ws, l)
			mistakes.Add(err)
		} else {
			mistakes.Add(collision(ws, l))
		}
		for _, arch := range l.Build.Arch {
			one := *l
			one.Arch = arch
			if len(testRunners(ws, one.Build.TargetFor(arch))) > 0 {
				one.Build.TestUser = "root" // the project's own program starts them
			}
			v, err := newVariant(ws, f.Reach, &one, features[f.unit(l)], libs[l.Package])
			if err != nil {
				mistakes.Add(err)
				continue
			}
			v.ImageFiles = imageFiles(f.Config, &one)
			v.CACertificates = f.Config.Push && f.Config.CACertificates && !one.Extension
			v.SeparatePackages = separate
			if !v.AllowNetwork { // what a build script downloads has no version
				v.Strata = strata
			}
			v.Git = len(p.Repositories) > 0
			v.SSH = slices.ContainsFunc(p.Repositories, func(r Repository) bool { return r.Scheme == "ssh" })
			key := v.key()
			if known, ok := variants[key]; ok {
				v = known
			} else {
				variants[key] = v
				p.Variants = append(p.Variants, v)
			}
			v.Lambdas = append(v.Lambdas, &one)
		}
	}
	return p, mistakes.Err()
}
