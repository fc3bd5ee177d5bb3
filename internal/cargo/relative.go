package cargo

import (
	"maps"
	"path"
	"slices"
)

// RelativeTo returns the workspace with all paths relative to base, which is relative to FS and holds the folders of
// all packages. A target folder that lies elsewhere is left out.
func (w *Workspace) RelativeTo(base string) *Workspace {
	move := func(name string) string { return Rel(base, path.Join(w.Base, name)) }
	moved := func(list []string) []string {
		list = slices.Clone(list)
		for i, name := range list {
			list[i] = move(name)
		}
		return list
	}
	manifests := map[*Manifest]*Manifest{nil: nil}
	manifest := func(m *Manifest) *Manifest {
		if _, known := manifests[m]; !known {
			out := *m
			out.Path = move(m.Path)
			manifests[m] = &out
		}
		return manifests[m]
	}
	packages := map[*Package]*Package{}
	for _, p := range w.Packages {
		out := *p
		out.Dir, out.Manifest, out.root = move(p.Dir), manifest(p.Manifest), manifest(p.root)
		packages[p] = &out
	}
	chosen := func(list []*Package) []*Package {
		list = slices.Clone(list)
		for i, p := range list {
			list[i] = packages[p]
		}
		return list
	}
	out := *w
	out.Base, out.Root, out.Dir, out.Strays = base, move(w.Root), move(w.Dir), moved(w.Strays)
	out.Manifest, out.Foreign, out.Packages = manifest(w.Manifest), slices.Clone(w.Foreign), chosen(w.Packages)
	for i, m := range w.Foreign {
		out.Foreign[i] = manifest(m)
	}
	for _, p := range out.Packages {
		p.Locals, p.BuildLocals, p.ArtifactLocals = chosen(p.Locals), chosen(p.BuildLocals), chosen(p.ArtifactLocals)
	}
	lock := *w.Lock
	lock.Path = move(lock.Path)
	out.Lock = &lock
	c := &out.Config
	c.Env = maps.Clone(c.Env)
	for name, e := range c.Env {
		if e.Path != "" {
			e.Path = move(e.Path)
			c.Env[name] = e
		}
	}
	c.Paths, c.Folders, c.Extra, c.files = moved(c.Paths), moved(c.Folders), moved(c.Extra), slices.Clone(c.files)
	for i := range c.files {
		c.files[i].base = move(c.files[i].base)
	}
	if c.TargetDir != "" {
		if c.TargetDir = move(c.TargetDir); !Within(".", c.TargetDir) {
			c.TargetDir = ""
		}
	}
	if w.Toolchain != nil {
		toolchain := *w.Toolchain
		toolchain.Path = move(toolchain.Path)
		out.Toolchain = &toolchain
	}
	return &out
}
