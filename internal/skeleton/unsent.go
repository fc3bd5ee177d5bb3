package skeleton

import (
	"fmt"
	"path"
	"slices"

	"lpipe/internal/cargo"
)

// LeftOut is what the notes are about that name what cannot be sent and that no source names: such a file stops no build.
const LeftOut = "not sent, and named by no source"

// cannotSend remembers a file or folder that cannot be part of a context, such as a link out of the project or a socket.
func (m *maker) cannotSend(p problem) {
	if !slices.Contains(m.unsent, p) {
		m.unsent = append(m.unsent, p)
	}
}

// leaveOut reports what cannot be sent and is needed, and notes the rest.
func (m *maker) leaveOut() {
	for _, p := range m.unsent {
		switch why := m.needed(p.name); {
		case p.gone: // as if it had never been there: editors and other runs remove what they write
		case why != "":
			m.problem(p.name, p.why+"; "+why, p.fix)
		default:
			m.left = append(m.left, p)
			m.notes = append(m.notes, Note{LeftOut, fmt.Sprintf("%s (%s)", shown(p.name), p.why)})
		}
	}
	m.unsent = nil
}

// reader says what may read a file, "" for nothing: what needs it, a build script, or what names a folder that it is in.
func (m *maker) reader(name string) string {
	if m.wideContext {
		return "the build may read any file"
	}
	if why := m.needed(name); why != "" {
		return why
	}
	for _, p := range m.ws.Packages {
		if !m.real[p] {
			continue
		}
		if p.Build != "" && cargo.Within(p.Dir, name) {
			return "the build script of " + p.Name + " may read it"
		}
		if at := m.found.MentionAbove(m.ws, p, name); at != "" {
			return at + " names its folder"
		}
	}
	return ""
}

// needed says what needs a file or folder, "" for nothing: cargo, a target of a package, a source that names it.
func (m *maker) needed(name string) string {
	if slices.ContainsFunc(m.complete, func(dir string) bool { return cargo.Within(dir, name) }) {
		return "cargo compares its folder with a list"
	}
	if slices.Contains(m.ws.Config.Extra, name) {
		return "cargo's configuration names it"
	}
	for _, p := range m.ws.Packages {
		if !m.real[p] {
			continue
		}
		for _, t := range targets(p) {
			if cargo.Within(name, path.Join(p.Dir, t)) {
				return "it is needed to compile " + p.Name
			}
		}
		if cargo.Within(p.Dir, name) && path.Ext(name) == ".rs" {
			return "it is a source of " + p.Name
		}
		if at := m.found.Mention(m.ws, p, name); at != "" {
			return at + " names it"
		}
	}
	return ""
}

// targets are the sources of all that cargo may compile of a package.
func targets(p *cargo.Package) []string {
	all := sources(p)
	for _, list := range [][]cargo.Target{p.Examples, p.Tests, p.Benches} {
		for _, t := range list {
			all = append(all, t.Path)
		}
	}
	return all
}

// hash reads the files of the tree, and leaves those out that cannot be read and that nothing needs.
func (m *maker) hash() {
	for {
		failed := m.tree.hash()
		if len(failed) == 0 {
			return
		}
		m.unsent = failed
		bad := len(m.bad)
		m.leaveOut()
		if len(m.bad) > bad {
			return
		}
		for _, p := range failed {
			m.tree.remove(p.name)
		}
	}
}
