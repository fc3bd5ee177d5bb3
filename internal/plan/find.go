package plan

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/fault"
)

// candidate is a cargo target that can be a lambda.
type candidate struct {
	pkg    *cargo.Package
	kind   string
	target cargo.Target
	name   string // what it is called unless lpipe.toml says otherwise
	named  bool   // by a [lambda.NAME] table
}

func (c *candidate) String() string { return c.pkg.Name + "/" + c.target.Name }

// found is what there is in a project.
type found struct {
	Project
	lambdas    []*Lambda // each with Arch unset
	nonDefault []*Lambda // the binaries outside of the default members, which are lambdas when they are asked for
	notes      []string  // why a program is no lambda
	asides     []string  // the same of a program outside of the default members, for who asks for it
	known      []string  // names of all programs
	absent     []absent

	folder string    // of the project, relative to the one that holds all projects of the run
	chosen []*Lambda // of lambdas
	all    bool      // others are among lambdas
}

// absent is what lpipe.toml names and the project does not have.
type absent struct{ what, why, word string }

// findAll finds the lambdas of every project, but for the neighbours, and those apart from others, that have mistakes.
func findAll(projects []Project) (all []*found, broken []Project, err error) {
	var l fault.List
	for _, p := range projects {
		f := &found{Project: p}
		err := p.Err
		if err == nil {
			f, err = find(p)
		}
		switch {
		case err == nil:
			all = append(all, f)
		case p.Neighbour || p.Apart:
			p.Err = err
			broken = append(broken, p)
		default:
			l.Add(err)
			if p.Err == nil {
				all = append(all, f) // for what is missing
			}
		}
	}
	place(all, broken)
	if len(all) == 0 {
		for _, b := range broken {
			l.Add(b.Err)
		}
	}
	return all, broken, l.Err()
}

// root is the folder of the project, absolute.
func (p Project) root() string {
	if p.Workspace == nil {
		return path.Join("/", p.Dir)
	}
	return path.Join("/", p.Workspace.Base, p.Workspace.Root)
}

// place sets the folders of the projects; what they are called is not to depend on whether those beside can be read.
func place(all []*found, broken []Project) {
	if len(all) == 0 {
		return
	}
	top := all[0].root()
	hold := func(root string) {
		for !cargo.Within(top, root) && top != "/" {
			top = path.Dir(top)
		}
	}
	for _, f := range all {
		hold(f.root())
	}
	for _, b := range broken {
		hold(b.root())
	}
	for _, f := range all {
		f.folder = strings.TrimPrefix(strings.TrimPrefix(f.root(), top), "/")
	}
}

// missing reports what a file names and none of the projects that it is for has, where one of them is asked for.
func missing(all []*found) error {
	var l fault.List
	said := map[string]bool{}
	for _, f := range all {
		for _, a := range f.absent {
			peers := slices.DeleteFunc(slices.Clone(all), func(o *found) bool { return o.Config.File != f.Config.File })
			asked := slices.ContainsFunc(peers, func(o *found) bool { return !o.Neighbour || len(o.chosen) > 0 })
			if said[a.what] || !asked || slices.ContainsFunc(peers, func(o *found) bool { return !slices.Contains(o.absent, a) }) || f.others() {
				continue
			}
			said[a.what] = true
			var known []string
			for _, o := range peers {
				known = append(known, o.known...)
			}
			l.Addf(a.what, a.why, suggest(a.word, known, "correct the name, or take it out of lpipe.toml"))
		}
	}
	return l.Err()
}

