package plan

import (
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/reach"
)

// TestCompiledDependenciesAreKeptWhereCargoSeesWhatChanges: cargo sees it by versions and revisions alone.
func TestCompiledDependenciesAreKeptWhereCargoSeesWhatChanges(t *testing.T) {
	foreign := cargo.LockPackage{Name: "itoa", Source: &cargo.Source{Kind: "registry"}}
	git := cargo.LockPackage{Name: "moved", Source: &cargo.Source{Kind: "git"}}
	for name, c := range map[string]struct {
		change func(*cargo.Workspace)
		build  config.Build
		want   bool
	}{
		"a crate of a registry": {func(*cargo.Workspace) {}, config.Build{}, true},
		"a git repository":      {func(w *cargo.Workspace) { w.Lock.Packages = append(w.Lock.Packages, git) }, config.Build{}, true},
		"a patch with a folder": {func(w *cargo.Workspace) { w.Packages[1].Replaces = "it" }, config.Build{}, false},
		"vendored sources":      {func(w *cargo.Workspace) { w.Config.Folders = []string{"vendor"} }, config.Build{}, false},
		"sources that the base image brings": {
			func(w *cargo.Workspace) {
				w.Config.Sources = map[string]cargo.ConfigSource{"debian": {Directory: "/usr/share/cargo/registry"}}
			},
			config.Build{},
			true,
		},
		"the network while compiling": {func(*cargo.Workspace) {}, config.Build{Network: "default"}, false},
		"no dependencies":             {func(w *cargo.Workspace) { w.Lock.Packages = w.Lock.Packages[1:] }, config.Build{}, false},
		"a lambda more": {
			func(w *cargo.Workspace) {
				w.Packages = append(w.Packages, &cargo.Package{Name: "new", Dir: "new"})
			},
			config.Build{},
			true,
		},
	} {
		w := &cargo.Workspace{
			Packages: []*cargo.Package{{Name: "api", Dir: "."}, {Name: "shared", Dir: "shared"}},
			Lock:     &cargo.Lock{Packages: []cargo.LockPackage{foreign, {Name: "api"}, {Name: "shared"}}},
		}
		c.change(w)
		found := &reach.Findings{Packages: map[*cargo.Package]reach.Package{w.Packages[1]: {Unstubbable: w.Packages[1].Replaces}}}
		if got := warm(w, found, c.build); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
