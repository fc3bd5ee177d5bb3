package cargo

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// whole is a package for which no stub can stand, and why.
type whole struct {
	pkg *Package
	why string
}

// keepWhole marks the package and what it is compiled from.
func (p *Package) keepWhole(why string) {
	if p.Whole {
		return
	}
	p.Whole, p.Why = true, why
	for _, l := range p.Locals {
		l.keepWhole("a part of " + p.Name + ", which is copied whole")
	}
}

// overrides reads the packages that stand in for foreign ones, which foreign crates may be compiled against.
func (l *loader) overrides(w *Workspace) {
	patch := func(m *Manifest, key []string, base string, table table) {
		for _, name := range slices.Sorted(maps.Keys(table)) {
			to, ok := get(table, name, "path").(string)
			if !ok {
				continue
			}
			at := append(slices.Clone(key), name)
			where := strings.Join(key, ".")
			if path.IsAbs(to) {
				l.report(m.At(at...)+" has an absolute path", "the build runs elsewhere, where "+to+" does not exist", "write it relative to the manifest")
				continue
			}
			l.override(path.Join(base, to), m.At(at...), "it replaces "+quote(name)+" through ["+where+"]")
		}
	}
	root := l.root
	for _, source := range slices.Sorted(maps.Keys(asTable(root.Tree["patch"]))) {
		patch(root, []string{"patch", source}, root.dir, asTable(get(root.Tree, "patch", source)))
	}
	patch(root, []string{"replace"}, root.dir, asTable(root.Tree["replace"]))
	for _, f := range w.Config.files {
		m := &Manifest{doc: f.doc}
		for _, source := range slices.Sorted(maps.Keys(asTable(f.doc.get("patch")))) {
			patch(m, []string{"patch", source}, f.base, asTable(f.doc.get("patch", source)))
		}
		for _, to := range asStrings(f.doc.get("paths")) {
			if path.IsAbs(to) {
				l.report(f.doc.at("paths")+" has an absolute path", "the build runs elsewhere, where "+to+" does not exist", "write it relative to the folder above .cargo")
				continue
			}
			l.override(path.Join(f.base, to), f.doc.at("paths"), "it replaces a dependency through paths in "+f.doc.name)
		}
	}
}

func (l *loader) override(dir, at, why string) {
	if !l.enter(dir, at+": the package "+quote(rel(l.root.dir, dir))) {
		return
	}
	p := l.load(dir, l.isMember(dir))
	if p == nil {
		if l.absent(dir) {
			l.report(at+" names a package that does not exist", "there is no Cargo.toml in "+l.show(dir), "correct its path")
		}
		return
	}
	l.later = append(l.later, whole{p, why})
}

// keepTwins keeps packages whole that share a name: stubs of both would be one and the same in the lock file.
func (l *loader) keepTwins() {
	byName := map[string][]*Package{}
	for _, p := range l.packages {
		if p != nil {
			byName[p.Name] = append(byName[p.Name], p)
		}
	}
	for name, twins := range byName {
		if len(twins) < 2 {
			continue
		}
		for _, p := range twins {
			l.later = append(l.later, whole{p, fmt.Sprintf("several local packages are called %s", name)})
		}
	}
}
