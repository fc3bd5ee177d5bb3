package plan

import (
	"fmt"
	"maps"
	"slices"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/fault"
)

// lateReaders are the packages whose library may come out otherwise with the variables of late-env, those that depend on
// such a one among them. They are compiled with the lambda's own code, since only there the variables are set. Like features,
// they are decided over all lambdas of the workspace.
func (f *found) lateReaders() map[*cargo.Package]bool {
	set := map[string]bool{}
	for _, l := range f.lambdas {
		for name := range l.Build.LateEnv {
			set[name] = true
		}
	}
	if len(set) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(set))
	reads := map[*cargo.Package]bool{}
	for _, p := range f.Workspace.Packages {
		reads[p] = f.Reach.NamesVariable(f.Workspace, p, names, false) != "" || f.Reach.ReadsAnyVariable(f.Workspace, p) != ""
	}
	late := map[*cargo.Package]bool{}
	for _, p := range f.Workspace.Packages {
		late[p] = slices.ContainsFunc(f.Workspace.Closure([]*cargo.Package{p}), func(q *cargo.Package) bool { return reads[q] })
	}
	return late
}

// tooEarly refuses variables of late-env that would not reach what reads them, and those that cargo's configuration sets.
func (f *found) tooEarly() error {
	var l fault.List
	said := map[string]bool{}
	for _, lambda := range f.chosen {
		for _, name := range slices.Sorted(maps.Keys(lambda.Build.LateEnv)) {
			at := f.Config.Origin(config.Key("lambda", lambda.Name, "late-env", name)).String()
			refuse := func(what, why string) {
				if !said[what] {
					said[what] = true
					l.Addf(what, why, "set it in env, with which the dependencies are compiled too")
				}
			}
			for _, s := range f.Workspace.Settings() {
				if len(s.Key) > 1 && s.Key[0] == "env" && s.Key[1] == name {
					refuse(fmt.Sprintf("%s: late-env has %s, and so has [env] of cargo's configuration (%s)", at, name, s.At()), "one of the two would have no effect")
					break
				}
			}
			for _, p := range f.Workspace.Closure([]*cargo.Package{lambda.Package}) {
				why := f.Reach.Packages[p].Unstubbable
				if why == "" {
					continue
				}
				if place := f.Reach.NamesVariable(f.Workspace, p, []string{name}, true); place != "" {
					refuse(fmt.Sprintf("%s: %s of late-env does not reach %s, which names it (%s)", at, name, p.Name, place),
						"the package is compiled with the dependencies: "+why)
				}
			}
		}
	}
	return l.Err()
}
