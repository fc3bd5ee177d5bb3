//go:build !linux

package artifact

// tryToCreate is nil where a file can be made in dir.
func tryToCreate(dir string) error { return createAndRemove(dir) }
