package cargo

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"lpipe/internal/fault"
)

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
			l.override(path.Join(base, to), m.At(at...), fault.Quote(name)+" through ["+where+"]")
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
			l.override(path.Join(f.base, to), f.doc.at("paths"), "a dependency through paths in "+f.doc.name)
		}
	}
}

func (l *loader) override(dir, at, replaces string) {
	if !l.enter(dir, func() string { return at + ": the package " + fault.Quote(Rel(l.root.dir, dir)) }) {
		return
	}
	p := l.load(dir, l.isMember(dir))
	if p == nil {
		if l.absent(dir) {
			l.report(at+" names a package that does not exist", "there is no Cargo.toml in "+l.show(dir), "correct its path")
		}
		return
	}
	p.Replaces = cmp.Or(p.Replaces, replaces)
}
