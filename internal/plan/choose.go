package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/fault"
)

// choose sets the lambdas of each project that are wanted.
func choose(all []*found, wants []Want) error {
	if len(wants) == 0 {
		if !slices.ContainsFunc(all, func(f *found) bool { return len(f.lambdas) > 0 }) {
			return none(all)
		}
		chosen := map[*Lambda]bool{}
		for _, f := range all {
			for _, lambda := range f.lambdas {
				chosen[lambda] = true
			}
		}
		return chooseAll(all, chosen)
	}
	var l fault.List
	chosen := map[*Lambda]bool{}
	for _, w := range wants {
		hits, err := w.hits(all)
		l.Add(err)
		for _, lambda := range hits {
			chosen[lambda] = true
		}
	}
	l.Add(chooseAll(all, chosen))
	return l.Err()
}

// chooseAll takes the lambdas of each project that are chosen, and the extensions among their layers.
func chooseAll(all []*found, chosen map[*Lambda]bool) error {
	var l fault.List
	for _, f := range all {
		l.Add(f.addExtensions(chosen))
		l.Add(f.choose(chosen))
	}
	return l.Err()
}

// addExtensions chooses the extensions among the layers of the lambdas that are chosen.
func (f *found) addExtensions(chosen map[*Lambda]bool) error {
	var l fault.List
	programs := slices.Concat(f.lambdas, f.nonDefault)
	for _, lambda := range programs {
		if !chosen[lambda] {
			continue
		}
		for _, name := range lambda.Build.Layers {
			if _, files := f.Config.Layer[name]; files {
				continue
			}
			at := f.Config.Origin(config.Key("lambda", lambda.Name, "layers"))
			i := slices.IndexFunc(programs, func(e *Lambda) bool { return e.Extension && e.Name == name })
			if i < 0 {
				l.Addf(fmt.Sprintf("%s: the extension %s is no program of the project of %s", at, name, lambda.Name), "what runs beside a function is built with it",
					"move it into this workspace, and name it in lambdas where that is set, or take it out of layers")
				continue
			}
			for _, arch := range lambda.Build.Arch {
				if !slices.Contains(programs[i].Build.Arch, arch) {
					l.Addf(fmt.Sprintf("%s: the extension %s is not built for %s, as %s is", at, name, arch, lambda.Name), "", "add it to arch of the extension")
				}
			}
			chosen[programs[i]] = true
		}
	}
	return l.Err()
}

// choose takes the lambdas that are chosen. With one from outside of the default members among them, all programs of the
// project are its lambdas: so what two of them share is the same whichever are chosen.
func (f *found) choose(chosen map[*Lambda]bool) error {
	var l fault.List
	for i, lambda := range f.nonDefault {
		if !chosen[lambda] {
			continue
		}
		f.all = true
		for _, other := range slices.Concat(f.lambdas, f.nonDefault[:i], f.nonDefault[i+1:]) {
			if other.Name == lambda.Name {
				l.Add(sameName(other, lambda))
				break
			}
		}
	}
	if f.all {
		f.lambdas = slices.Concat(f.lambdas, f.nonDefault)
		sortByName(f.lambdas)
	}
	f.chosen = slices.DeleteFunc(slices.Clone(f.lambdas), func(lambda *Lambda) bool { return !chosen[lambda] })
	return l.Err()
}

// hits returns the lambdas that are wanted: those of the default members, or else those of other members.
func (w Want) hits(all []*found) ([]*Lambda, error) {
	byDefault := func(f *found) []*Lambda { return f.lambdas }
	nonDefault := func(f *found) []*Lambda { return f.nonDefault }
	if w.All {
		var hits []*Lambda
		for _, f := range all {
			hits = append(append(hits, f.lambdas...), f.nonDefault...)
		}
		if len(hits) == 0 {
			return nil, none(all)
		}
		return hits, nil
	}
	if w.Name {
		for _, of := range []func(*found) []*Lambda{byDefault, nonDefault} {
			if hits, err := named(all, of, w.Given); len(hits) > 0 || err != nil {
				return hits, err
			}
		}
	}
	for _, of := range []func(*found) []*Lambda{byDefault, nonDefault} {
		if hits := below(all, of, w.Paths); len(hits) > 0 {
			return hits, nil
		}
	}
	return nil, unknown(all, w)
}

