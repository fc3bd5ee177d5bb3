package skeleton

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"lpipe/internal/cargo"
)

// lockFile is the lock file of a workspace in pieces. Most entries are the same in all contexts, and each is written once.
// It is for one context at a time.
type lockFile struct {
	tree    table // but for the packages
	entries []*lockEntry
}

// lockEntry is one package of the lock file.
type lockEntry struct {
	tree                  table
	name, version, source string
	texts                 map[string][]byte // by what of it is a stub's
}

func newLockFile(ws *cargo.Workspace) *lockFile {
	l := &lockFile{tree: table{}}
	for k, v := range ws.Lock.Tree {
		list, isList := v.([]any)
		if k != "package" || !isList {
			l.tree[k] = v
			continue
		}
		for _, one := range list {
			t, _ := one.(table)
			e := &lockEntry{tree: t, texts: map[string][]byte{}}
			e.name, _ = t["name"].(string)
			e.version, _ = t["version"].(string)
			e.source, _ = t["source"].(string)
			l.entries = append(l.entries, e)
		}
	}
	return l
}

// write returns the lock file in which every package that is not real has the stubs' version, in its own entry and in
// references to it. A foreign package of the same name keeps its own.
func (l *lockFile) write(pkgs []*cargo.Package, real map[*cargo.Package]bool) ([]byte, error) {
	stubs := map[string]string{} // "name version" -> "name 0.0.0-skel"
	for _, p := range pkgs {
		if !real[p] {
			stubs[p.Name+" "+p.Version] = p.Name + " " + StubVersion
		}
	}
	head := maps.Clone(l.tree)
	if root, ok := head["root"].(table); ok {
		head["root"] = masked(root, stubs)
	}
	text, err := encode(head)
	if err != nil {
		return nil, err
	}
	type piece struct {
		key  string // orders the entries by what is left of them once versions are masked
		text []byte
	}
	pieces := make([]piece, len(l.entries))
	for i, e := range l.entries {
		version := e.version
		if e.isStub(stubs) {
			version = StubVersion
		}
		one, err := e.text(stubs)
		if err != nil {
			return nil, err
		}
		pieces[i] = piece{e.name + " " + version + " " + e.source, one}
	}
	slices.SortStableFunc(pieces, func(a, b piece) int { return strings.Compare(a.key, b.key) })
	all := [][]byte{text}
	for _, p := range pieces {
		all = append(all, p.text)
	}
	return bytes.Join(all, []byte("\n")), nil
}

func (e *lockEntry) isStub(stubs map[string]string) bool {
	return e.source == "" && stubs[e.name+" "+e.version] != ""
}

// text returns the entry as it is written.
func (e *lockEntry) text(stubs map[string]string) ([]byte, error) {
	key := ""
	if e.isStub(stubs) {
		key = "stub"
	}
	deps, _ := e.tree["dependencies"].([]any)
	for _, d := range deps {
		if s, ok := d.(string); ok && stubs[s] != "" {
			key += "\n" + s
		}
	}
	if e.texts[key] == nil {
		text, err := encode(table{"package": []any{masked(e.tree, stubs)}})
		if err != nil {
			return nil, err
		}
		e.texts[key] = text
	}
	return e.texts[key], nil
}

// masked returns an entry with the version of stubs.
func masked(t table, stubs map[string]string) table {
	out := maps.Clone(t)
	name, _ := t["name"].(string)
	version, _ := t["version"].(string)
	if stubs[name+" "+version] != "" && t["source"] == nil {
		out["version"] = StubVersion
	}
	if deps, ok := t["dependencies"].([]any); ok {
		// A reference without a source, to a name and version that a local package has, means that one: cargo
		// writes the source wherever it would be ambiguous.
		renamed := slices.Clone(deps)
		for i, d := range renamed {
			if s, ok := d.(string); ok && stubs[s] != "" {
				renamed[i] = stubs[s]
			}
		}
		out["dependencies"] = renamed
	}
	return out
}
