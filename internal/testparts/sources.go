package testparts

import (
	"io/fs"
	"os"
	"slices"
)

// CopySources copies a project of the folder from, without what builds in it left: whoever tries one of testdata/lambdas, as
// scripts/demo does, changes no test.
func CopySources(to, from string) error { return os.CopyFS(to, sources{os.DirFS(from)}) }

type sources struct{ fs.FS }

// ReadDir lists a folder without target.
func (s sources) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(s.FS, name)
	return slices.DeleteFunc(all, func(e fs.DirEntry) bool { return e.IsDir() && e.Name() == "target" }), err
}