// find finds the lambdas of one project, selected or not. Without a word in lpipe.toml they are the binaries of the
// default members that build with the features chosen, and those of other members where they are asked for. What it
// returns is never nil.
func find(p Project) (*found, error) {
	cfg, ws := p.Config, p.Workspace
	f := &found{Project: p}
	var l fault.List
	candidates := candidatesOf(ws)
	for _, c := range candidates {
		f.known = append(f.known, c.name)
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Lambda)) {
		c, err := f.claim(candidates, name)
		switch {
		case err != nil:
			l.Add(err)
		case c == nil: // it is absent
		case c.named:
			l.Addf(fmt.Sprintf("%s: %s is two lambdas", cfg.Origin(config.Key("lambda", name)), c),
				fmt.Sprintf("[%s] and [%s] both name it", config.Key("lambda", c.name), config.Key("lambda", name)),
				"leave one of them out; a program is built once")
		default:
			c.name, c.named = name, true
		}
	}
	listed := f.match(candidates)

	owner := map[string]*Lambda{}
	for _, c := range candidates {
		explicit := c.named || listed[c]
		if len(cfg.Lambdas) > 0 && !listed[c] || !explicit && c.kind != "bin" {
			continue
		}
		other := !explicit && !c.pkg.Default
		build := cfg.For(c.name)
		if missing := lacking(c, build); len(missing) > 0 {
			if !explicit {
				note := fmt.Sprintf("%s is no lambda: it needs the features %s, which are off; a table [%s] in lpipe.toml turns them on",
					c, strings.Join(missing, ", "), config.Key("lambda", c.name))
				if other {
					f.asides = append(f.asides, note)
				} else {
					f.notes = append(f.notes, note)
				}
				continue
			}
			build.Features = append(slices.Clone(build.Features), missing...)
		}
		lambda := &Lambda{Name: c.name, Package: c.pkg, Kind: c.kind, Bin: c.target.Name, Build: build, Extension: cfg.Lambda[c.name].Kind == config.KindExtension}
		if other {
			f.nonDefault = append(f.nonDefault, lambda)
			continue
		}
		if first := owner[c.name]; first != nil {
			l.Add(sameName(first, lambda))
			continue
		}
		owner[c.name] = lambda
		f.lambdas = append(f.lambdas, lambda)
	}
	sortByName(f.lambdas)
	sortByName(f.nonDefault)
	return f, l.Err()
}

func sortByName(all []*Lambda) {
	slices.SortStableFunc(all, func(a, b *Lambda) int { return strings.Compare(a.Name, b.Name) })
}

func sameName(a, b *Lambda) error {
	return &fault.Error{
		Kind: fault.Usage, What: fmt.Sprintf("two lambdas are called %q", b.Name),
		Why: fmt.Sprintf("both %s/%s and %s/%s have this name", a.Package.Name, a.Bin, b.Package.Name, b.Bin),
		Fix: fmt.Sprintf("give one another name in lpipe.toml:\n[lambda.%s-2]\npackage = %q\nbin = %q", b.Name, b.Package.Name, b.Bin),
	}
}

func candidatesOf(ws *cargo.Workspace) []*candidate {
	var all []*candidate
	for _, pkg := range ws.Packages {
		if !pkg.Member {
			continue
		}
		for _, t := range pkg.Bins {
			name := t.Name
			// The name that Lambda wants for the program says nothing; the package's does.
			if name == "bootstrap" {
				name = pkg.Name
			}
			all = append(all, &candidate{pkg: pkg, kind: "bin", target: t, name: name})
		}
		for _, t := range pkg.Examples {
			all = append(all, &candidate{pkg: pkg, kind: "example", target: t, name: t.Name})
		}
	}
	return all
}

