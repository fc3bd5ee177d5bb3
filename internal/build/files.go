package build

import (
	"maps"
	"path"
	"path/filepath"
	"slices"

	"lpipe/internal/dockerfile"
	"lpipe/internal/skeleton"
)

// Watched are the paths of the files whose change is one of what is built. The folders for the results are made first, since their
// coming would change those of sources.
func (r *Request) Watched() []string {
	for _, t := range r.Targets {
		_ = t.MakeOutput() // where that fails, the build does, and says so
	}
	return r.files()
}

// files are the paths of the files that the contexts of the request were made of, of its settings and of their folders: where
// none of these changed, the same request comes out again.
func (r *Request) files() []string {
	all := map[string]bool{}
	for _, t := range r.Targets {
		base := filepath.Join("/", t.Plan.Workspace.Base)
		add := func(name string) {
			for all[filepath.Join(base, name)] = true; name != "."; {
				name = path.Dir(name)
				all[filepath.Join(base, name)] = true
			}
		}
		for name, c := range t.Job.Contexts {
			if name == dockerfile.Smoke { // whose files are no files of the project
				continue
			}
			if tree, ok := c.(*skeleton.Tree); ok {
				for _, name := range tree.Paths() {
					add(name)
				}
			}
		}
		for _, p := range t.Plan.Workspace.Packages {
			add(p.Manifest.Path)
		}
		for _, event := range t.Lambda.Build.Smoke {
			add(path.Join(t.Lambda.Package.Dir, event))
		}
		all[t.ConfigFile()] = true
	}
	return slices.Sorted(maps.Keys(all))
}
