package ownership

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxLinks is how many links a path may go through, as in Linux.
const maxLinks = 40

// Path returns an error if another user can put something else in the place of path. It names the first part that such a
// user can write: a folder on the way, a link, a folder that a link leads to, or what is there at the end. Where path does
// not exist and none of the parts that do is at fault, the error is [fs.ErrNotExist].
func Path(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	volume := filepath.VolumeName(path)
	at := volume + string(filepath.Separator)
	rest := parts(path[len(volume):])
	for links := 0; ; {
		info, err := os.Lstat(at)
		if err != nil {
			return err
		}
		if why := Foreign(info); why != "" {
			return fmt.Errorf("%s: %s", at, why)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			if links++; links > maxLinks {
				return fmt.Errorf("%s: too many links", path)
			}
			target, err := os.Readlink(at)
			if err != nil {
				return err
			}
			rest = append(parts(target), rest...)
			if at = filepath.Dir(at); filepath.IsAbs(target) {
				at = filepath.VolumeName(target) + string(filepath.Separator)
			}
			continue
		}
		if len(rest) == 0 {
			return nil
		}
		at, rest = filepath.Join(at, rest[0]), rest[1:] // ".." is the real parent: at holds no link
	}
}

// MakeTemp makes a folder for temporary files, in whose place no other user can put something else.
func MakeTemp(prefix string) (string, error) {
	if err := Path(os.TempDir()); err != nil {
		return "", err
	}
	return os.MkdirTemp("", prefix)
}

// parts splits a path, and keeps "..".
func parts(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == filepath.Separator || r == '/' })
}
