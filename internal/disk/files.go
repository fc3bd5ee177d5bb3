package disk

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Files are the paths of the regular files at or below a path. The path may be a link, and so may files below it be; links to folders
// below it are not followed, as they may lead back. The error is why it cannot be looked at, or something below it.
func Files(at string) (all []string, err error) {
	info, err := os.Stat(at)
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() {
		return []string{at}, nil
	}
	err = filepath.WalkDir(at+string(filepath.Separator), func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			if to, err := os.Stat(name); err == nil && to.Mode().IsRegular() {
				all = append(all, name)
			}
			return nil
		}
		if entry.Type().IsRegular() {
			all = append(all, name)
		}
		return nil
	})
	return all, err
}
