package cargo

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"lpipe/internal/disk"
)

// scanLimit is the largest source that is looked through, in bytes. What is larger is data: rustc takes minutes
// for a megabyte of code.
const scanLimit = 4 << 20

// outside finds what the packages read beyond their folders. A source may name a file in include!, include_str!,
// include_bytes! and #[path], or in any other string with a ".." in it, as build scripts and tests do; links lead
// out as well. Where a string with ".." names nothing that exists, or a source asks for the folders above it in
// another way, the package is wide: it may read anything.
func (l *loader) outside(w *Workspace, hold func(string)) {
	s := &scanner{loader: l, roots: map[string]bool{}, relative: map[string]bool{"CARGO_WORKSPACE_DIR": true}}
	for name, e := range w.Config.Env {
		if e.Relative {
			s.relative[name] = true
		}
	}
	for _, p := range w.Packages {
		s.roots[p.Dir] = true
	}
	for _, vendored := range w.Config.Folders {
		s.roots[vendored] = true
	}
	for _, p := range w.Packages {
		s.pkg, s.seen, s.known, s.programs = p, map[string]bool{}, map[string]reached{}, newPrograms(p)
		s.folder(p.Dir)
		for _, t := range sourcesOf(p) {
			if name := path.Join(p.Dir, t); !Within(p.Dir, name) {
				s.add(name)
			}
		}
		slices.Sort(p.Outside)
		for _, name := range p.Outside {
			hold(path.Dir(name))
		}
	}
}

func sourcesOf(p *Package) []string {
	var all []string
	if p.Lib != nil {
		all = append(all, p.Lib.Path)
	}
	for _, list := range [][]Target{p.Bins, p.Examples, p.Tests, p.Benches} {
		for _, t := range list {
			all = append(all, t.Path)
		}
	}
	if p.Build != "" {
		all = append(all, p.Build)
	}
	return all
}

// scanner looks through the sources of one package after the other.
type scanner struct {
	*loader
	roots    map[string]bool // folders of local packages, and of vendored ones
	relative map[string]bool // environment variables that hold a folder of the project
	pkg      *Package
	seen     map[string]bool    // files that were looked through
	known    map[string]reached // what reach said
	programs *programs
}

func (s *scanner) folder(dir string) {
	entries, err := s.fsys.ReadDir(dir)
	if err != nil {
		return // reported when the context is made
	}
	if dir != s.pkg.Dir && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() == "CACHEDIR.TAG" || e.Name() == ".rustc_info.json"
	}) {
		return
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if dir == s.pkg.Dir && !s.pkg.Member && slices.Contains([]string{"tests", "benches", "examples"}, e.Name()) {
			continue // not compiled
		}
		switch {
		case e.Type()&fs.ModeSymlink != 0:
			if to, err := s.fsys.ReadLink(name); err == nil && !path.IsAbs(to) {
				s.link(name, path.Join(dir, to))
			}
		case e.IsDir() && !s.roots[name] && e.Name() != ".git" && e.Name() != "node_modules" && name != path.Join(s.root.dir, "target"):
			s.folder(name)
		case e.Type().IsRegular():
			s.file(name)
		}
	}
}

// link adds what the symbolic link name of the package points to.
func (s *scanner) link(name, to string) {
	switch {
	case Within(s.pkg.Dir, to):
	case Within(to, s.pkg.Dir):
		s.wide(s.show(name) + " is a link to the folders above the package")
	default:
		s.add(to)
	}
}

