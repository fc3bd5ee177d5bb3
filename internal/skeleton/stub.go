package skeleton

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"lpipe/internal/cargo"
)

// The comment is what -Dmissing_docs asks for, the attribute calms flags such as -Dwarnings.
const (
	emptyLib    = "//! stub\n#![allow(warnings, unused_crate_dependencies)]\n"
	emptyScript = "fn main() {}\n"
	// Cargo notes that the variable was read, and compiles the real program as soon as it has another value.
	stubProgram = "//! stub\n#![allow(unused_crate_dependencies)]\n\nfn main() {\n    let _ = option_env!(\"" + StubEnv + "\");\n}\n"
)

// The sources of all stubs, below the workspace's root. The last part of a build script's name is in that of its crate.
const (
	stubLib    = ".cargo/lpipe-stub/lib.rs"
	stubScript = ".cargo/lpipe-stub/build.rs"
)

// StubEnv is the environment variable that must be set, to anything, where the programs of [Libraries] are compiled,
// and nowhere else.
const StubEnv = "LPIPE_STUB"

type table = map[string]any

// apart takes the sources of the programs of p out. Those that the manifest names are replaced, as cargo looks
// for them, and so is the first one, which has cargo compile the library in every way that programs need.
func (m *maker) apart(p *cargo.Package) {
	for i, t := range p.Programs() {
		name := path.Join(p.Dir, t.Path)
		if t.Declared || i == 0 {
			m.tree.write(name, []byte(stubProgram))
		} else {
			m.tree.remove(name)
		}
	}
}

// stubManifest returns the manifest of p's stub: all that decides which dependencies are compiled, with which
// features and how, and nothing else.
func (m *maker) stubManifest(p *cargo.Package) ([]byte, error) {
	src := p.Manifest
	from := src.Package()
	pkg := table{
		"name": p.Name, "version": StubVersion, "build": false,
		"autobins": false, "autoexamples": false, "autotests": false, "autobenches": false,
	}
	keep(pkg, from, "edition", "workspace", "resolver")
	if hasStubScript(p) {
		pkg["build"] = m.fromStub(p, stubScript)
	}
	lib := table{"path": m.fromStub(p, stubLib), "doctest": false}
	if p.Lib != nil {
		from, _ := src.Tree["lib"].(table)
		keep(lib, from, "name")
		// The types beside decide what fat LTO asks of the dependencies. A library for other languages alone is of no use
		// as a stub, and musl targets refuse some of these.
		if p.Linkable() {
			keep(lib, from, "crate-type")
		}
	} else {
		// Not the package's name: a binary may be called as one of the crates it depends on.
		lib["name"] = "stub_of_" + strings.ReplaceAll(p.Name, "-", "_")
	}
	if p.ProcMacro {
		lib["proc-macro"] = true
		delete(lib, "crate-type")
	}
	if m.closure {
		lib["test"] = false // or an edit of a library links the harness of every stub that depends on it
	}
	out := table{"package": pkg, "lib": lib}
	switch {
	case m.libraries && m.pulls(p):
		// cargo build compiles the library and cargo test the example, with all that the programs depend on. Neither is linked.
		out["example"] = []table{{"name": "example_of_" + strings.ReplaceAll(p.Name, "-", "_"), "path": lib["path"], "crate-type": []string{"lib"}}}
	case m.libraries && p.Lib == nil:
		// Nothing depends on it, and benches are compiled when they are asked for: or each set of libraries would cost
		// a stub for every program of the workspace.
		out = table{"package": pkg, "bench": []table{{"name": "stub", "path": lib["path"], "harness": false}}}
	}
	keep(out, src.Tree, "cargo-features", "features")
	dependencyTables(out, src.Tree)
	targets := table{}
	all, _ := src.Tree["target"].(table)
	for name, v := range all {
		t, _ := v.(table)
		kept := table{}
		if dependencyTables(kept, t); len(kept) > 0 {
			targets[name] = kept
		}
	}
	if len(targets) > 0 {
		out["target"] = targets
	}
	if src == m.ws.Manifest {
		m.rootKeys(out)
	}
	return encode(out)
}

// fromStub is the path from the folder of p to a source that all stubs share.
func (m *maker) fromStub(p *cargo.Package, source string) string {
	up := ""
	if p.Dir != "." {
		up = strings.Repeat("../", strings.Count(p.Dir, "/")+1)
	}
	return path.Join(up, m.ws.Root, source)
}

// pulls reports that the stub of p must be compiled for cargo to compile all libraries as p needs them. The members are
// compiled as they are selected, those that p depends on included; packages outside of the workspace cannot be selected,
// and build scripts need their libraries for the machine that builds.
func (m *maker) pulls(p *cargo.Package) bool {
	if !p.Member {
		return false
	}
	return slices.ContainsFunc(m.ws.Closure([]*cargo.Package{p}), func(q *cargo.Package) bool {
		return q != p && m.real[q] && m.found.Packages[q].Unstubbable == "" && (!q.Member || hasStubScript(p))
	})
}

