package cargo

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
)

// maxFolders bounds the search for projects; a repository of a thousand packages has some ten thousand folders.
const maxFolders = 100_000

// InProject reports whether dir lies in a project: it or a folder above it holds a Cargo.toml, up to the root of the
// repository. [LoadFrom] reads that project, or says why it does not.
func InProject(d disk.Disk, dir string) bool {
	dir = path.Clean(dir)
	view, err := search(d, dir)
	return err != nil || slices.ContainsFunc(view.Up(dir), func(at string) bool { return isManifest(d.FS, at) })
}

// Projects returns the folders at or below dir that hold a Cargo.toml, in the order of their names. What lies in the
// folder of a project is its own, be it a member or a fixture of a test. It does not look into [Foreign] folders and
// what cargo vendor wrote, behind symbolic links, and where it may not read. The error is a usage fault.
func Projects(fsys fs.FS, dir string) ([]string, error) {
	var all []string
	folders := 0
	err := fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && name == dir:
			return &fault.Error{Kind: fault.Usage, What: "cannot read the folder", Why: reason(err), Fix: "correct its name or its permissions"}
		case err != nil:
			return fs.SkipDir
		case !d.IsDir():
			return nil
		}
		if folders++; folders > maxFolders {
			return &fault.Error{
				Kind: fault.Usage, What: "no Cargo.toml here or in any folder above, and too many folders below to look through",
				Why: fmt.Sprintf("there are more than %d", maxFolders), Fix: "name the folder of the projects",
			}
		}
		switch {
		case name != dir && Foreign(d.Name()):
			return fs.SkipDir
		case !isManifest(fsys, name):
			return nil
		}
		if _, err := fs.Stat(fsys, path.Join(name, ".cargo-checksum.json")); err != nil {
			all = append(all, name)
		}
		return fs.SkipDir
	})
	return all, err
}

// Foreign reports whether a folder of that name holds no projects of one's own: it is hidden, or for build results or
// foreign code.
func Foreign(name string) bool {
	return strings.HasPrefix(name, ".") || name == "target" || name == "node_modules"
}

func isManifest(fsys fs.FS, dir string) bool {
	return isFile(fsys, path.Join(dir, "Cargo.toml"))
}
