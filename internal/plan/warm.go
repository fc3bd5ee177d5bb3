package plan

import (
	"slices"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/reach"
)

// warm reports whether the compiled dependencies of a workspace may be used again when some of them change. They must not
// where cargo cannot tell what changed, which it does by the version or revision of a foreign package alone:
//
//   - a package that is copied whole, since it stands in for a foreign one or is called like another, changes without
//     either; so the dependencies that are compiled against it do
//   - vendored sources and local registries are folders of the project, which a person may edit
//   - what a build script downloads has no version
//
// What else may change without a version is the same for all: the step itself looks at it.
func warm(ws *cargo.Workspace, found *reach.Findings, b config.Build) bool {
	foreign := slices.ContainsFunc(ws.Lock.Packages, func(p cargo.LockPackage) bool { return p.Source != nil })
	whole := slices.ContainsFunc(ws.Packages, func(p *cargo.Package) bool { return found.Packages[p].Unstubbable != "" })
	return foreign && !whole && len(ws.Config.Folders) == 0 && b.Network != "default"
}
