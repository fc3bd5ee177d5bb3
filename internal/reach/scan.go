package reach

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"lpipe/internal/cargo"
	"lpipe/internal/disk"
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
	ws        *cargo.Workspace
	roots     map[string]bool            // folders of local packages, and of vendored ones
	variables map[string]bool            // that cargo sets as the project's configuration says
	used      map[string]bool            // those of them that code reads
	ignores   bool                       // a file of the project says what is left out
	sums      map[string]content         // of files that were looked through
	entries   map[string]map[string]bool // what is in a folder, by name
	settings  []fs.DirEntry              // the configuration in the workspace's root, where that is no package's

	pkg      *cargo.Package
	host     bool // the package's code runs while others are compiled
	reads    bool // a build script, or a macro of the project, may read what is in its folder
	found    Package
	seen     map[source]bool // files that were looked through
	read     map[string]bool // the same, whatever they are for
	known    map[string]reached
	programs *programs
	nested   []string // folders of packages that are no part of the build
	macros   macros
	names    map[string]int // where what is named stands in found.Names
	// The words of the build script, and where they stand; files of the package that are no sources, where a list may leave some out.
	parts map[string]func() string
	files []string
	// The words of code, and how many folders it may climb; of tests besides.
	named, namedByTests words
	climbs              map[bool]int
	own                 map[bool]bool // it climbs from the package
}

func newScanner(w *cargo.Workspace) *scanner {
	s := &scanner{
		ws: w, roots: map[string]bool{}, variables: map[string]bool{"CARGO_WORKSPACE_DIR": true}, used: map[string]bool{}, sums: map[string]content{},
		entries: map[string]map[string]bool{},
	}
	for name := range w.Config.Env {
		s.variables[name] = true
	}
	for _, dir := range w.FS.Up(w.Root) {
		s.ignores = s.ignores || s.exists(path.Join(dir, ".lpipeignore")) || s.exists(path.Join(dir, ".dockerignore"))
	}
	for _, p := range w.Packages {
		s.roots[p.Dir] = true
	}
	for _, vendored := range w.Config.Folders {
		s.roots[vendored] = true
	}
	if !s.roots[w.Root] {
		entries, _ := w.FS.List(w.Root)
		s.settings = slices.DeleteFunc(slices.Clone(entries), func(e fs.DirEntry) bool { return !e.Type().IsRegular() || !isConfiguration(e.Name()) })
	}
	return s
}

// another is a scanner of the same packages, for beside this one.
func (s *scanner) another() *scanner {
	o := *s
	o.used, o.sums, o.entries = map[string]bool{}, map[string]content{}, map[string]map[string]bool{}
	return &o
}

// scan looks through the package, first the sources that cargo compiles and their modules. unstubbable says why no stub
// can stand for it, host that its code runs while others are compiled.
func (s *scanner) scan(p *cargo.Package, unstubbable string, host bool) Package {
	s.found = Package{Unstubbable: unstubbable}
	s.pkg, s.host, s.seen, s.read, s.known, s.programs = p, host, map[source]bool{}, map[string]bool{}, map[string]reached{}, newPrograms(p)
	s.reads = host || p.Build != "" || slices.ContainsFunc(p.Locals, func(l *cargo.Package) bool { return l.ProcMacro })
	s.nested, s.macros, s.names = nil, macros{}, map[string]int{}
	s.parts, s.files = map[string]func() string{}, nil
	s.named, s.namedByTests, s.climbs, s.own = words{}, words{}, map[bool]int{}, map[bool]bool{}
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
	if p.Member {
		for _, e := range s.settings {
			s.file(path.Join(s.ws.Root, e.Name()), s.use(), e)
		}
	}
	s.metadata()
	s.assembled()
	if s.reads {
		s.lists()
	}
	s.macros.settle()
	s.lookAbove(false)
	s.lookAbove(true)
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
	entries, err := s.ws.FS.List(dir)
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
			if s.ignores && s.pkg.Build != "" && path.Ext(name) != ".rs" && cargo.Within(s.pkg.Dir, name) {
				s.files = append(s.files, name)
			}
			s.file(name, u, e)
		}
	}
}

// link adds what the symbolic link name of the package points to.
func (s *scanner) link(name, to string) {
	switch {
	case cargo.Within(s.pkg.Dir, to):
	case cargo.Within(to, s.pkg.Dir):
		u := s.orphan(name)
		if u == compiles && !s.reads { // the compiler follows what a source names
			u = tests
		}
		if s.ws.FS.Holds(to) {
			s.wide(u, s.ws.Show(name)+" is a link to the folders above the package")
		}
	default:
		s.add(to, s.orphan(name), false)
	}
}

