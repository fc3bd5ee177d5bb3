package plan

import (
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

// find lists the lambdas of the workspace, selected or not, each with Arch unset. Without a word in lpipe.toml
// they are the binaries of the default members that build with the features chosen.
func find(cfg *config.Config, ws *cargo.Workspace) ([]*Lambda, []string, error) {
	var l fault.List
	var notes []string
	candidates := candidatesOf(ws)
	for _, name := range slices.Sorted(maps.Keys(cfg.Lambda)) {
		c, err := claim(cfg, candidates, name)
		if err != nil {
			l.Add(err)
			continue
		}
		if c.named {
			l.Addf(fmt.Sprintf("%s: %s is two lambdas", cfg.Origin(config.Key("lambda", name)), c),
				fmt.Sprintf("[%s] and [%s] both name it", config.Key("lambda", c.name), config.Key("lambda", name)),
				"leave one of them out; a program is built once")
			continue
		}
		c.name, c.named = name, true
	}
	listed := match(&l, cfg, candidates)

	owner := map[string]*candidate{}
	var all []*Lambda
	for _, c := range candidates {
		explicit := c.named || listed[c]
		if len(cfg.Lambdas) > 0 && !listed[c] || len(cfg.Lambdas) == 0 && !c.named && (!c.pkg.Default || c.kind != "bin") {
			continue
		}
		build := cfg.For(c.name)
		if missing := lacking(c, build); len(missing) > 0 {
			if !explicit {
				notes = append(notes, fmt.Sprintf("%s is no lambda: it needs the features %s, which are off; a table [%s] in lpipe.toml turns them on",
					c, strings.Join(missing, ", "), config.Key("lambda", c.name)))
				continue
			}
			build.Features = append(slices.Clone(build.Features), missing...)
		}
		if other, taken := owner[c.name]; taken {
			l.Addf(fmt.Sprintf("two lambdas are called %q", c.name),
				fmt.Sprintf("both %s and %s have this name", other, c),
				fmt.Sprintf("give one another name in lpipe.toml:\n[lambda.%s-2]\npackage = %q\nbin = %q", c.name, c.pkg.Name, c.target.Name))
			continue
		}
		owner[c.name] = c
		all = append(all, &Lambda{Name: c.name, Package: c.pkg, Kind: c.kind, Bin: c.target.Name, Build: build})
	}
	if err := l.Err(); err != nil {
		return nil, nil, err
	}
	if len(all) == 0 {
		return nil, nil, none(ws, notes)
	}
	slices.SortFunc(all, func(a, b *Lambda) int { return strings.Compare(a.Name, b.Name) })
	return all, notes, nil
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
// before examples, else as the only binary of the package NAME.
func claim(cfg *config.Config, all []*candidate, name string) (*candidate, error) {
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
		var known []string
		for _, c := range all {
			known = append(known, c.name)
		}
		return nil, &fault.Error{
			Kind: fault.Usage,
			What: fmt.Sprintf("%s: [%s] names no program", cfg.Origin(key), key),
			Why:  "no package of the workspace has such a binary or example",
			Fix:  suggest(name, known),
		}
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
func match(l *fault.List, cfg *config.Config, all []*candidate) map[*candidate]bool {
	listed := map[*candidate]bool{}
	for _, pattern := range cfg.Lambdas {
		hit := false
		var known []string
		for _, c := range all {
			known = append(known, c.name)
			if ok, err := path.Match(pattern, c.name); err == nil && ok {
				hit, listed[c] = true, true
			}
		}
		if !hit {
			l.Addf(fmt.Sprintf("%s: %q in lambdas names no binary", cfg.Origin("lambdas"), pattern), "", suggest(pattern, known))
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

func none(ws *cargo.Workspace, notes []string) error {
	why := "no default member of the workspace has a binary target"
	fix := "add a src/main.rs or a [[bin]], or list the programs in lpipe.toml: lambdas = [\"NAME\"]"
	if len(notes) > 0 {
		why = strings.Join(notes, "\n")
		fix = "turn the features on in lpipe.toml: [build] features = [...]"
	} else if len(ws.Packages) == 1 {
		why = fmt.Sprintf("the package %q has only a library", ws.Packages[0].Name)
	}
	return &fault.Error{Kind: fault.Usage, What: "there is no lambda to build", Why: why, Fix: fix}
}

// choose returns the lambdas that the selection names. The notes are why a program is no lambda.
func choose(all []*Lambda, s Selection, notes []string) ([]*Lambda, error) {
	if len(s.Names)+len(s.Dirs) == 0 {
		return all, nil
	}
	var l fault.List
	chosen := map[*Lambda]bool{}
	for _, name := range s.Names {
		var known []string
		hit := false
		for _, lambda := range all {
			known = append(known, lambda.Name)
			if ok, _ := path.Match(name, lambda.Name); ok {
				hit, chosen[lambda] = true, true
			}
		}
		for _, lambda := range all {
			if !slices.Contains(known, name) && lambda.Package.Name == name {
				hit, chosen[lambda] = true, true
			}
		}
		if !hit {
			l.Addf(fmt.Sprintf("there is no lambda %q", name), strings.Join(append([]string{"the lambdas are " + strings.Join(known, ", ")}, notes...), "\n"), suggest(name, known))
		}
	}
	for _, dir := range s.Dirs {
		hit := false
		for _, lambda := range all {
			if dir == "." || lambda.Package.Dir == dir || strings.HasPrefix(lambda.Package.Dir, dir+"/") {
				hit, chosen[lambda] = true, true
			}
		}
		if !hit {
			l.Addf(fmt.Sprintf("there is no lambda in %s", dir), "no package at or below it has a program that is a lambda", "")
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(lambda *Lambda) bool { return !chosen[lambda] }), l.Err()
}

func suggest(word string, known []string) string {
	if near := fault.Nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

func join[T fmt.Stringer](list []T) string {
	var s []string
	for _, e := range list {
		s = append(s, e.String())
	}
	return strings.Join(s, ", ")
}