// below returns the lambdas of the packages at or below the folders.
func below(all []*found, of func(*found) []*Lambda, folders []string) []*Lambda {
	var hits []*Lambda
	for _, f := range all {
		for _, lambda := range of(f) {
			dir := path.Join(f.Workspace.Base, lambda.Package.Dir)
			if slices.ContainsFunc(folders, func(folder string) bool { return cargo.Within(folder, dir) }) {
				hits = append(hits, lambda)
			}
		}
	}
	return hits
}

func unknown(all []*found, w Want) error {
	if !w.Name {
		f := &fault.Error{
			Kind: fault.Usage, What: "there is no lambda in " + w.Given, Why: "no package at or below it has a program that is a lambda",
			Fix: "lpipe plan lists the lambdas; name one, or a folder that holds one", Err: ErrNoLambda,
		}
		if !slices.ContainsFunc(all, func(f *found) bool { return len(f.lambdas)+len(f.nonDefault) > 0 }) {
			f.Fix = addProgram
		}
		return f
	}
	var known, notes []string
	for _, f := range all {
		for _, lambda := range slices.Concat(f.lambdas, f.nonDefault) {
			known = append(known, lambda.Name)
		}
		notes = append(append(notes, f.notes...), f.asides...)
		if len(f.Config.Lambdas) > 0 && slices.Contains(f.known, w.Given) {
			return &fault.Error{
				Kind: fault.Usage, What: fmt.Sprintf("%q is a program but no lambda", w.Given),
				Why: fmt.Sprintf("%s: lambdas leaves it out", f.Config.Origin("lambdas")), Fix: "add it there",
			}
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	for _, note := range notes {
		if strings.Contains(note, "/"+w.Given+" is no lambda") {
			return &fault.Error{
				Kind: fault.Usage, What: fmt.Sprintf("there is no lambda %q", w.Given), Why: note,
				Fix: fmt.Sprintf("write [%s] into lpipe.toml, or name one of these: %s", config.Key("lambda", w.Given), strings.Join(known, ", ")),
			}
		}
	}
	return &fault.Error{
		Kind: fault.Usage, What: fmt.Sprintf("there is no lambda %q", w.Given),
		Why: strings.Join(append([]string{"the lambdas are " + strings.Join(known, ", ")}, notes...), "\n"), Fix: suggest(w.Given, known, "name one of them"),
	}
}

// qualified is the lambda's name with the folder of its project.
func (f *found) qualified(lambda *Lambda) string { return path.Join(f.folder, lambda.Name) }

// named returns the lambdas that a pattern hits, or the one of that name, or else those of the package of that name. A
// name may be qualified, and must be where several projects have it. It returns nothing when there is none.
func named(all []*found, of func(*found) []*Lambda, name string) ([]*Lambda, error) {
	var places []string
	var hits []*Lambda
	look := func(is func(f *found, lambda *Lambda) bool) {
		for _, f := range all {
			before := len(hits)
			for _, lambda := range of(f) {
				if is(f, lambda) {
					hits = append(hits, lambda)
				}
			}
			if len(hits) > before {
				places = append(places, f.qualified(hits[before]))
			}
		}
	}
	pattern := strings.ContainsAny(name, `*?[\`)
	if pattern {
		look(func(f *found, lambda *Lambda) bool {
			short, _ := path.Match(name, lambda.Name)
			long, _ := path.Match(name, f.qualified(lambda))
			return short || long
		})
	} else {
		for _, is := range []func(f *found, lambda *Lambda) bool{
			func(f *found, lambda *Lambda) bool { return f.qualified(lambda) == name },
			func(_ *found, lambda *Lambda) bool { return lambda.Name == name },
			func(_ *found, lambda *Lambda) bool { return lambda.Package.Name == name },
		} {
			if len(hits) == 0 {
				look(is)
			}
		}
	}
	if len(places) > 1 && !pattern {
		return nil, &fault.Error{
			Kind: fault.Usage, What: fmt.Sprintf("there are %d lambdas called %q", len(places), name),
			Why: "they are " + strings.Join(places, ", "), Fix: "say which one: " + places[0] + ", or the path of its project",
		}
	}
	return hits, nil
}

// distinguish sets Within of the lambdas that share their name with one of another project, chosen or not: what a lambda
// is called is not to depend on what else is built.
func distinguish(all []*found) {
	count := map[string]int{}
	for _, f := range all {
		for _, lambda := range f.lambdas {
			count[lambda.Name]++
		}
	}
	for _, f := range all {
		for _, lambda := range f.lambdas {
			if count[lambda.Name] > 1 {
				lambda.Within = f.folder
			}
		}
	}
}
