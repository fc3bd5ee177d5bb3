package plan

import (
	"slices"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
)

// warm names a workspace whose compiled dependencies may be used again when some of them change, by its first package:
// the name must be the same in every checkout, and that of a new lambda should not matter. It is "" where cargo cannot
// tell what changed, which it does by the version or revision of a foreign package alone:
//
//   - a package that is copied whole, since it stands in for a foreign one or is called like another, changes without
//     either; so the dependencies that are compiled against it do
//   - vendored sources and local registries are folders of the project, which a person may edit
//   - what a build script downloads has no version
//
// What else may change without a version is the same for all: the step itself looks at it.
func warm(ws *cargo.Workspace, b config.Build) string {
	foreign := slices.ContainsFunc(ws.Lock.Packages, func(p cargo.LockPackage) bool { return p.Source != nil })
	whole := slices.ContainsFunc(ws.Packages, func(p *cargo.Package) bool { return p.Whole })
	if !foreign || whole || len(ws.Config.Folders) > 0 || b.Network == "default" {
		return ""
	}
	return ws.Packages[0].Name
}
