package cargo

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"lpipe/internal/disk"
)

// scanLimit is the largest source that is looked through, in bytes. What is larger is data: rustc takes minutes
// for a megabyte of code.
const scanLimit = 4 << 20

// outside finds what the packages read beyond their folders. What is read while they are compiled is named in include!,
// include_str!, include_bytes!, #[path], another attribute or macro, or in a string with a ".." of code that runs then:
// that of build scripts and macros, and of the packages these use. Other code opens files when it runs, which only tests do
// here. Links lead out as well. Where such code asks for the folders above it, or for a path that cannot be read off it,
// the package is wide, or its tests are: they may read anything.
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
	hosts := l.hosts(w)
	for _, p := range w.Packages {
		s.scan(p, hosts[p])
		for _, list := range [][]string{p.Outside, p.TestOutside} {
			slices.Sort(list)
			for _, name := range list {
				hold(path.Dir(name))
			}
		}
	}
}

// hosts are the packages whose code runs while others are compiled: procedural macros, what build scripts use, and the
// packages that these depend on.
func (l *loader) hosts(w *Workspace) map[*Package]bool {
	var first []*Package
	for _, p := range w.Packages {
		if p.ProcMacro || l.forScripts[p] {
			first = append(first, p)
		}
	}
	hosts := map[*Package]bool{}
	for _, p := range w.Closure(first) {
		hosts[p] = true
	}
	return hosts
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
	host     bool            // the package's code runs while others are compiled
	seen     map[source]bool // files that were looked through
	read     map[string]bool // the same, whatever they are for
	known    map[string]reached
	programs *programs
	nested   []string        // folders of packages that are no part of the build
	named    map[string]bool // folders and files of which the package's code has the name
	macros   macros
}

// scan looks through the package, first the sources that cargo compiles and their modules.
func (s *scanner) scan(p *Package, host bool) {
	s.pkg, s.host, s.seen, s.read, s.known, s.programs = p, host, map[source]bool{}, map[string]bool{}, map[string]reached{}, newPrograms(p)
	s.nested, s.named, s.macros = nil, map[string]bool{}, macros{}
	for _, t := range sourcesOf(p) {
		if name := path.Join(p.Dir, t); !Within(p.Dir, name) {
			s.add(name, s.use(), false)
		}
	}
	roots := func(u use, targets ...Target) {
		for _, t := range targets {
			s.rust(source{path.Join(p.Dir, t.Path), u}, true)
		}
	}
	if p.Lib != nil {
		roots(s.use(), *p.Lib)
	}
	roots(s.use(), p.Bins...)
	if p.Build != "" {
		roots(scripts, Target{Path: p.Build})
	}
	if p.Member {
		roots(s.use(), p.Examples...)
		roots(tests, p.Tests...)
		roots(tests, p.Benches...)
	}
	s.folder(p.Dir, 0)
	for len(s.nested) > 0 {
		i := slices.IndexFunc(s.nested, func(dir string) bool { return s.named[path.Base(dir)] })
		if i < 0 {
			break
		}
		dir := s.nested[i]
		s.nested = slices.Delete(s.nested, i, i+1)
		s.folder(dir, 0)
	}
	s.macros.settle()
	p.TestOutside = slices.DeleteFunc(p.TestOutside, func(name string) bool { return slices.Contains(p.Outside, name) })
}

// use is what the package's own code is for.
func (s *scanner) use() use {
	if s.host {
		return runs
	}
	return compiles
}

// folder looks through a folder. What its files are for follows from where they lie, unless u says it.
func (s *scanner) folder(dir string, u use) {
	entries, err := s.fsys.ReadDir(dir)
	if err != nil {
		return // reported when the context is made
	}
	if dir != s.pkg.Dir && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() == "CACHEDIR.TAG" || e.Name() == ".rustc_info.json"
	}) {
		return
	}
	nested := dir != s.pkg.Dir && Within(s.pkg.Dir, dir) && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "Cargo.toml" })
	switch {
	case nested && !s.named[path.Base(dir)]:
		s.nested = append(s.nested, dir)
		return
	case nested: // a build script may do with it as it likes
		u = scripts
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
			s.folder(name, u)
		case e.Type().IsRegular():
			s.file(name, u)
		}
	}
}

// link adds what the symbolic link name of the package points to.
func (s *scanner) link(name, to string) {
	switch {
	case Within(s.pkg.Dir, to):
	case Within(to, s.pkg.Dir):
		s.wide(s.orphan(name), s.show(name)+" is a link to the folders above the package")
	default:
		s.add(to, s.orphan(name), false)
	}
}

