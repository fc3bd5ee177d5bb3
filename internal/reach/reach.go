// Package reach finds what the packages of a workspace read beyond their own folders, and so where a stub may stand for
// one of them.
//
// It reads their sources token by token and compiles nothing: what it cannot read off them it takes for possible. What is
// read while packages are compiled is named in include!, include_str!, include_bytes!, #[path], another attribute or macro,
// or in a string with a ".." of code that runs then: that of build scripts and macros, and of the packages these use.
// Other code opens files when it runs, which only tests do here. Links lead out as well, and so do paths in configuration,
// templates and cargo's [env]. Code that goes up to the folders above its package by other means may read the workspace, and
// beyond its root what the code has a name of.
package reach

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"sync"

	"lpipe/internal/cargo"
	"lpipe/internal/parallel"
)

// Findings are what was found in the packages of one workspace. They do not change once made.
type Findings struct {
	Packages map[*cargo.Package]Package
	Beyond   []string // places of the configuration that name a file outside of the project, in words
	Files    *Files   // of the workspace's base; those that were looked through are not read again

	mentions sync.Map // *cargo.Package -> func() []mention
}

// Package is what was found in one package. Its paths are relative to the workspace's base.
type Package struct {
	// Unstubbable says why no stub can stand for the package, in words for the person who runs lpipe: foreign crates may
	// be compiled against it, or cargo needs all of it. "" says that one can.
	Unstubbable string
	// Outside are existing files and folders beyond the package's folder that its sources name literally and that may be
	// read while it is compiled. ReadsWorkspace is set when they reach out in a way that cannot be read off them, so that
	// they may read anything: it quotes the place.
	Outside        []string
	ReadsWorkspace string
	// TestOutside and TestsReadWorkspace are the same for what is read besides when its tests run.
	TestOutside        []string
	TestsReadWorkspace string
	// Above and TestsAbove are set when what they reach is not even below the workspace's root: the topmost folder of which
	// anything may be read, "" for none.
	Above, TestsAbove string
	// Names are the existing files and folders that its sources name, in the package and beyond: what of them is left out
	// has to be said.
	Names []Named
	// Beyond are the places of its sources that name a file outside of the project, in words.
	Beyond []string
	// Variables are the places of its sources that read a variable of the environment while packages are compiled, by its name.
	Variables map[string]string
	// ReadsBinSources is set when its library, tests, build script or macros may read the sources of a package's programs
	// while they are compiled: it quotes the place.
	ReadsBinSources string
	// LibIndependent reports that the library and the tests can be compiled without the sources of the package's programs,
	// and come out the same: nothing that is compiled with them may read those.
	LibIndependent bool
}

// Find looks through the packages of w, as it was loaded. It returns w relative to its base, the closest folder that holds
// every file a build may read, with what was found.
func Find(w *cargo.Workspace) (*cargo.Workspace, *Findings) {
	w = w.RelativeTo(".")
	s := newScanner(w)
	all := s.scanAll()
	beyond := s.variablesOfCrates()
	base := base(w, all)
	within := func(names []string) []string {
		for i, name := range names {
			names[i] = cargo.Rel(base, name)
		}
		return names
	}
	fsys, _ := fs.Sub(w.FS, base) // folders that hold others of the disk are valid paths
	found := &Findings{Packages: map[*cargo.Package]Package{}, Beyond: beyond, Files: NewFiles(fsys)}
	for name, is := range s.sums {
		if cargo.Within(base, name) {
			found.Files.know(cargo.Rel(base, name), is)
		}
	}
	w = w.RelativeTo(base)
	for i, p := range w.Packages {
		all[i].Outside, all[i].TestOutside = within(all[i].Outside), within(all[i].TestOutside)
		for j, n := range all[i].Names {
			all[i].Names[j].Path = cargo.Rel(base, n.Path)
		}
		for _, above := range []*string{&all[i].Above, &all[i].TestsAbove} {
			if *above != "" {
				*above = cargo.Rel(base, *above)
			}
		}
		found.Packages[p] = all[i]
	}
	for p, one := range found.Packages {
		one.LibIndependent = found.libIndependent(w, p)
		found.Packages[p] = one
	}
	return w, found
}