// textual are the extensions of other sources that name files by paths relative to themselves.
var textual = []string{".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".s", ".proto", ".cmake", ".mk", ".am", ".graphql", ".html", ".j2", ".tera", ".sql"}

// isConfiguration reports that a build script or macro may read the file and open what that names. Those of other tools
// are named here.
func isConfiguration(name string) bool {
	for _, other := range []string{
		"cargo.", "cargolambda.", "lpipe.", "rust-toolchain.", "rustfmt.", ".rustfmt.", "clippy.", ".clippy.", "deny.", "renovate.", "package", "tsconfig", "jsconfig",
		"composer.", "cdk.", "samconfig.", "template.", "serverless.", "docker-compose", "compose.", "codecov.", "mkdocs.", "book.", "makefile.", "netlify.", "vercel.",
		"release-plz.", "cliff.", "dist-", "taplo.", ".taplo.", "typos.", "_typos.", "nextest.", "cross.", "trunk.", "fly.", ".pre-commit", ".eslint", ".prettier",
	} {
		if strings.HasPrefix(strings.ToLower(name), other) {
			return false
		}
	}
	return slices.Contains([]string{".toml", ".json", ".yaml", ".yml"}, path.Ext(name))
}

// configurationLimit is the largest configuration that is looked through, in bytes. What is larger is data.
const configurationLimit = 256 << 10

func (s *scanner) file(name string, u use, e fs.DirEntry) {
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
	below := cargo.Rel(s.pkg.Dir, name)
	text := slices.Contains(textual, ext) || strings.Contains("/"+below, "/"+templates+"/")
	bases := []string{path.Dir(name)}
	if !text {
		if hidden := strings.HasPrefix(below, ".") && strings.Contains(below, "/") && cargo.Within(s.pkg.Dir, name); hidden || !isConfiguration(e.Name()) {
			return
		}
		if info, err := e.Info(); err != nil || info.Size() > configurationLimit {
			return
		}
		bases = append(bases, s.pkg.Dir, s.ws.Root)
	}
	if s.read[name] {
		return
	}
	data, err := s.content(name)
	if err != nil {
		return
	}
	u = s.orphan(name)
	if bytes.Contains(data, []byte("../")) {
		s.follow(string(data), bases, u, !text, func() string { return s.ws.Show(name) })
	}
	if s.reads {
		if text {
			bases = append(bases, path.Join(s.pkg.Dir, templates), s.pkg.Dir)
		}
		s.listed(name, string(data), bases, u)
	}
}

// listed names what a file that a build script or macro may read has the path of, where a list may leave that out.
func (s *scanner) listed(name, text string, bases []string, u use) {
	for i, line := range strings.Split(text, "\n") {
		if !s.ignores && !strings.Contains(line, ".env") {
			continue
		}
		at := func() string { return fmt.Sprintf("%s:%d", s.ws.Show(name), i+1) }
		for _, word := range pathsIn(line) {
			if !s.ignores && !strings.HasPrefix(path.Base(word), ".env") {
				continue
			}
			for _, base := range bases {
				to := path.Join(base, word)
				up := strings.Contains(word, "..") // what is beyond the package was followed
				if (s.mayHold(base, word) || up && cargo.Within(s.pkg.Dir, to)) && to != name && s.common(to) && !s.holdsPackage(to) && s.look(to) == settled {
					s.name(to, u, false, at)
					break
				}
			}
		}
	}
}

// lists names what the files list that a source names: a build script opens what it reads there.
func (s *scanner) lists() {
	for i := 0; i < len(s.found.Names); i++ {
		n := s.found.Names[i]
		info, err := s.ws.FS.Stat(n.Path)
		if err != nil || !info.Mode().IsRegular() || n.Runs || s.read[n.Path] || info.Size() > configurationLimit || !cargo.Within(s.pkg.Dir, n.Path) {
			continue
		}
		if data, err := s.content(n.Path); err == nil && bytes.IndexByte(data, 0) < 0 {
			u := s.use()
			if n.Tests {
				u = tests
			}
			s.listed(n.Path, string(data), []string{path.Dir(n.Path), s.pkg.Dir, s.ws.Root}, u)
		}
	}
}

// pathsIn returns the words of a line, and what stands in quotes, that may be the path of a file: without a dot or a slash
// a word is none.
func pathsIn(line string) (all []string) {
	words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r\"'`<>=,;:|(){}[]*?", r) })
	if strings.ContainsAny(line, `"'`) {
		words = append(words, strings.FieldsFunc(line, func(r rune) bool { return r == '"' || r == '\'' })...)
	}
	for _, word := range words {
		word = strings.Trim(word, "/")
		if strings.ContainsAny(word, "./") && strings.Trim(word, "./") != "" && pathLike(word) && !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return all
}