// claim finds the target that [lambda.NAME] speaks of: by its package and bin keys, else by name, binaries
// before examples, else as the only binary of the package NAME. One that there is not is noted as absent.
func (f *found) claim(all []*candidate, name string) (*candidate, error) {
	cfg := f.Config
	key := config.Key("lambda", name)
	table := cfg.Lambda[name]
	pick := func(ok func(*candidate) bool) []*candidate {
		return slices.DeleteFunc(slices.Clone(all), func(c *candidate) bool { return !ok(c) })
	}
	bin := table.Bin
	fits := func(kind string) func(*candidate) bool {
		return func(c *candidate) bool {
			return c.kind == kind && (table.Package == "" || c.pkg.Name == table.Package) &&
				(bin == "" && (table.Package != "" || c.name == name) || bin != "" && c.target.Name == bin)
		}
	}
	found := pick(fits("bin"))
	if len(found) == 0 && (bin != "" || table.Package == "") {
		found = pick(fits("example"))
	}
	if len(found) == 0 && table.Package == "" && bin == "" {
		found = pick(func(c *candidate) bool { return c.kind == "bin" && c.pkg.Name == name })
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		f.absent = append(f.absent, absent{fmt.Sprintf("%s: [%s] names no program", cfg.Origin(key), key), "no package of the workspace has such a binary or example", name})
		return nil, nil
	default:
		return nil, &fault.Error{
			Kind: fault.Usage,
			What: fmt.Sprintf("%s: [%s] names several programs", cfg.Origin(key), key),
			Why:  fmt.Sprintf("%s all fit", join(found)),
			Fix:  fmt.Sprintf("say which one: package = %q, bin = %q", found[0].pkg.Name, found[0].target.Name),
		}
	}
}

// match returns the candidates that `lambdas = [...]` lists.
func (f *found) match(all []*candidate) map[*candidate]bool {
	listed := map[*candidate]bool{}
	for _, pattern := range f.Config.Lambdas {
		hit := false
		for _, c := range all {
			if ok, err := path.Match(pattern, c.name); err == nil && ok {
				hit, listed[c] = true, true
			}
		}
		if !hit {
			f.absent = append(f.absent, absent{fmt.Sprintf("%s: %q in lambdas names no binary", f.Config.Origin("lambdas"), pattern), "", pattern})
		}
	}
	return listed
}

// lacking lists the features that the target requires and the configuration does not turn on.
func lacking(c *candidate, b config.Build) []string {
	on := map[string]bool{}
	var turnOn func(name string)
	turnOn = func(name string) {
		if on[name] {
			return
		}
		on[name] = true
		for _, implied := range c.pkg.Features[name] {
			turnOn(implied)
		}
	}
	if b.DefaultFeatures {
		turnOn("default")
	}
	for _, f := range b.Features {
		turnOn(strings.TrimPrefix(f, c.pkg.Name+"/"))
	}
	return slices.DeleteFunc(slices.Clone(c.target.RequiredFeatures), func(f string) bool { return on[f] })
}

// ErrNoLambda is the cause where a folder, or all projects, have none.
var ErrNoLambda = errors.New("there is no lambda")

// addProgram is what to do where there is nothing but libraries.
const addProgram = "add a src/main.rs or a [[bin]], or list the programs in lpipe.toml: lambdas = [\"NAME\"]"

// none says why there is no lambda in any of the projects.
func none(all []*found) error {
	why := "no default member of the workspace has a binary target"
	fix := addProgram
	var notes, others []string
	for _, f := range all {
		notes = append(notes, f.notes...)
		for _, lambda := range f.nonDefault {
			others = append(others, lambda.Name)
		}
	}
	switch ws := all[0].Workspace; {
	case len(others) > 0:
		why = "no default member of the workspace has a program; outside of them are " + strings.Join(others, ", ")
		fix = "name one of them, build all with --all, or make them the default in lpipe.toml: lambdas = [\"*\"]"
	case len(notes) > 0:
		why = strings.Join(notes, "\n")
		fix = "turn the features on in lpipe.toml: [build] features = [...]"
	case len(all) > 1:
		why = fmt.Sprintf("none of the %d projects has a binary target", len(all))
	case len(ws.Packages) == 1:
		why = fmt.Sprintf("the package %q has only a library", ws.Packages[0].Name)
	}
	return &fault.Error{Kind: fault.Usage, What: "there is no lambda to build", Why: why, Fix: fix, Err: ErrNoLambda}
}

// suggest is the fix for a word that is none of those known; other is what to do when none is like it.
func suggest(word string, known []string, other string) string {
	if near := fault.Nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return other
}

func join[T fmt.Stringer](list []T) string {
	var s []string
	for _, e := range list {
		s = append(s, e.String())
	}
	return strings.Join(s, ", ")
}