// textual are the extensions of other sources that name files by paths relative to themselves.
var textual = []string{".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".s", ".proto", ".cmake", ".mk", ".am", ".graphql", ".html", ".j2", ".tera", ".sql"}

func (s *scanner) file(name string, u use) {
	ext := path.Ext(name)
	if ext == ".rs" {
		if u == 0 {
			u = s.orphan(name)
		}
		if !s.read[name] {
			s.rust(source{name, u}, false)
		}
		return
	}
	if s.read[name] || !slices.Contains(textual, ext) {
		return
	}
	data, err := s.content(name)
	if err != nil || !bytes.Contains(data, []byte("../")) {
		return
	}
	for _, word := range upPaths(string(data)) {
		if to := path.Join(path.Dir(name), word); !Within(s.pkg.Dir, to) && !Within(to, s.pkg.Dir) {
			s.add(to, s.orphan(name), false)
		}
	}
}

// content reads a file and remembers its digest.
func (s *scanner) content(name string) ([]byte, error) {
	s.read[name] = true
	data, err := disk.Read(s.fsys, name, scanLimit)
	if err == nil {
		s.sums[name] = sha256.Sum256(data)
	}
	return data, err
}

// orphan is what a file is for that no source declares as its module.
func (s *scanner) orphan(name string) use {
	for _, dir := range []string{"tests", "benches"} {
		if Within(path.Join(s.pkg.Dir, dir), name) {
			return tests
		}
	}
	if dir := path.Dir(s.pkg.Build); s.pkg.Build != "" && dir != "." && dir != "src" && Within(path.Join(s.pkg.Dir, dir), name) {
		return scripts
	}
	return s.use()
}

// beyond notes that a source includes a file outside of the project, which the compiler will not find.
func (s *scanner) beyond(name string, at func() string, text string) {
	if out := disk.Outside(s.fsys.Check(name)); out != nil {
		place := fmt.Sprintf("%s names %s, which is not sent: %s; %s", at(), quote(text), out, out.Fix())
		if !slices.Contains(s.pkg.Beyond, place) {
			s.pkg.Beyond = append(s.pkg.Beyond, place)
		}
	}
}

// reached is what a path turned out to be, from the weakest to the strongest finding.
type reached int

const (
	missing reached = iota
	settled         // in the package, or added to it
	above           // a folder that holds the package: anything below it may be meant
)

// reach adds what is at name if it is outside the package; later says that it is read when tests run.
func (s *scanner) reach(name string, u use, later bool) reached {
	r, known := s.known[name]
	if !known {
		r = s.look(name)
		s.known[name] = r
	}
	if r == settled && !Within(s.pkg.Dir, name) {
		s.add(name, u, later)
	}
	return r
}

func (s *scanner) look(name string) reached {
	if _, err := s.fsys.Stat(name); err != nil {
		return missing // or outside of the project, where nothing can be meant
	}
	if Within(name, s.pkg.Dir) && name != s.pkg.Dir {
		return above
	}
	return settled
}

// add takes a file or folder that is there and belongs to the project, and looks through it.
func (s *scanner) add(name string, u use, later bool) {
	list := &s.pkg.Outside
	if later {
		list = &s.pkg.TestOutside
	}
	if name == "." || slices.Contains(*list, name) {
		return
	}
	info, err := s.fsys.Stat(name)
	if err != nil {
		return
	}
	*list = append(*list, name)
	switch {
	case later: // nothing is compiled
	case info.IsDir() && !s.roots[name]:
		s.folder(name, u)
	case path.Ext(name) == ".rs":
		// Its modules lie beside it.
		if data, err := disk.Read(s.fsys, name, scanLimit); err == nil && declaresModule(data) {
			if dir := path.Dir(name); !Within(dir, s.pkg.Dir) {
				s.add(dir, u, false)
			} else {
				s.wide(u, s.show(name)+" has modules beside it")
			}
		}
		s.rust(source{name, u}, true)
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

// wide notes that code which is for u may read anything. A package that stands in for a foreign one comes from a project
// of its own, which knows nothing of this workspace, so it is never wide.
func (s *scanner) wide(u use, why string) {
	reason := &s.pkg.Wide
	if u == tests {
		reason = &s.pkg.TestWide
	}
	if *reason == "" && (s.pkg.Member || !s.pkg.Whole) {
		*reason = why
	}
}
