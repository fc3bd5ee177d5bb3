package skeleton

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"lpipe/internal/cargo"
	"lpipe/internal/reach"
)

// addNamed sends what the sources of the chosen packages name and a list would leave out, with a note. What lpipe never
// sends is noted too.
func (m *maker) addNamed() {
	for _, p := range m.ws.Packages {
		if !m.real[p] {
			continue
		}
		for _, n := range m.found.Packages[p].Names {
			if m.counts(p, n) && n.Path != p.Dir {
				m.name(p.Name, n)
			}
		}
	}
	for _, f := range m.partly {
		m.notePartial(f)
	}
}

// counts reports that what p names at n belongs into this context. Whether there is one for tests does not hang on what
// they read in the package itself.
func (m *maker) counts(p *cargo.Package, n reach.Named) bool {
	return m.tests || !n.Tests || cargo.Within(p.Dir, n.Path)
}

// name sends what is named at n where a list would leave it out. who is the package whose sources do so.
func (m *maker) name(who string, n reach.Named) {
	if repository(n.Path) {
		m.say(who, fmt.Sprintf("%s is left out: lpipe never sends git's folder; %s names it; {{git-sha}} in [build.late-env] of lpipe.toml is the commit", m.ws.Show(n.Path), n.At))
		return
	}
	info, err := fs.Lstat(m.found.Files.FS(), n.Path)
	if err != nil || m.tree.entries[n.Path] != nil {
		return
	}
	if dir := m.compiledAt(n.Path); dir != "" {
		if dir != n.Path {
			m.say(who, fmt.Sprintf("%s is left out: lpipe never sends the folder %s, which cargo writes; %s names it", m.ws.Show(n.Path), m.ws.Show(dir), n.At))
		}
		return
	}
	switch pattern := m.ignore.excludes(n.Path); {
	case secret(n.Path) && !info.IsDir() && n.Runs:
		m.say(who, fmt.Sprintf("%s is left out: lpipe sends secrets only for build scripts, macros and tests; %s names it", m.ws.Show(n.Path), n.At))
	case secret(n.Path) && !info.IsDir():
		m.say(who, fmt.Sprintf("%s is sent, because %s names it; otherwise lpipe leaves such files out", m.ws.Show(n.Path), n.At))
		m.file(n.Path, info)
	case pattern == "" && (m.settings(n.Path, info) || m.ignore.result(n.Path)):
		m.file(n.Path, info)
	case pattern == "":
	case info.IsDir():
		m.say(who, fmt.Sprintf("%s is sent, although %s excludes it, because %s names it", m.ws.Show(n.Path), pattern, n.At))
		m.whole(n.Path)
	default:
		m.say(who, fmt.Sprintf("%s is sent, although %s excludes it, because %s names it", m.ws.Show(n.Path), pattern, n.At))
		m.file(n.Path, info)
	}
}

// whole adds a folder with what an ignore file excludes of it.
func (m *maker) whole(dir string) {
	m.list(dir, func(name string, info fs.FileInfo) {
		switch {
		case m.elsewhere(name) || m.ignore.withholds(name, info):
		case info.IsDir():
			m.whole(name)
		default:
			m.file(name, info)
		}
	})
}

// compiledAt is the folder that cargo writes into and that holds name, "" for none.
func (m *maker) compiledAt(name string) string {
	for dir := name; dir != "."; dir = path.Dir(dir) {
		if info, err := fs.Lstat(m.found.Files.FS(), dir); err == nil && info.IsDir() && m.ignore.compiled(dir) {
			return dir
		}
	}
	return ""
}

// partial is a folder that a source names, and what one list leaves out of it.
type partial struct {
	pkg   *cargo.Package
	named reach.Named
	why   string
	names []string
}

