package plan

import (
	"cmp"
	"slices"
	"strings"

	"lpipe/internal/cargo"
	"lpipe/internal/pattern"
	"lpipe/internal/reach"
)

// Stratum is one step of several in which the crates of a registry are compiled: its crates, sorted by name and version,
// beside those of the strata below. A stratum is the same, and found in a cache, as long as no crate of it and below changes.
type Stratum []cargo.LockPackage

// leastAbove are how long the longest chain of crates above a crate of a stratum is at least, from the lowest stratum on: its
// user, the user of that, and so on. Above a crate are more than above each of its users, so what it depends on is in its
// stratum or below. One user more rarely makes the longest chain longer, so crates stay where they are; a stratum that one
// enters or leaves compiles again, with all above. The crates that nobody but the project depends on are what is updated
// most, and often the largest, as the SDK's of a service.
var leastAbove = []int{4, 1, 0}

// minStrata is how many crates of registries there are at least where they are compiled in strata. Below that, all of them
// compile about as fast as the steps start.
const minStrata = 60

// Strata parts the crates that the lock file of ws names, nil where they are better compiled in one step: where there are few
// of them, or where what they are compiled of may change under one version. Crates of git repositories are in no stratum, nor
// are those that depend on such a crate or on a local package, and those whose name and version is that of another package.
// The result depends on the lock file and manifests alone.
func Strata(ws *cargo.Workspace, found *reach.Findings) []Stratum {
	if !versioned(ws, found) {
		return nil
	}
	strata := cut(ws.Lock.Packages)
	count := 0
	for _, s := range strata {
		count += len(s)
	}
	if count < minStrata {
		return nil
	}
	return strata
}

// StrataOf parts likewise, in as many strata, the crates that p and the local packages it depends on need, for a package that
// is compiled with features of its own: what other packages of the workspace need besides changes none of its strata.
func StrataOf(ws *cargo.Workspace, p *cargo.Package) []Stratum {
	return cut(ws.Lock.Reachable(ws.Closure([]*cargo.Package{p})))
}

// EveryPackage is in the place of a package where the crates are compiled for all.
const EveryPackage = "-"

// StrataByPackage returns the strata by the names of the packages for which they are compiled: of each with programs where
// packages have features of their own, or else of [EveryPackage]. It is nil where [Strata] is.
func StrataByPackage(ws *cargo.Workspace, found *reach.Findings, separate bool) map[string][]Stratum {
	all := Strata(ws, found)
	if all == nil {
		return nil
	}
	if !separate {
		return map[string][]Stratum{EveryPackage: all}
	}
	of := map[string][]Stratum{}
	for _, p := range ws.Packages {
		if p.Member && len(p.Programs()) > 0 {
			of[p.Name] = StrataOf(ws, p)
		}
	}
	return of
}

// cut parts packages of a lock file.
func cut(packages []cargo.LockPackage) []Stratum {
	g := newCrateGraph(packages)
	strata := make([]Stratum, len(leastAbove))
	for i := range packages {
		if g.eligible[i] {
			n := g.above(i)
			at := slices.IndexFunc(leastAbove, func(least int) bool { return n >= least })
			strata[at] = append(strata[at], packages[i])
		}
	}
	for _, s := range strata {
		slices.SortFunc(s, func(a, b cargo.LockPackage) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
		})
	}
	return strata
}

// crateGraph is which packages of a lock file depend on which.
type crateGraph struct {
	packages []cargo.LockPackage
	from     [][]int // by package: the foreign packages that depend on it
	eligible []bool  // for a stratum
	chain    []int   // by package: the longest chain above it, -1 where nobody has asked
}

func newCrateGraph(packages []cargo.LockPackage) *crateGraph {
	n := len(packages)
	g := &crateGraph{packages: packages, from: make([][]int, n), eligible: make([]bool, n), chain: slices.Repeat([]int{-1}, n)}
	byName := map[string][]int{}
	for i, p := range g.packages {
		byName[p.Name] = append(byName[p.Name], i)
	}
	for i, p := range g.packages {
		g.eligible[i] = ofRegistry(p) && !slices.ContainsFunc(byName[p.Name], func(j int) bool { return j != i && g.packages[j].Version == p.Version })
		for _, d := range p.Dependencies {
			words := strings.Fields(d)
			for _, j := range byName[words[0]] {
				if len(words) > 1 && g.packages[j].Version != words[1] {
					continue
				}
				if p.Source != nil {
					g.from[j] = append(g.from[j], i)
				}
			}
		}
	}
	// What depends on a package that is in no stratum is in none either.
	var out []int
	for i, ok := range g.eligible {
		if !ok {
			out = append(out, i)
		}
	}
	for len(out) > 0 {
		i := out[len(out)-1]
		out = out[:len(out)-1]
		for _, user := range g.from[i] {
			if g.eligible[user] {
				g.eligible[user] = false
				out = append(out, user)
			}
		}
	}
	return g
}

// ofRegistry reports that a package is a crate whose content the lock file has the checksum of, and whose registry has an
// index of files.
func ofRegistry(p cargo.LockPackage) bool {
	if p.Source == nil || p.Checksum == "" || !crateName().MatchString(p.Name) || !crateVersion().MatchString(p.Version) {
		return false
	}
	return p.Source.Kind == "sparse" || p.Source.Kind == "registry" && p.Source.URL == cargo.CratesIO
}

// crateName and crateVersion are what the steps take for names and versions.
var (
	crateName    = pattern.Of(`^[A-Za-z][A-Za-z0-9_-]*$`)
	crateVersion = pattern.Of(`^[0-9][A-Za-z0-9.+-]*$`)
)

// above is how long the longest chain of foreign packages is that depend on each other and at last on the one at i. Cargo
// writes no lock file with a circle; of one that has some, any number is right.
func (g *crateGraph) above(i int) int {
	if g.chain[i] < 0 {
		g.chain[i] = 0
		n := 0
		for _, user := range g.from[i] {
			n = max(n, g.above(user)+1)
		}
		g.chain[i] = n
	}
	return g.chain[i]
}
