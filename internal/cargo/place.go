package cargo

import (
	"io/fs"
	"path"
)

// place finds the base and makes every path of the workspace relative to it.
func (l *loader) place(w *Workspace) {
	base := w.Root
	hold := func(folder string) { base = common(base, folder) }
	for _, p := range w.Packages {
		hold(p.Dir)
	}
	for _, m := range w.Foreign {
		hold(m.dir)
	}
	for _, f := range w.Config.Paths {
		hold(path.Dir(path.Dir(f)))
	}
	for _, f := range w.Config.Extra {
		hold(path.Dir(f))
	}
	for _, f := range w.Config.Folders {
		hold(f)
	}
	if w.Toolchain != nil {
		hold(path.Dir(w.Toolchain.Path))
	}
	l.outside(w, hold)
	w.Base = base
	move := func(p *string) { *p = rel(base, *p) }
	moveAll := func(list []string) {
		for i := range list {
			move(&list[i])
		}
	}
	move(&w.Root)
	move(&w.Dir)
	moveAll(w.Strays)
	for _, m := range l.manifests {
		if m != nil {
			move(&m.Path)
		}
	}
	for _, p := range w.Packages {
		move(&p.Dir)
		moveAll(p.Outside)
		moveAll(p.TestOutside)
	}
	move(&w.Lock.Path)
	moveAll(w.Config.Paths)
	moveAll(w.Config.Folders)
	moveAll(w.Config.Extra)
	for i := range w.Config.files {
		move(&w.Config.files[i].base)
	}
	if w.Config.TargetDir != "" {
		if !Within(base, w.Config.TargetDir) {
			w.Config.TargetDir = ""
		} else {
			move(&w.Config.TargetDir)
		}
	}
	if w.Toolchain != nil {
		move(&w.Toolchain.Path)
	}
	sub, err := fs.Sub(l.fsys, base)
	if err != nil {
		l.unreadable(base, err)
	}
	w.Files = NewFiles(sub)
	for name, sum := range l.sums {
		if Within(base, name) {
			w.Files.know(rel(base, name), sum)
		}
	}
}
