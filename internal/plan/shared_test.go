package plan

import (
	"strings"
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/reach"
)

// TestSharedLibraries writes a workspace as "package: what it depends on", and the wanted libraries likewise. A package whose
// name begins with ~ may read anything.
func TestSharedLibraries(t *testing.T) {
	for name, c := range map[string]struct{ workspace, want string }{
		"two lambdas with one set": {
			"a: x; b: x; x: y; y:", "a: y x; b: y x",
		},
		"a library of one lambda alone is compiled with it": {
			"a: x p; b: x; p:; x:", "a: x; b: x",
		},
		"no library in common": {
			"a: x; b: y; x:; y:", "a: x; b: y",
		},
		"a set in another is compiled once": {
			"a: x; b: x; c: x y; d: y x; x:; y:", "a: x; b: x; c: x | x y; d: x | x y",
		},
		"what two sets have in common is compiled once": {
			"a: x y z; b: x y z; c: w x y; d: w x y; w:; x:; y:; z:", "a: x y | x y z; b: x y | x y z; c: x y | x y w; d: x y | x y w",
		},
		"what a library depends on comes first": {
			"a: x; b: x; c: x; d: z; x: y; y: z; z:", "a: z | z y x; b: z | z y x; c: z | z y x; d: z",
		},
		"sets that overlap, each with one user": {
			"a: x y; b: y z; c: z w; d: w x; w:; x:; y:; z:", "a: x y; b: y z; c: w | w z; d: w | w x",
		},
		"three deep": {
			"a: x; b: x y; c: x y z; d: z; x:; y:; z:", "a: x; b: x | x y; c: x | x y | x y z; d: z",
		},
		"one that may read anything comes last": {
			"a: ~w x; b: ~w x; ~w:; x: y; y:", "a: y x | y x ~w; b: y x | y x ~w",
		},
		"with what depends on it": {
			"a: x y; b: x y; x: ~w; y:; ~w:", "a: y | y ~w x; b: y | y ~w x",
		},
		"and alone where there is nothing else": {
			"a: ~w; b: ~w; ~w:", "a: ~w; b: ~w",
		},
		"of a single lambda too": {
			"a: ~w x; ~w:; x:", "a: x | x ~w",
		},
		"a lambda that others use as a library": {
			"a: x b; b: x; c: x b; x:", "a: x | x b; b: x; c: x | x b",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ws, found := &cargo.Workspace{}, &reach.Findings{Packages: map[*cargo.Package]reach.Package{}}
			byName := map[string]*cargo.Package{}
			for _, line := range strings.Split(c.workspace, ";") {
				name, _, _ := strings.Cut(strings.TrimSpace(line), ":")
				byName[name] = &cargo.Package{Name: name, Dir: name, Lib: &cargo.Target{Name: name}}
				if strings.HasPrefix(name, "~") {
					found.Packages[byName[name]] = reach.Package{ReadsWorkspace: "it"}
				}
				ws.Packages = append(ws.Packages, byName[name])
			}
			var lambdas []*Lambda
			for _, line := range strings.Split(c.workspace, ";") {
				name, deps, _ := strings.Cut(strings.TrimSpace(line), ":")
				for _, d := range strings.Fields(deps) {
					byName[name].Locals = append(byName[name].Locals, byName[d])
				}
				if name < "e" {
					lambdas = append(lambdas, &Lambda{Package: byName[name]})
				}
			}
			libs := shared(ws, found, lambdas, nil)
			var got []string
			for _, l := range lambdas {
				var sets []string
				for _, set := range libs[l.Package] {
					var names []string
					for _, p := range set {
						names = append(names, p.Name)
					}
					sets = append(sets, strings.Join(names, " "))
				}
				if sets != nil {
					got = append(got, l.Package.Name+": "+strings.Join(sets, " | "))
				}
			}
			if s := strings.Join(got, "; "); s != c.want {
				t.Errorf("got  %s\nwant %s", s, c.want)
			}
		})
	}
}