// textual are the extensions of other sources that name files by paths relative to themselves.
var textual = []string{".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".s", ".proto", ".cmake", ".mk", ".am", ".graphql", ".html", ".j2", ".tera", ".sql"}

func (s *scanner) file(name string) {
	ext := path.Ext(name)
	if s.seen[name] || ext != ".rs" && !slices.Contains(textual, ext) {
		return
	}
	s.seen[name] = true
	data, err := disk.Read(s.fsys, name, scanLimit)
	if err == nil {
		s.sums[name] = sha256.Sum256(data)
	}
	switch {
	case err != nil:
	case ext == ".rs":
		s.rust(name, data)
		s.entangle(name, data)
	case bytes.Contains(data, []byte("../")):
		for _, word := range upPaths(string(data)) {
			if to := path.Join(path.Dir(name), word); !Within(s.pkg.Dir, to) && !Within(to, s.pkg.Dir) {
				s.add(to)
			}
		}
	}
}

// cargoCalls are strings by which a build script or test runs cargo, which reads the whole workspace.
var cargoCalls = []string{"cargo", "CARGO", "locate-project"}

// rust looks through a Rust source. A package that stands in for a foreign one comes from a project of its own,
// which knows nothing of this workspace, so it is never wide.
func (s *scanner) rust(name string, data []byte) {
	if !s.suspicious(data) {
		return
	}
	var manifestDir, climbs bool
	paths := bytes.Contains(data, []byte("PathBuf"))
	for t := range rustTokens(data) {
		at := func() string { return fmt.Sprintf("%s:%d", s.show(name), t.line) }
		switch text := string(t.text); {
		case t.str:
			manifestDir = manifestDir || text == "CARGO_MANIFEST_DIR"
			s.literal(name, at, text, opening(t.before))
			if s.relative[text] {
				s.wide(at() + " uses " + text)
			}
			if slices.Contains(cargoCalls, text) {
				s.wide(at() + " may call cargo")
			}
		case text == "workspace_root" || text == "MetadataCommand":
			s.wide(at() + " may call cargo")
		case text == "current_dir":
			manifestDir = true
		case text == "parent" || text == "ancestors" || text == "pop" && paths:
			climbs = true
		}
		if manifestDir && climbs {
			s.wide(at() + " looks in the folders above the package")
		}
	}
}

// opening returns the macro or attribute that a string is the argument of: "include_str!(", "path=".
func opening(before []byte) string {
	if len(before) > 64 {
		return "" // a comment lies between
	}
	return strings.Join(strings.Fields(string(before)), "")
}

// suspicious reports that a source is worth reading word by word.
func (s *scanner) suspicious(data []byte) bool {
	has := func(text string) bool { return bytes.Contains(data, []byte(text)) }
	for name := range s.relative {
		if has(name) {
			return true
		}
	}
	return slices.ContainsFunc([]string{"../", "/..", `".."`, `"cargo"`, "CARGO", "current_dir", "locate-project", "workspace_root", "MetadataCommand"}, has)
}

// literal handles one string of a Rust source.
func (s *scanner) literal(name string, at func() string, text, opening string) {
	if !strings.Contains(text, "..") {
		return
	}
	dir := path.Dir(name)
	switch opening {
	case "include!(", "include_str!(", "include_bytes!(":
		s.beyond(path.Join(dir, text), at, text)
		s.reach(path.Join(dir, text))
		return
	case "path=":
		s.beyond(path.Join(dir, text), at, text)
		if s.reach(path.Join(dir, text)) == settled {
			return // else it is relative to a module inside the file, or not about modules
		}
	}
	for _, word := range upPaths(text) {
		found := missing
		for _, w := range []string{word, strings.TrimLeft(word, "/"), word[max(strings.Index(word, ".."), 0):]} {
			for _, base := range []string{dir, s.pkg.Dir, s.root.dir} {
				found = max(found, s.reach(path.Join(base, w)))
			}
		}
		if found != settled {
			s.wide(fmt.Sprintf("%s names %s, which cannot be followed", at(), quote(text)))
		}
	}
}

// beyond notes that a source includes a file outside of the project, which the compiler will not find.
func (s *scanner) beyond(name string, at func() string, text string) {
	if out := disk.Outside(s.fsys.Check(name)); out != nil {
		s.pkg.Beyond = append(s.pkg.Beyond, fmt.Sprintf("%s names %s, which is not sent: %s; %s", at(), quote(text), out, out.Fix()))
	}
}

// reached is what a path turned out to be, from the weakest to the strongest finding.
type reached int

const (
	missing reached = iota
	settled         // in the package, or added to it
	above           // a folder that holds the package: anything below it may be meant
)

// reach adds what is at name if it is outside the package.
func (s *scanner) reach(name string) reached {
	r, known := s.known[name]
	if !known {
		r = s.look(name)
		s.known[name] = r
	}
	return r
}

func (s *scanner) look(name string) reached {
	if _, err := s.fsys.Stat(name); err != nil {
		return missing // or outside of the project, where nothing can be meant
	}
	if Within(s.pkg.Dir, name) {
		return settled
	}
	if Within(name, s.pkg.Dir) {
		return above
	}
	s.add(name)
	return settled
}

// add takes a file or folder that is there and belongs to the project, and looks through it.
func (s *scanner) add(name string) {
	if name == "." || slices.Contains(s.pkg.Outside, name) {
		return
	}
	info, err := s.fsys.Stat(name)
	if err != nil {
		return
	}
	s.pkg.Outside = append(s.pkg.Outside, name)
	switch {
	case info.IsDir() && !s.roots[name]:
		s.folder(name)
	case path.Ext(name) == ".rs":
		// Its modules lie beside it.
		if data, err := disk.Read(s.fsys, name, scanLimit); err == nil && declaresModule(data) {
			if dir := path.Dir(name); !Within(dir, s.pkg.Dir) {
				s.add(dir)
			} else {
				s.wide(s.show(name) + " has modules beside it")
			}
		}
		s.file(name)
	}
}

// declaresModule reports a "mod name;".
func declaresModule(data []byte) bool {
	for t := range rustTokens(data) {
		if !t.str && string(t.text) == "mod" {
			return true
		}
	}
	return false
}

func (s *scanner) wide(why string) {
	if s.pkg.Wide == "" && (s.pkg.Member || !s.pkg.Whole) {
		s.pkg.Wide = why
	}
}

// upPaths returns the words of a text that have ".." as a part of a path.
func upPaths(text string) []string {
	if !strings.Contains(text, "..") {
		return nil
	}
	var all []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n\"'`<>=,;:|(){}[]*?", r) }) {
		parts := strings.Split(word, "/")
		up := slices.ContainsFunc(parts, func(p string) bool {
			return p == ".." || len(p) == 4 && p[0] == '-' && strings.HasSuffix(p, "..") // -I.., -L..
		})
		if up && (strings.Contains(word, "/") || word == text) {
			all = append(all, word)
		}
	}
	return all
}