// fewPackages are looked through by one processor: to share them takes as long.
const fewPackages = 8

// scanAll looks through all packages, on all processors.
func (s *scanner) scanAll() []Package {
	why, hosts, all := unstubbable(s.ws), hosts(s.ws), make([]Package, len(s.ws.Packages))
	scanners := []*scanner{s}
	for len(scanners) < parallel.Workers(len(all), fewPackages) {
		scanners = append(scanners, s.another())
	}
	parallel.Each(len(scanners), len(all), func(worker, i int) {
		p := s.ws.Packages[i]
		all[i] = scanners[worker].scan(p, why[p], hosts[p])
	})
	for _, other := range scanners[1:] {
		maps.Copy(s.used, other.used)
		maps.Copy(s.sums, other.sums)
	}
	return all
}

// base is the closest folder that holds all that a build may read.
func base(w *cargo.Workspace, found []Package) string {
	base := w.Root
	hold := func(folder string) {
		for !cargo.Within(base, folder) {
			base = path.Dir(base)
		}
	}
	for _, p := range w.Packages {
		hold(p.Dir)
	}
	for _, m := range w.Foreign {
		hold(path.Dir(m.Path))
	}
	for _, name := range w.Config.Paths {
		hold(path.Dir(path.Dir(name)))
	}
	for _, name := range w.Config.Extra {
		hold(path.Dir(name))
	}
	for _, folder := range w.Config.Folders {
		hold(folder)
	}
	if w.Toolchain != nil {
		hold(path.Dir(w.Toolchain.Path))
	}
	for _, p := range found {
		for _, name := range slices.Concat(p.Outside, p.TestOutside) {
			hold(path.Dir(name))
		}
		for _, above := range []string{p.Above, p.TestsAbove} {
			if above != "" {
				hold(above)
			}
		}
	}
	return base
}

// hosts are the packages whose code runs while others are compiled: procedural macros, what build scripts use, and the
// packages that these depend on.
func hosts(w *cargo.Workspace) map[*cargo.Package]bool {
	var first []*cargo.Package
	for _, p := range w.Packages {
		if p.ProcMacro {
			first = append(first, p)
		}
		first = append(first, p.BuildLocals...)
	}
	hosts := map[*cargo.Package]bool{}
	for _, p := range w.Closure(first) {
		hosts[p] = true
	}
	return hosts
}

// TestsReadMore reports that the tests of pkgs, or of what they depend on, read more than is read to compile them.
func (f *Findings) TestsReadMore(w *cargo.Workspace, pkgs []*cargo.Package) bool {
	return slices.ContainsFunc(w.Closure(pkgs), func(p *cargo.Package) bool {
		found := f.Packages[p]
		return found.TestsReadWorkspace != "" || len(found.TestOutside) > 0
	})
}

func (f *Findings) libIndependent(w *cargo.Workspace, p *cargo.Package) bool {
	if p.Lib == nil || f.Packages[p].Unstubbable != "" || len(p.Programs()) == 0 || !p.ProcMacro && !p.Linkable() {
		return false
	}
	for _, q := range w.Packages {
		if slices.ContainsFunc(f.Packages[q].Outside, func(out string) bool { return cargo.Within(p.Dir, out) || cargo.Within(out, p.Dir) }) {
			return false
		}
	}
	return !slices.ContainsFunc(w.Closure([]*cargo.Package{p}), func(q *cargo.Package) bool {
		found := f.Packages[q]
		return found.ReadsWorkspace != "" || found.ReadsBinSources != "" && (q == p || q.ProcMacro)
	})
}
