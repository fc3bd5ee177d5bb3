package reach

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"lpipe/internal/cargo"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
)

// scanLimit is the largest source that is looked through, in bytes. What is larger is data: rustc takes minutes
// for a megabyte of code.
const scanLimit = 4 << 20

func sourcesOf(p *cargo.Package) []string {
	var all []string
	if p.Lib != nil {
		all = append(all, p.Lib.Path)
	}
	for _, list := range [][]cargo.Target{p.Bins, p.Examples, p.Tests, p.Benches} {
		for _, t := range list {
			all = append(all, t.Path)
		}
	}
	if p.Build != "" {
		all = append(all, p.Build)
	}
	return all
}

// scanner looks through the sources of one package after the other. Its paths are relative to the disk.
type scanner struct {
	ws       *cargo.Workspace
	roots    map[string]bool    // folders of local packages, and of vendored ones
	relative map[string]bool    // environment variables that hold a folder of the project
	sums     map[string]content // of files that were looked through

	pkg      *cargo.Package
	host     bool // the package's code runs while others are compiled
	found    Package
	seen     map[source]bool // files that were looked through
	read     map[string]bool // the same, whatever they are for
	known    map[string]reached
	programs *programs
	nested   []string        // folders of packages that are no part of the build
	named    map[string]bool // folders and files of which the package's code has the name
	macros   macros
}

func newScanner(w *cargo.Workspace) *scanner {
	s := &scanner{ws: w, roots: map[string]bool{}, relative: map[string]bool{"CARGO_WORKSPACE_DIR": true}, sums: map[string]content{}}
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
	return s
}

// scan looks through the package, first the sources that cargo compiles and their modules. unstubbable says why no stub
// can stand for it, host that its code runs while others are compiled.
func (s *scanner) scan(p *cargo.Package, unstubbable string, host bool) Package {
	s.found = Package{Unstubbable: unstubbable}
	s.pkg, s.host, s.seen, s.read, s.known, s.programs = p, host, map[source]bool{}, map[string]bool{}, map[string]reached{}, newPrograms(p)
	s.nested, s.named, s.macros = nil, map[string]bool{}, macros{}
	for _, t := range sourcesOf(p) {
		if name := path.Join(p.Dir, t); !cargo.Within(p.Dir, name) {
			s.add(name, s.use(), false)
		}
	}
	roots := func(u use, targets ...cargo.Target) {
		for _, t := range targets {
			s.rust(source{path.Join(p.Dir, t.Path), u}, true)
		}
	}
	if p.Lib != nil {
		roots(s.use(), *p.Lib)
	}
	roots(s.use(), p.Bins...)
	if p.Build != "" {
		roots(scripts, cargo.Target{Path: p.Build})
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
	slices.Sort(s.found.Outside)
	slices.Sort(s.found.TestOutside)
	s.found.TestOutside = slices.DeleteFunc(s.found.TestOutside, func(name string) bool { return slices.Contains(s.found.Outside, name) })
	return s.found
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
	entries, err := s.ws.FS.ReadDir(dir)
	if err != nil {
		return // reported when the context is made
	}
	if dir != s.pkg.Dir && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() == "CACHEDIR.TAG" || e.Name() == ".rustc_info.json"
	}) {
		return
	}
	nested := dir != s.pkg.Dir && cargo.Within(s.pkg.Dir, dir) && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "Cargo.toml" })
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
			if to, err := s.ws.FS.ReadLink(name); err == nil && !path.IsAbs(to) {
				s.link(name, path.Join(dir, to))
			}
		case e.IsDir() && !s.roots[name] && e.Name() != ".git" && e.Name() != "node_modules" && name != path.Join(s.ws.Root, "target"):
			s.folder(name, u)
		case e.Type().IsRegular():
			s.file(name, u)
		}
	}
}

// link adds what the symbolic link name of the package points to.
func (s *scanner) link(name, to string) {
	switch {
	case cargo.Within(s.pkg.Dir, to):
	case cargo.Within(to, s.pkg.Dir):
		s.wide(s.orphan(name), s.ws.Show(name)+" is a link to the folders above the package")
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
		if to := path.Join(path.Dir(name), word); !cargo.Within(s.pkg.Dir, to) && !cargo.Within(to, s.pkg.Dir) {
			s.add(to, s.orphan(name), false)
		}
	}
}

// content reads a file and remembers its digest.
func (s *scanner) content(name string) ([]byte, error) {
	s.read[name] = true
	data, err := disk.Read(s.ws.FS, name, scanLimit)
	if err == nil {
		s.sums[name] = contentOf(data)
	}
	return data, err
}

// orphan is what a file is for that no source declares as its module.
func (s *scanner) orphan(name string) use {
	for _, dir := range []string{"tests", "benches"} {
		if cargo.Within(path.Join(s.pkg.Dir, dir), name) {
			return tests
		}
	}
	if dir := path.Dir(s.pkg.Build); s.pkg.Build != "" && dir != "." && dir != "src" && cargo.Within(path.Join(s.pkg.Dir, dir), name) {
		return scripts
	}
	return s.use()
}

// beyond notes that a source includes a file outside of the project, which the compiler will not find.
func (s *scanner) beyond(name string, at func() string, text string) {
	if out := disk.Outside(s.ws.FS.Check(name)); out != nil {
		place := fmt.Sprintf("%s names %s, which is not sent: %s; %s", at(), fault.Quote(text), out, out.Fix())
		if !slices.Contains(s.found.Beyond, place) {
			s.found.Beyond = append(s.found.Beyond, place)
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
	if r == settled && !cargo.Within(s.pkg.Dir, name) {
		s.add(name, u, later)
	}
	return r
}

func (s *scanner) look(name string) reached {
	if _, err := s.ws.FS.Stat(name); err != nil {
		return missing // or outside of the project, where nothing can be meant
	}
	if cargo.Within(name, s.pkg.Dir) && name != s.pkg.Dir {
		return above
	}
	return settled
}

// add takes a file or folder that is there and belongs to the project, and looks through it.
func (s *scanner) add(name string, u use, later bool) {
	list := &s.found.Outside
	if later {
		list = &s.found.TestOutside
	}
	if name == "." || slices.Contains(*list, name) {
		return
	}
	info, err := s.ws.FS.Stat(name)
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
		if data, err := disk.Read(s.ws.FS, name, scanLimit); err == nil && declaresModule(data) {
			if dir := path.Dir(name); !cargo.Within(dir, s.pkg.Dir) {
				s.add(dir, u, false)
			} else {
				s.wide(u, s.ws.Show(name)+" has modules beside it")
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
	reason := &s.found.ReadsWorkspace
	if u == tests {
		reason = &s.found.TestsReadWorkspace
	}
	if *reason == "" && (s.pkg.Member || s.found.Unstubbable == "") {
		*reason = why
	}
}
