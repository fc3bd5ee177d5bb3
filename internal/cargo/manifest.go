package cargo

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"lpipe/internal/disk"
	"lpipe/internal/parallel"
)

// Manifest is a Cargo.toml as written: nothing is inherited or defaulted yet.
type Manifest struct {
	Path string // relative to Base
	Data []byte
	Tree map[string]any

	dir string // its folder, relative to the file system Load was given
	doc *document
}

// Dependency is one entry of a dependency table.
type Dependency struct {
	Key   []string // where it stands: {"target", "cfg(unix)", "dev-dependencies", "foo"}
	Kind  string   // "dependencies", "dev-dependencies" or "build-dependencies"
	Name  string   // the key, which is the package's name unless Spec renames it
	Spec  map[string]any
	Plain bool // written as a version alone; Spec then holds just that
}

// Package returns the [package] table, under its old name [project] too, or nil for a virtual manifest.
func (m *Manifest) Package() map[string]any {
	if t := asTable(m.Tree["package"]); t != nil {
		return t
	}
	return asTable(m.Tree["project"])
}

// Workspace returns the [workspace] table, or nil.
func (m *Manifest) Workspace() map[string]any { return asTable(m.Tree["workspace"]) }

// At returns file:line:column of a key for messages.
func (m *Manifest) At(key ...string) string { return m.doc.at(key...) }

// kinds are the dependency tables; the names with an underscore are still read by cargo before edition 2024.
var kinds = [][2]string{
	{"dependencies", "dependencies"},
	{"dev-dependencies", "dev-dependencies"},
	{"dev_dependencies", "dev-dependencies"},
	{"build-dependencies", "build-dependencies"},
	{"build_dependencies", "build-dependencies"},
}

// Dependencies returns the entries of all dependency tables, those of [target.*] included, in a stable order.
func (m *Manifest) Dependencies() []Dependency {
	all := dependencies(m.Tree, nil)
	targets := asTable(m.Tree["target"])
	for _, t := range slices.Sorted(maps.Keys(targets)) {
		all = append(all, dependencies(asTable(targets[t]), []string{"target", t})...)
	}
	return all
}

func dependencies(t table, prefix []string) []Dependency {
	var all []Dependency
	for _, kind := range kinds {
		deps := asTable(t[kind[0]])
		for _, name := range slices.Sorted(maps.Keys(deps)) {
			d := Dependency{Key: append(slices.Clone(prefix), kind[0], name), Kind: kind[1], Name: name, Spec: asTable(deps[name])}
			if version, ok := deps[name].(string); ok {
				d.Plain, d.Spec = true, table{"version": version}
			}
			all = append(all, d)
		}
	}
	return all
}

// inherits reports whether the package takes anything from its workspace's root.
func (m *Manifest) inherits() bool {
	for _, v := range m.Package() {
		if asBool(get(asTable(v), "workspace")) {
			return true
		}
	}
	if asBool(m.doc.get("lints", "workspace")) {
		return true
	}
	for _, d := range m.Dependencies() {
		if asBool(d.Spec["workspace"]) {
			return true
		}
	}
	return false
}

// excludes reports whether the workspace of this manifest leaves out the folder dir: it lies below an entry of
// exclude and not below one of members. Neither is read as a pattern here, as in cargo.
func (m *Manifest) excludes(dir string) bool {
	below := func(key string) bool {
		for _, e := range asStrings(m.Workspace()[key]) {
			if Within(path.Join(m.dir, e), dir) {
				return true
			}
		}
		return false
	}
	return below("exclude") && !below("members")
}

// ReplaceStrings returns the manifest's text with the string at each given key path (joined with ".", a number in an array)
// replaced; all else stays byte for byte.
func (m *Manifest) ReplaceStrings(with map[string]string) []byte {
	type edit struct {
		at, end uint32
		text    string
	}
	var edits []edit
	// The text was parsed before, so it cannot fail here.
	replace := func(key string, value *unstable.Node) {
		if text, ok := with[key]; ok && value.Kind == unstable.String {
			edits = append(edits, edit{value.Raw.Offset, value.Raw.Offset + value.Raw.Length, `"` + text + `"`})
		}
	}
	_ = walkTOML(m.Data, func(_ *unstable.Parser, path []string, _, value *unstable.Node) {
		if value == nil {
			return
		}
		key := strings.Join(path, ".")
		replace(key, value)
		if value.Kind == unstable.Array {
			i := 0
			for it := value.Children(); it.Next(); {
				if it.Node().Kind != unstable.Comment {
					replace(key+"."+strconv.Itoa(i), it.Node())
					i++
				}
			}
		}
	})
	var out []byte
	last := uint32(0)
	for _, e := range edits {
		out = append(append(out, m.Data[last:e.at]...), e.text...)
		last = e.end
	}
	return append(out, m.Data[last:]...)
}

// absent reports that there is no manifest in dir, as opposed to one that cannot be read.
func (l *loader) absent(dir string) bool {
	return l.manifest(dir) == nil && !l.isFile(path.Join(dir, "Cargo.toml"))
}

// manifest reads the Cargo.toml in dir once; nil when there is none or it was reported.
func (l *loader) manifest(dir string) *Manifest {
	if m, ok := l.manifests[dir]; ok {
		return m
	}
	l.manifests[dir] = nil
	r, ok := l.ahead[dir]
	if !ok {
		r = l.readManifest(dir)
	}
	if !l.mayUse(r.name, r.err) {
		return nil
	}
	if r.mistake != nil {
		l.errs.Add(r.mistake)
		return nil
	}
	m := &Manifest{Path: r.name, Data: r.doc.data, Tree: r.doc.tree, dir: dir, doc: r.doc}
	l.manifests[dir] = m
	return m
}

// readManifest is what came of reading a manifest.
type readManifest struct {
	name    string
	err     error // that it could not be read
	doc     *document
	mistake error // in it
}

func (l *loader) readManifest(dir string) readManifest {
	r := readManifest{name: path.Join(dir, "Cargo.toml")}
	data, err := disk.Read(l.fsys, r.name, maxFile)
	if r.err = err; err == nil {
		r.doc, r.mistake = parse(l.show(r.name), data, correctTOML)
	}
	return r
}

// fewManifests are read by one processor: to share them takes as long.
const fewManifests = 8

// readAhead reads the manifests of folders, and looks at what is beside them, on all processors.
func (l *loader) readAhead(dirs []string) {
	if len(dirs) <= fewManifests {
		return
	}
	all := make([]readManifest, len(dirs))
	parallel.Each(parallel.Workers(len(dirs), 1), len(dirs), func(_, i int) { // done before the bound of the project changes
		all[i] = l.readManifest(dirs[i])
		_, _ = l.fsys.List(dirs[i])
		_, _ = l.fsys.List(path.Join(dirs[i], "src"))
	})
	l.ahead = map[string]readManifest{}
	for i, dir := range dirs {
		l.ahead[dir] = all[i]
	}
}