// hasStubScript reports that p's build-dependencies are compiled, which takes a script to depend on them.
func hasStubScript(p *cargo.Package) bool {
	return p.Build != "" && slices.ContainsFunc(p.Manifest.Dependencies(), func(d cargo.Dependency) bool { return d.Kind == "build-dependencies" })
}

// rootManifest returns the manifest at the workspace's root, where no stub is. Where the real one is used, only requirements
// on packages that are stubs here are relaxed.
func (m *maker) rootManifest() ([]byte, error) {
	src := m.ws.Manifest
	if m.owned[m.ws.Root] == nil && !m.full() {
		out := table{}
		keep(out, src.Tree, "cargo-features")
		m.rootKeys(out)
		return encode(out)
	}
	relaxed := map[string]string{}
	deps, _ := src.Workspace()["dependencies"].(table)
	for name, v := range deps {
		spec, _ := v.(table)
		to, ok := spec["path"].(string)
		if p := m.owned[path.Join(m.ws.Root, to)]; ok && p != nil && !m.real[p] {
			relaxed["workspace.dependencies."+name+".version"] = "=" + StubVersion
		}
	}
	for _, key := range memberLists {
		for i, pattern := range visible(src.Workspace()[key]) {
			if pattern == allVisible {
				relaxed[fmt.Sprintf("workspace.%s.%d", key, i)] = allVisible
			}
		}
	}
	return src.ReplaceStrings(relaxed), nil
}

// full reports that real packages may inherit from the workspace, so that it cannot be reduced.
func (m *maker) full() bool {
	return m.closure || slices.ContainsFunc(m.ws.Packages, func(p *cargo.Package) bool { return m.real[p] })
}

// rootKeys adds what only the root's manifest has.
func (m *maker) rootKeys(out table) {
	src := m.ws.Manifest.Tree
	keep(out, src, "profile", "patch", "replace")
	if ws := m.ws.Manifest.Workspace(); ws != nil {
		if m.full() {
			ws = maps.Clone(ws)
			relax(ws)
		} else {
			ws = reduced(ws)
		}
		for _, key := range memberLists {
			if patterns := visible(ws[key]); patterns != nil {
				ws[key] = patterns
			}
		}
		out["workspace"] = ws
	}
}

// memberLists are the keys of a workspace with patterns for folders of packages.
var memberLists = []string{"members", "default-members"}

// allVisible is the pattern "*" but for names with a dot in front. Cargo takes every folder that a pattern matches for a
// package, also those of lpipe.
const allVisible = "[!.]*"

// visible returns the patterns of a list of members, those for all folders of the root without lpipe's; nil for no list.
func visible(list any) []any {
	patterns, _ := list.([]any)
	patterns = slices.Clone(patterns)
	for i, p := range patterns {
		if text, ok := p.(string); ok && path.Clean(text) == "*" {
			patterns[i] = allVisible
		}
	}
	return patterns
}

// reduced returns a [workspace] with what stubs take from it.
func reduced(ws table) table {
	out := table{}
	keep(out, ws, "members", "exclude", "default-members", "resolver", "dependencies")
	relax(out)
	if pkg, _ := ws["package"].(table); pkg["edition"] != nil {
		out["package"] = table{"edition": pkg["edition"]}
	}
	return out
}

// relax removes the versions of path dependencies from workspace.dependencies.
func relax(ws table) {
	if deps, ok := ws["dependencies"].(table); ok {
		ws["dependencies"] = unversioned(deps)
	}
}

// foreignManifest returns the manifest of another workspace, from which packages of this one inherit, without its
// package.
func foreignManifest(f *cargo.Manifest) ([]byte, error) {
	ws := maps.Clone(f.Workspace())
	relax(ws)
	return encode(table{"workspace": ws})
}

func dependencyTables(out, from table) {
	for _, key := range []string{"dependencies", "dev-dependencies", "dev_dependencies", "build-dependencies", "build_dependencies"} {
		if deps, ok := from[key].(table); ok {
			out[key] = unversioned(deps)
		}
	}
}

// unversioned returns the dependencies, those with a path without the version and registry they have once
// published: the stub's version would not match.
func unversioned(deps table) table {
	out := table{}
	for name, v := range deps {
		if spec, ok := v.(table); ok && spec["path"] != nil {
			spec = maps.Clone(spec)
			for _, key := range []string{"version", "registry", "registry-index"} {
				delete(spec, key)
			}
			v = spec
		}
		out[name] = v
	}
	return out
}

func keep(out, from table, keys ...string) {
	for _, k := range keys {
		if v, ok := from[k]; ok {
			out[k] = v
		}
	}
}

// encode writes TOML with sorted keys.
func encode(t table) ([]byte, error) {
	data, err := toml.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("writing a manifest: %w", err)
	}
	return data, nil
}
