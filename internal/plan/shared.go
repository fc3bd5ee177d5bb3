package plan

import (
	"maps"
	"slices"
	"strings"

	"lpipe/internal/cargo"
)

// libraries are local packages in the order of the workspace, closed: what one of them depends on is among them.
type libraries []*cargo.Package

func (l libraries) key() string {
	var dirs []string
	for _, p := range l {
		dirs = append(dirs, p.Dir)
	}
	return strings.Join(dirs, "\n")
}

// both returns the libraries that are also in other. It is closed, since both sets are.
func (l libraries) both(other libraries) libraries {
	return slices.DeleteFunc(slices.Clone(l), func(p *cargo.Package) bool { return !slices.Contains(other, p) })
}

// shared chooses for each lambda's package the local libraries that are compiled in a step of their own, for it and for
// others. Packages with equal sets of shared libraries form a group. One whose set is its own joins the group with the
// largest part of it, or else makes a group with the package that has most in common; what is left of its set
// is compiled with the lambda. One that has nothing in common with others has all libraries it uses for itself, its
// own one too if that can be compiled apart from the program: so an edit of a program compiles that program alone.
// Like features, it is decided over all lambdas of the workspace.
func shared(ws *cargo.Workspace, all []*Lambda) map[*cargo.Package]libraries {
	closures := map[*cargo.Package]libraries{}
	users := map[*cargo.Package]int{}
	for _, l := range all {
		if closures[l.Package] == nil {
			closures[l.Package] = ws.Closure([]*cargo.Package{l.Package})
			for _, p := range closures[l.Package] {
				users[p]++
			}
		}
	}
	members := map[string][]*cargo.Package{}
	sets := map[*cargo.Package]libraries{}
	for pkg, closure := range closures {
		set := slices.DeleteFunc(slices.Clone(closure), func(p *cargo.Package) bool {
			return p == pkg || users[p] < 2 || p.Lib == nil || p.Whole
		})
		if len(set) > 0 {
			sets[pkg] = set
			members[set.key()] = append(members[set.key()], pkg)
		}
	}

	chosen := map[*cargo.Package]libraries{}
	var groups []libraries
	var alone []*cargo.Package
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if pkgs := members[key]; len(pkgs) > 1 {
			groups = append(groups, sets[pkgs[0]])
			for _, pkg := range pkgs {
				chosen[pkg] = sets[pkg]
			}
		} else {
			alone = append(alone, pkgs[0])
		}
	}
	for _, pkg := range alone {
		var best libraries
		for _, g := range groups {
			if len(g) > len(best) && len(g.both(sets[pkg])) == len(g) {
				best = g
			}
		}
		var partner *cargo.Package
		if best == nil {
			for _, other := range alone {
				if common := sets[pkg].both(sets[other]); other != pkg && chosen[other] == nil && len(common) > len(best) {
					best, partner = common, other
				}
			}
		}
		if best == nil {
			continue
		}
		chosen[pkg] = best
		if partner != nil {
			chosen[partner] = best
			groups = append(groups, best)
		}
	}
	for pkg, closure := range closures {
		if chosen[pkg] != nil {
			continue
		}
		own := slices.DeleteFunc(slices.Clone(closure), func(p *cargo.Package) bool {
			return p.Lib == nil || p.Whole || p == pkg && !ws.Apart(p)
		})
		if len(own) > 0 {
			chosen[pkg] = own
		}
	}
	return chosen
}
