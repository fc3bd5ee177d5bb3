package plan

import (
	"slices"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/reach"
)

// warm reports whether the compiled dependencies of a workspace may be used again when some of them change.
func warm(ws *cargo.Workspace, found *reach.Findings, b config.Build) bool {
	return versioned(ws, found) && b.Network != "default" // what a build script downloads has no version
}

// versioned reports whether there are foreign packages, and cargo can tell what of them changed, which it does by their
// versions or revisions alone. It cannot where
//
//   - a package that is copied whole, since it stands in for a foreign one or is called like another, changes without
//     either; so the dependencies that are compiled against it do
//   - vendored sources and local registries are folders of the project, which a person may edit
//
// What else may change without a version is the same for all: the steps that reuse what is compiled look at it.
func versioned(ws *cargo.Workspace, found *reach.Findings) bool {
	foreign := slices.ContainsFunc(ws.Lock.Packages, func(p cargo.LockPackage) bool { return p.Source != nil })
	whole := slices.ContainsFunc(ws.Packages, func(p *cargo.Package) bool { return found.Packages[p].Unstubbable != "" })
	return foreign && !whole && len(ws.Config.Folders) == 0
}