// mayHold reports that a folder holds the first part of a path: most words of a text are none.
func (s *scanner) mayHold(dir, name string) bool {
	there, known := s.entries[dir]
	if !known {
		there = map[string]bool{}
		entries, _ := s.ws.FS.List(dir)
		for _, e := range entries {
			there[e.Name()] = true
		}
		s.entries[dir] = there
	}
	first, _, _ := strings.Cut(path.Clean(name), "/")
	return there[first]
}

// follow adds what the paths in a text lead to that is no source. Configuration names packages for other reasons too.
func (s *scanner) follow(text string, bases []string, u use, configuration bool, at func() string) {
	for _, word := range upPaths(text) {
		for _, base := range bases {
			to := path.Join(base, word)
			if cargo.Within(s.pkg.Dir, to) || cargo.Within(to, s.pkg.Dir) || cargo.Within(to, s.ws.Root) || configuration && s.holdsPackage(to) {
				continue
			}
			if s.reach(to, u, configuration && u == tests, at) == settled {
				break
			}
		}
	}
}

// metadata looks through the settings in the package's manifest that build scripts and macros read. Those of tools that come
// after a build are named here.
func (s *scanner) metadata() {
	settings, _ := s.pkg.Manifest.Package()["metadata"].(map[string]any)
	at := func() string { return s.pkg.Manifest.At("package", "metadata") }
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if !slices.Contains([]string{"lambda", "deb", "rpm", "generate-rpm", "docs", "release", "bundle", "dist", "binstall", "wix"}, name) {
			s.setting(settings[name], at)
		}
	}
}

func (s *scanner) setting(v any, at func() string) {
	switch v := v.(type) {
	case string:
		if s.spaced(v, []string{s.pkg.Dir}, s.use(), false, at) {
			return
		}
		s.follow(v, []string{s.pkg.Dir}, s.use(), true, at)
	case []any:
		for _, e := range v {
			s.setting(e, at)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			s.setting(v[key], at)
		}
	}
}

// holdsPackage reports that a folder is that of a package, or holds one.
func (s *scanner) holdsPackage(dir string) bool {
	for root := range s.roots {
		if cargo.Within(dir, root) {
			return true
		}
	}
	return false
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

// reached is what a path turned out to be, from the weakest to the strongest finding.
type reached int

const (
	missing reached = iota
	settled         // in the package, or added to it
	above           // a folder that holds the package: anything below it may be meant
)

// reach adds what is at name if it is outside the package; later says that it is read when tests run, at which place names it.
func (s *scanner) reach(name string, u use, later bool, at func() string) reached {
	r, known := s.known[name]
	if !known {
		r = s.look(name)
		s.known[name] = r
	}
	if r == settled {
		s.name(name, u, later, at)
		if !cargo.Within(s.pkg.Dir, name) {
			s.add(name, u, later)
		}
		if to := s.follows(name); to != name {
			s.reach(to, u, later, at)
		}
	}
	return r
}

// follows is where a name leads by the links in it, for one that leads to something of the project.
func (s *scanner) follows(name string) string {
	for range mostLinks {
		parts := strings.Split(name, "/")
		linked := false
		for i := range parts {
			link := path.Join(parts[:i+1]...)
			to, err := s.ws.FS.ReadLink(link)
			if err == nil && !path.IsAbs(to) {
				name, linked = path.Join(append([]string{path.Dir(link), to}, parts[i+1:]...)...), true
				break
			}
		}
		if !linked {
			break
		}
	}
	return name
}

// mostLinks is how many links a name may lead through, as on Linux.
const mostLinks = 40

func (s *scanner) look(name string) reached {
	if _, err := s.ws.FS.Stat(name); err != nil {
		if out := disk.Outside(err); out != nil && out.OfGit() && out.Info != nil {
			return settled // which is said, and not sent
		}
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
	if name == "." || slices.Contains(*list, name) || slices.Contains(strings.Split(name, "/"), ".git") {
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
	default:
		s.file(name, u, fs.FileInfoToDirEntry(info))
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
