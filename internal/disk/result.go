package disk

import (
	"path"
	"slices"
	"strings"
)

// IsResult reports a file that lpipe delivered, and that is no part of a project wherever --out-dir put it: a program, its zip and
// what is about them, in a folder that has both, and the zip of a layer. has says which files there are.
func IsResult(name string, has func(name string) bool) bool {
	dir, base := path.Dir(name), path.Base(name)
	switch {
	case base == "layer.zip" || strings.HasPrefix(base, "layer.zip."):
		return slices.Contains([]string{"x86_64", "arm64"}, path.Base(dir)) && path.Base(path.Dir(path.Dir(dir))) == "layers"
	case slices.Contains([]string{"bootstrap", "bootstrap.zip", "bootstrap.debug"}, base),
		strings.HasPrefix(base, "bootstrap.zip."), strings.HasPrefix(base, ".bootstrap.zip."):
		return has(path.Join(dir, "bootstrap")) && has(path.Join(dir, "bootstrap.zip"))
	}
	return false
}
