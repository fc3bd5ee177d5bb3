package reach

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"lpipe/internal/cargo"
	"lpipe/internal/disk"
)

// Mention returns the place of a source of p that names what is at or below name, as in "src/main.rs:3", "" where none does.
// It is for what cannot be sent, as a link out of the project: whether that matters. Unlike the findings it is about names of
// which nothing can be looked at, so the sources of the package are read for the first question, and not before.
func (f *Findings) Mention(w *cargo.Workspace, p *cargo.Package, name string) string {
	return f.mention(w, p, func(path string) bool { return cargo.Within(name, path) })
}

// MentionAbove is [Findings.Mention] for a source that names a folder which name is in: it may read all of it.
func (f *Findings) MentionAbove(w *cargo.Workspace, p *cargo.Package, name string) string {
	return f.mention(w, p, func(path string) bool { return cargo.Within(path, name) })
}

// mention returns the place of the first source of p that names a path which fits.
func (f *Findings) mention(w *cargo.Workspace, p *cargo.Package, fits func(path string) bool) string {
	v, _ := f.mentions.LoadOrStore(p, sync.OnceValue(func() []mention { return f.mentioned(w, p) }))
	for _, m := range v.(func() []mention)() {
		if fits(m.path) {
			return m.at
		}
	}
	return ""
}

// mention is a path that a source may mean, and the place of it.
type mention struct{ path, at string }

// mentioned are the paths that the sources of a package may mean, in the order of the sources.
func (f *Findings) mentioned(w *cargo.Workspace, p *cargo.Package) []mention {
	m := &mentioner{ws: w, pkg: p, host: hosts(w)[p]}
	f.sources(w, p, p.Dir, func(name string, data []byte) { m.rust(name, data) })
	return m.all
}

// sources calls fn for the Rust sources at and below dir.
func (f *Findings) sources(w *cargo.Workspace, p *cargo.Package, dir string, fn func(name string, data []byte)) {
	entries, err := f.Files.List(dir)
	if err != nil {
		return // it is none that can be sent
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		other := slices.ContainsFunc(w.Packages, func(q *cargo.Package) bool { return q != p && q.Dir == name })
		switch {
		case e.IsDir() && (other || cargo.Foreign(e.Name())):
		case e.IsDir():
			f.sources(w, p, name, fn)
		case e.Mode().IsRegular() && path.Ext(name) == ".rs":
			if data, err := disk.Read(f.Files.FS(), name, scanLimit); err == nil {
				fn(name, data)
			}
		}
	}
}

type mentioner struct {
	ws   *cargo.Workspace
	pkg  *cargo.Package
	host bool // the package's code runs while others are compiled
	all  []mention
}

func (m *mentioner) rust(name string, data []byte) {
	in := func(dir string) bool { return cargo.Within(path.Join(m.pkg.Dir, dir), name) }
	build := m.pkg.Build != "" && (in(m.pkg.Build) || path.Dir(m.pkg.Build) != "." && path.Dir(m.pkg.Build) != "src" && in(path.Dir(m.pkg.Build)))
	walkCode(data, func(c *code, t rustToken) {
		at := func() string { return fmt.Sprintf("%s:%d", m.ws.Show(name), t.line) }
		if inline, module, ok := c.declares(t); ok {
			for _, root := range []bool{true, false} {
				for _, file := range moduleFiles(name, root, inline, module, c.path) {
					m.all = append(m.all, mention{file, at()})
				}
			}
		}
		if !t.str {
			return
		}
		text, arg := string(t.text), c.argument()
		if _, watched, ok := strings.Cut(text, "rerun-if-changed="); ok {
			text = watched
		}
		opens := endsWith(arg.call, openers) || endsWith(arg.call, paths)
		switch {
		case build, arg.include, opening(string(t.before)) == "path=":
		case arg.compiled() && !arg.block && (strings.ContainsAny(text, "/.") || slices.ContainsFunc(opensFiles, func(word string) bool { return strings.Contains(arg.macro, word) })):
		case m.host && (opens || strings.Contains(text, "/")):
		case opens && (c.test() || in("tests") || in("benches")):
		default:
			return
		}
		for _, base := range []string{path.Dir(name), m.pkg.Dir, m.ws.Root} {
			if to := path.Join(base, strings.TrimLeft(text, "/")); text != "" && to != base {
				m.all = append(m.all, mention{to, at()})
			}
		}
	})
}

// opensFiles are words in the names of macros that open what they are given, as include_dir!, migrate! and query_file!.
var opensFiles = []string{"include", "migrat", "embed", "dir", "file", "asset"}
