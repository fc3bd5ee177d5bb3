package plan

import (
	"strings"
	"testing"

	"lpipe/internal/cargo"
)

// TestSharedLibraries writes a workspace as "package: what it depends on", and the wanted libraries likewise.
func TestSharedLibraries(t *testing.T) {
	for name, c := range map[string]struct{ workspace, want string }{
		"two lambdas with one set": {
			"a: x; b: x; x: y; y:", "a: x y; b: x y",
		},
		"a library of one lambda alone is compiled with it": {
			"a: x p; b: x; p:; x:", "a: x; b: x",
		},
		"no library in common": {
			"a: x; b: y; x:; y:", "a: x; b: y",
		},
		"a larger set takes the group whose set is a part of it": {
			"a: x; b: x; c: x y; d: y; x:; y:", "a: x; b: x; c: x; d: y",
		},
		"sets that overlap, each with one user": {
			"a: x y; b: y z; c: z w; d: w x; w:; x:; y:; z:", "a: y; b: y; c: w; d: w",
		},
		"a lambda that others use as a library": {
			"a: x b; b: x; c: x b; x:", "a: b x; b: x; c: b x",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ws := &cargo.Workspace{}
			byName := map[string]*cargo.Package{}
			for _, line := range strings.Split(c.workspace, ";") {
				name, _, _ := strings.Cut(strings.TrimSpace(line), ":")
				byName[name] = &cargo.Package{Name: name, Dir: name, Lib: &cargo.Target{Name: name}}
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
			libs := shared(ws, lambdas)
			var got []string
			for _, l := range lambdas {
				var names []string
				for _, p := range libs[l.Package] {
					names = append(names, p.Name)
				}
				if names != nil {
					got = append(got, l.Package.Name+": "+strings.Join(names, " "))
				}
			}
			if s := strings.Join(got, "; "); s != c.want {
				t.Errorf("got  %s\nwant %s", s, c.want)
			}
		})
	}
}
