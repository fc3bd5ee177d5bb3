package skeleton

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"lpipe/internal/cargo"
)

// Lock is the lock file of a workspace in pieces, for all contexts of it. Most pieces are the same in all, so what a context
// costs does not grow with the workspace. It is safe for concurrent use.
type Lock struct {
	mu      sync.Mutex
	tree    table // but for the packages
	entries []*lockEntry
	local   map[string][]*cargo.Package // by name and version
	stubbed []byte                      // the entries where every local package is a stub
	err     error
}

// lockEntry is one package of the lock file.
type lockEntry struct {
	tree                  table
	name, version, source string
	is, needs             []*cargo.Package // the local package that it is, and those that it refers to by their versions
	texts                 map[string][]byte
	from, to              int // where it is in what the lock file is if every local package is a stub
}

// NewLock reads that of ws.
func NewLock(ws *cargo.Workspace) *Lock {
	l := &Lock{tree: table{}, local: map[string][]*cargo.Package{}}
	for _, p := range ws.Packages {
		l.local[p.Name+" "+p.Version] = append(l.local[p.Name+" "+p.Version], p)
	}
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
			if e.source == "" {
				e.is = l.local[e.name+" "+e.version]
			}
			deps, _ := t["dependencies"].([]any)
			for _, d := range deps {
				if s, ok := d.(string); ok {
					e.needs = append(e.needs, l.local[s]...)
				}
			}
			l.entries = append(l.entries, e)
		}
	}
	l.sort(l.entries, nil)
	for _, e := range l.entries {
		text, err := l.text(e, nil)
		l.err = cmp.Or(l.err, err)
		e.from = len(l.stubbed)
		l.stubbed = append(l.stubbed, text...)
		e.to = len(l.stubbed)
	}
	return l
}

// write returns the lock file in which every package that is not real has the stubs' version, in its own entry and in
// references to it. A foreign package of the same name keeps its own.
func (l *Lock) write(real map[*cargo.Package]bool) (content, error) {
	if l.err != nil {
		return nil, l.err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	head := l.tree
	if root, ok := head["root"].(table); ok {
		head = maps.Clone(head)
		head["root"] = l.masked(root, real)
	}
	text, err := encode(head)
	if err != nil {
		return nil, err
	}
	all, from, to := content{text}, 0, 0
	for rest := l.entries; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].name == rest[0].name {
			n++
		}
		group := rest[:n]
		rest = rest[n:]
		if !slices.ContainsFunc(group, func(e *lockEntry) bool { return e.concerns(real) }) {
			to = group[n-1].to
			continue
		}
		all = append(all, l.stubbed[from:to])
		group = slices.Clone(group)
		l.sort(group, real)
		for _, e := range group {
			text, err := l.text(e, real)
			if err != nil {
				return nil, err
			}
			all = append(all, text)
			from, to = max(from, e.to), max(to, e.to)
		}
	}
	return append(all, l.stubbed[from:to]), nil
}

// sort orders entries by what is left of them once versions are masked.
func (l *Lock) sort(entries []*lockEntry, real map[*cargo.Package]bool) {
	slices.SortStableFunc(entries, func(a, b *lockEntry) int {
		return cmp.Or(strings.Compare(a.name+" ", b.name+" "), strings.Compare(a.masked(real), b.masked(real)))
	})
}

// masked is the version of the entry and its source.
func (e *lockEntry) masked(real map[*cargo.Package]bool) string {
	version := e.version
	if stub(e.is, real) {
		version = StubVersion
	}
	return version + " " + e.source
}

// concerns reports that the entry is another one than if every local package were a stub.
func (e *lockEntry) concerns(real map[*cargo.Package]bool) bool {
	for _, all := range [][]*cargo.Package{e.is, e.needs} {
		for _, p := range all {
			if real[p] {
				return true
			}
		}
	}
	return false
}

// stub reports that one of the packages, all of one name and version, is a stub.
func stub(all []*cargo.Package, real map[*cargo.Package]bool) bool {
	return slices.ContainsFunc(all, func(p *cargo.Package) bool { return !real[p] })
}

// text returns the entry as it is written, after the one before it.
func (l *Lock) text(e *lockEntry, real map[*cargo.Package]bool) ([]byte, error) {
	key := make([]byte, 0, len(e.is)+len(e.needs))
	for _, p := range slices.Concat(e.is, e.needs) {
		if real[p] {
			key = append(key, 'r')
		} else {
			key = append(key, 's')
		}
	}
	if e.texts[string(key)] == nil {
		text, err := encode(table{"package": []any{l.masked(e.tree, real)}})
		if err != nil {
			return nil, err
		}
		e.texts[string(key)] = append([]byte("\n"), text...)
	}
	return e.texts[string(key)], nil
}

// masked returns an entry with the version of stubs.
func (l *Lock) masked(t table, real map[*cargo.Package]bool) table {
	out := maps.Clone(t)
	name, _ := t["name"].(string)
	version, _ := t["version"].(string)
	if t["source"] == nil && stub(l.local[name+" "+version], real) {
		out["version"] = StubVersion
	}
	if deps, ok := t["dependencies"].([]any); ok {
		// A reference without a source, to a name and version that a local package has, means that one: cargo
		// writes the source wherever it would be ambiguous.
		renamed := slices.Clone(deps)
		for i, d := range renamed {
			if s, ok := d.(string); ok && stub(l.local[s], real) {
				renamed[i] = l.local[s][0].Name + " " + StubVersion
			}
		}
		out["dependencies"] = renamed
	}
	return out
}

// content is that of a file, in pieces, which files share.
type content [][]byte

func (c content) size() (n int64) {
	for _, piece := range c {
		n += int64(len(piece))
	}
	return n
}

func (c content) bytes() []byte {
	if len(c) == 1 {
		return c[0]
	}
	return bytes.Join(c, nil)
}

func (c content) equal(other content) bool {
	return c.size() == other.size() && bytes.Equal(c.bytes(), other.bytes())
}

func (c content) reader() io.Reader {
	all := make([]io.Reader, len(c))
	for i, piece := range c {
		all[i] = bytes.NewReader(piece)
	}
	return io.MultiReader(all...)
}

func (c content) sum() (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, piece := range c {
		h.Write(piece)
	}
	return [sha256.Size]byte(h.Sum(sum[:0]))
}
