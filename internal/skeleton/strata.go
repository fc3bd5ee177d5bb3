package skeleton

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// The folder, below the workspace's root, with what the strata of the dependencies are made of: a line for each crate, with
// the package for which it is compiled, its stratum, name and version; and the manifest in which the crates of a stratum are
// compiled, as far as it is known before cargo says with which features they are. In the steps of the strata it holds packages of
// that manifest.
const (
	strataPackages = ".cargo/lpipe-strata/packages"
	strataManifest = ".cargo/lpipe-strata/Cargo.toml"
	strataLib      = ".cargo/lpipe-strata/lib.rs"
	strataExample  = ".cargo/lpipe-strata/example.rs"
	strataScript   = ".cargo/lpipe-strata/build.rs"
)

// addStrata adds that folder to the skeleton, where there are strata.
func (m *maker) addStrata() error {
	if m.strata == nil {
		return nil
	}
	var list strings.Builder
	for _, of := range slices.Sorted(maps.Keys(m.strata)) {
		for i, s := range m.strata[of] {
			for _, p := range s {
				fmt.Fprintf(&list, "%s %d %s %s\n", of, i+1, p.Name, p.Version)
			}
		}
	}
	m.ownFile(strataPackages, []byte(list.String()))
	manifest, err := m.stratumManifest()
	if err != nil {
		return err
	}
	m.ownFile(strataManifest, manifest)
	m.ownFile(strataLib, []byte(emptyLib))
	m.ownFile(strataExample, []byte(emptyLib))
	m.ownFile(strataScript, []byte(emptyScript))
	return nil
}

// stratumManifest returns the manifest of the package that depends on the crates of a stratum, without them. It has what
// decides how they are compiled: the workspace's profiles and resolver, and the kinds of libraries that its packages
// have, on which depends what fat LTO asks of the dependencies.
func (m *maker) stratumManifest() ([]byte, error) {
	src := m.ws.Manifest
	pkg := table{
		"name": "lpipe-stratum", "version": StubVersion, "edition": "2021", "resolver": m.resolver(), "build": "../build.rs", "publish": false,
		"autobins": false, "autoexamples": false, "autotests": false, "autobenches": false,
	}
	var types []string
	for _, p := range m.ws.Packages {
		if lib, _ := p.Manifest.Tree["lib"].(table); p.Member && p.Lib != nil && !p.ProcMacro && p.Linkable() {
			all, _ := lib["crate-type"].([]any)
			for _, t := range all {
				if s, ok := t.(string); ok {
					types = append(types, s)
				}
			}
		}
	}
	lib := table{"name": "lpipe_stratum", "path": "../lib.rs", "doctest": false, "test": false}
	if slices.Sort(types); len(types) > 0 {
		lib["crate-type"] = slices.Compact(types)
	}
	out := table{
		"package": pkg, "lib": lib, "workspace": table{},
		// cargo test compiles an example with all that it depends on. A library is not linked.
		"example": []table{{"name": "lpipe_stratum_tests", "path": "../example.rs", "crate-type": []string{"lib"}}},
	}
	keep(out, src.Tree, "cargo-features", "profile")
	return encode(out)
}

// resolver is the version of cargo's resolver by which the workspace's features are chosen.
func (m *maker) resolver() string {
	src := m.ws.Manifest
	for _, t := range []table{src.Workspace(), src.Package()} {
		if r, ok := t["resolver"].(string); ok {
			return r
		}
	}
	if root := m.owned[m.ws.Root]; root != nil && path.Dir(root.Manifest.Path) == m.ws.Root {
		switch root.Edition {
		case "2015", "2018":
		case "2021":
			return "2"
		default:
			return "3"
		}
	}
	return "1"
}