// notePartial notes what of a folder that a source names was left out.
func (m *maker) notePartial(f *partial) {
	names := slices.DeleteFunc(f.names, func(name string) bool { return m.tree.entries[name] != nil }) // named itself
	if len(names) == 0 {
		return
	}
	what := m.ws.Show(names[0]) + " is"
	if len(names) > 1 {
		what = fmt.Sprintf("%s and %d more are", m.ws.Show(names[0]), len(names)-1)
	}
	does := "names " + m.ws.Show(f.named.Path)
	switch {
	case f.named.Path == f.pkg.Dir && f.named.Match != "":
		does = "looks for " + f.named.Match + " in the package's folder"
	case f.named.Path == f.pkg.Dir:
		does = "lists the package's folder"
	}
	m.note(f.pkg, fmt.Sprintf("%s left out: %s; %s %s", what, f.why, f.named.At, does))
}

// partlyLeftOut remembers that a list leaves out name, where that is in a folder that a source names.
func (m *maker) partlyLeftOut(name string, info fs.FileInfo) {
	if repository(name) || info.IsDir() && m.ignore.compiled(name) {
		return
	}
	if m.folders == nil {
		m.folders = m.namedFolders()
	}
	i := slices.IndexFunc(m.folders, func(f partial) bool {
		return f.named.Path != name && cargo.Within(f.named.Path, name) && m.meant(f, name, info)
	})
	if i < 0 {
		return
	}
	why := "lpipe sends a file of such a name only where a source names it"
	if !secret(name) {
		why = m.ignore.excludes(name) + " excludes it"
	}
	named := m.folders[i].named
	known := slices.IndexFunc(m.partly, func(f *partial) bool { return f.named == named && f.why == why })
	if known < 0 {
		known = len(m.partly)
		m.partly = append(m.partly, &partial{pkg: m.folders[i].pkg, named: named, why: why})
	}
	if f := m.partly[known]; !slices.Contains(f.names, name) {
		f.names = append(f.names, name)
	}
}

// meant reports that who names the folder may mean the file, or one in the folder, at name. Of a package's own folder, what
// is there for other tools is meant by nobody.
func (m *maker) meant(f partial, name string, info fs.FileInfo) bool {
	base := path.Base(name)
	if f.named.Path == f.pkg.Dir && (strings.HasPrefix(base, ".") && !secret(name) || strings.HasPrefix(base, "Dockerfile") || info.IsDir() && cargo.Foreign(base)) {
		return false
	}
	if f.named.Match == "" {
		return true
	}
	if !info.IsDir() {
		ok, err := path.Match(f.named.Match, base)
		return ok || err != nil
	}
	entries, _ := m.found.Files.List(name)
	return slices.ContainsFunc(entries, func(e fs.FileInfo) bool { return m.meant(f, path.Join(name, e.Name()), e) })
}

// namedFolders are the folders that the sources of the chosen packages name or list, but for those of other packages.
func (m *maker) namedFolders() []partial {
	all := []partial{}
	for _, p := range m.ws.Packages {
		if !m.real[p] {
			continue
		}
		for _, n := range m.found.Packages[p].Names {
			if repository(n.Path) || !m.counts(p, n) || cargo.Within(n.Path, p.Dir) && n.Path != p.Dir {
				continue
			}
			if info, err := fs.Stat(m.found.Files.FS(), n.Path); err == nil && info.IsDir() {
				all = append(all, partial{pkg: p, named: n})
			}
		}
	}
	return all
}

// WhyLeftOut says why a file that a project has is in no context.
func WhyLeftOut(ws *cargo.Workspace, found *reach.Findings, name string) string {
	m := newMaker(ws, found, Options{})
	var err error
	if m.ignore, err = readIgnore(ws, found.Files); err != nil {
		return err.Error()
	}
	if repository(name) {
		return "lpipe never sends git's folder"
	}
	if dir := m.compiledAt(name); dir != "" {
		return "lpipe never sends the folder " + ws.Show(dir) + ", which cargo writes"
	}
	if secret(name) {
		return "lpipe sends a file of such a name only where a source names it"
	}
	if info, err := fs.Lstat(found.Files.FS(), name); err == nil && (m.settings(name, info) || m.ignore.result(name)) {
		return "lpipe sends its own files only where a source names them"
	}
	if pattern := m.ignore.excludes(name); pattern != "" {
		return pattern + " excludes it"
	}
	return "no source names it in a way that lpipe can follow"
}
