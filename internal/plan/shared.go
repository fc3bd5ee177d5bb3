package plan

import (
	"cmp"
	"slices"

	"lpipe/internal/cargo"
	"lpipe/internal/reach"
)

// Libraries are local packages, closed: what one of them depends on is among them.
type Libraries = []*cargo.Package

// shared chooses for each lambda's package the local libraries that are compiled in steps of their own: those that it
// shares with others. One that shares none has all libraries it uses for itself, its own one too if that can be compiled
// apart from the program: so an edit of a program compiles that program alone. Like features, it is decided over all
// lambdas of the workspace. late are packages that are not compiled before the lambda's own code.
func shared(ws *cargo.Workspace, found *reach.Findings, all []*Lambda, late map[*cargo.Package]bool) map[*cargo.Package][]Libraries {
	closures := map[*cargo.Package]Libraries{}
	users := map[*cargo.Package]int{}
	for _, l := range all {
		if closures[l.Package] == nil {
			closures[l.Package] = ws.Closure([]*cargo.Package{l.Package})
			for _, p := range closures[l.Package] {
				users[p]++
			}
		}
	}
	sets := map[*cargo.Package]Libraries{}
	for pkg, closure := range closures {
		set := slices.DeleteFunc(slices.Clone(closure), func(p *cargo.Package) bool {
			return p == pkg || users[p] < 2 || p.Lib == nil || late[p] || found.Packages[p].Unstubbable != ""
		})
		if len(set) == 0 {
			set = slices.DeleteFunc(slices.Clone(closure), func(p *cargo.Package) bool {
				return p.Lib == nil || late[p] || found.Packages[p].Unstubbable != "" || p == pkg && !found.Packages[p].LibIndependent
			})
		}
		if len(set) > 0 {
			sets[pkg] = set
		}
	}
	return nest(ws, found, sets, users)
}

// nest cuts each set where another one goes on differently, so that what they have in common is compiled once. All are in
// one order, the libraries with most users first: then most is in common, and what a library depends on, which has all
// of its users and more, comes before it. Those that may read anything in the workspace come last, with what depends on
// them, in a step of their own: every edit compiles them again, and nothing else.
func nest(ws *cargo.Workspace, found *reach.Findings, sets map[*cargo.Package]Libraries, users map[*cargo.Package]int) map[*cargo.Package][]Libraries {
	below, wide := map[*cargo.Package]int{}, map[*cargo.Package]int{}
	for _, set := range sets {
		for _, p := range set {
			if below[p] > 0 {
				continue
			}
			closure := ws.Closure([]*cargo.Package{p})
			below[p] = len(closure)
			if slices.ContainsFunc(closure, func(q *cargo.Package) bool { return found.Packages[q].ReadsWorkspace != "" }) {
				wide[p] = 1
			}
		}
		slices.SortFunc(set, func(a, b *cargo.Package) int {
			return cmp.Or(wide[a]-wide[b], users[b]-users[a], below[a]-below[b], cmp.Compare(a.Dir, b.Dir))
		})
	}
	chosen := map[*cargo.Package][]Libraries{}
	for pkg, set := range sets {
		var cuts []int // its own end among them, since sets has the set itself
		for _, other := range sets {
			if n := common(set, other); n > 0 {
				cuts = append(cuts, n)
			}
		}
		if n := slices.IndexFunc(set, func(p *cargo.Package) bool { return wide[p] > 0 }); n > 0 {
			cuts = append(cuts, n)
		}
		slices.Sort(cuts)
		for _, n := range slices.Compact(cuts) {
			chosen[pkg] = append(chosen[pkg], set[:n:n])
		}
	}
	return chosen
}

// common returns how many libraries the two begin with alike.
func common(a, b Libraries) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}
