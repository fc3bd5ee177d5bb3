package cargo

import (
	"slices"
	"strings"
)

// Reachable returns the locked packages that the local packages depend on, directly or not, in the order of the
// lock file; foreign ones and local ones alike.
func (k *Lock) Reachable(from []*Package) []LockPackage {
	reached := make([]bool, len(k.Packages))
	var visit func(want string)
	visit = func(want string) {
		words := strings.Fields(want)
		for i, p := range k.Packages {
			// Where name and version leave a choice of sources, all are taken.
			if p.Name != words[0] || len(words) > 1 && p.Version != words[1] || reached[i] {
				continue
			}
			reached[i] = true
			for _, d := range p.Dependencies {
				if d != "" {
					visit(d)
				}
			}
		}
	}
	for _, p := range from {
		if i := slices.IndexFunc(k.Packages, func(l LockPackage) bool { return l.Source == nil && l.Name == p.Name }); i >= 0 {
			visit(p.Name + " " + k.Packages[i].Version)
		}
	}
	var all []LockPackage
	for i, p := range k.Packages {
		if reached[i] {
			all = append(all, p)
		}
	}
	return all
}
