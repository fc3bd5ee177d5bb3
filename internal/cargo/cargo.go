// Package cargo reads what cargo would read before it compiles: manifests, workspaces, the lock file, cargo's
// configuration and the toolchain file.
//
// It is pure: an [io/fs.FS] in, values out. It never runs cargo, resolves no dependency and writes nothing; what
// it cannot know for certain it leaves to cargo's own --locked in the build. It reads no Rust source: what the code of
// a package may read is for package reach.
//
// A package is local when its source is a folder: the members of the workspace, path dependencies outside it, and
// folders named by [patch], [replace] or the configuration's paths. All paths of a [Workspace] are slash-separated and
// relative to its base.
package cargo

import (
	"path"
	"slices"
	"strings"

	"lpipe/internal/disk"
)

// Workspace is a cargo project: one package or several that share a lock file.
type Workspace struct {
	FS   *disk.View // the disk as given to Load, within what this project may use
	Base string     // what all paths are relative to, itself relative to FS: "." as loaded, see RelativeTo
	Root string     // the folder with the lock file, relative to Base; "." when equal
	Dir  string     // the folder that Load was asked for, relative to Base

	Manifest  *Manifest   // of Root
	Packages  []*Package  // every local package, sorted by Dir
	Foreign   []*Manifest // of workspaces other than this one, from which a local package inherits
	Lock      *Lock
	Config    Config
	Toolchain *Toolchain // nil without a rust-toolchain file
	// Strays are the folders that a glob of workspace.members matches and that hold no package.
	Strays []string

	from string // the folder that paths in messages start at, relative to FS
}

// Package is a local package.
type Package struct {
	Name, Version, Edition string

	Dir      string // relative to Base
	Member   bool   // of the workspace; false: a path dependency outside it, or patched in
	Default  bool   // among the workspace's default members
	Manifest *Manifest
	// Replaces is which foreign package it stands in for and what says so, as in `"x" through [patch.crates-io]`; "" for none.
	Replaces string

	Lib        *Target // nil without a library
	Bins       []Target
	Examples   []Target
	Tests      []Target
	Benches    []Target
	ProcMacro  bool   // the library is a procedural macro
	Build      string // the build script, relative to Dir; "" without one
	DefaultRun string
	Links      string
	// Readme and LicenseFile are the files that package.readme and package.license-file name, relative to Dir; "" for none.
	Readme, LicenseFile string

	// Features are those of the manifest and those that optional dependencies imply, as cargo metadata lists them.
	Features map[string][]string
	Locals   []*Package // what it depends on directly, of every kind and for every platform, sorted by Dir
	// Of Locals, those that its build script uses, and those whose binaries it depends on (artifact = "bin").
	BuildLocals, ArtifactLocals []*Package

	root *Manifest // of the workspace it inherits from; nil without one
}

// Target is a library, binary, example, test or benchmark.
type Target struct {
	Name             string
	Path             string // relative to the package's folder
	RequiredFeatures []string
	Declared         bool // by a table of the manifest; false: cargo found its source
}

// Find returns the local package of that name, preferring members, or nil.
func (w *Workspace) Find(name string) *Package {
	var found *Package
	for _, p := range w.Packages {
		if p.Name == name && (found == nil || p.Member && !found.Member) {
			found = p
		}
	}
	return found
}

// Closure returns pkgs and the local packages they depend on, transitively, in the order of w.Packages.
func (w *Workspace) Closure(pkgs []*Package) []*Package {
	in := map[*Package]bool{}
	var add func(p *Package)
	add = func(p *Package) {
		if !in[p] {
			in[p] = true
			for _, l := range p.Locals {
				add(l)
			}
		}
	}
	for _, p := range pkgs {
		add(p)
	}
	var all []*Package
	for _, p := range w.Packages {
		if in[p] {
			all = append(all, p)
		}
	}
	return all
}

// Owner returns the local package whose folder holds the file or folder name, the innermost when they nest, or nil.
func (w *Workspace) Owner(name string) *Package {
	var owner *Package
	for _, p := range w.Packages {
		if Within(p.Dir, name) && (owner == nil || len(p.Dir) > len(owner.Dir) || owner.Dir == ".") {
			owner = p
		}
	}
	return owner
}

// Linkable reports that Rust code can depend on the library of p, as it can unless its crate types are for other
// languages alone.
func (p *Package) Linkable() bool {
	lib, _ := p.Manifest.Tree["lib"].(table)
	types := asStrings(lib["crate-type"])
	return len(types) == 0 || slices.Contains(types, "lib") || slices.Contains(types, "rlib")
}

// Programs returns the binaries and examples of p that have a source of their own.
func (p *Package) Programs() []Target {
	shared := func(t Target) bool { return p.Lib != nil && t.Path == p.Lib.Path }
	return slices.DeleteFunc(slices.Concat(p.Bins, p.Examples), shared)
}

// Within reports whether name is dir or lies below it; both are clean slash-separated relative paths.
func Within(dir, name string) bool {
	if dir == "." {
		return name != ".." && !strings.HasPrefix(name, "../")
	}
	return strings.HasPrefix(name, dir) && (len(name) == len(dir) || name[len(dir)] == '/')
}

// Rel returns name relative to dir, with leading ".." where it must; both are clean and relative to one root.
func Rel(dir, name string) string {
	if dir == "." {
		return name
	}
	up := ""
	for !Within(dir, name) {
		dir, up = path.Dir(dir), up+"../"
	}
	switch {
	case dir == ".":
	case name == dir:
		name = ""
	default:
		name = name[len(dir)+1:]
	}
	return path.Clean(up + name)
}
