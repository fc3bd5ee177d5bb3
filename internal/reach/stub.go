package reach

import (
	"fmt"

	"lpipe/internal/cargo"
)

// unstubbable says of each package for which no stub can stand why that is.
func unstubbable(w *cargo.Workspace) map[*cargo.Package]string {
	why := map[*cargo.Package]string{}
	add := func(p *cargo.Package, reason string) {
		if why[p] == "" {
			why[p] = reason
		}
	}
	names := map[string]int{}
	for _, p := range w.Packages {
		names[p.Name]++
		settings := p.Manifest.Package()
		if _, several := settings["build"].([]any); several {
			add(p, "it has several build scripts")
		}
		for _, key := range []string{"forced-target", "default-target", "metabuild"} {
			if _, ok := settings[key]; ok {
				add(p, "package."+key+" changes how it is built")
			}
		}
		for _, l := range p.ArtifactLocals {
			add(l, "its binaries are dependencies of "+p.Name)
		}
	}
	for _, p := range w.Packages {
		if p.Replaces != "" { // foreign crates may be compiled against it
			add(p, "it replaces "+p.Replaces)
		}
		if names[p.Name] > 1 { // stubs of both would be one and the same in the lock file
			add(p, fmt.Sprintf("several local packages are called %s", p.Name))
		}
	}
	// What it is compiled from is as real.
	var parts func(p *cargo.Package)
	parts = func(p *cargo.Package) {
		for _, l := range p.Locals {
			if why[l] == "" {
				why[l] = "a part of " + p.Name + ", which is copied whole"
				parts(l)
			}
		}
	}
	for _, p := range w.Packages {
		if why[p] != "" {
			parts(p)
		}
	}
	return why
}
