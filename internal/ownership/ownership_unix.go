//go:build unix

package ownership

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

func foreign(info fs.FileInfo) string { return foreignTo(nil, info) }

func foreignTo(project, file fs.FileInfo) string {
	s, ok := file.Sys().(*syscall.Stat_t)
	if !ok {
		return "its owner cannot be told"
	}
	uid, owners, open := os.Getuid(), []uint32{uint32(os.Getuid()), 0}, false
	if project != nil {
		if p, ok := project.Sys().(*syscall.Stat_t); ok {
			owners = append(owners, p.Uid)
		}
		open = writableByAll(project)
	}
	switch {
	case !slices.Contains(owners, s.Uid):
		return fmt.Sprintf("it belongs to user %d, and you are user %d", s.Uid, uid)
	case writableByAll(file) && !open:
		return fmt.Sprintf("every user may write it (mode %04o)", file.Mode().Perm())
	}
	return ""
}

// writableByAll reports whether every user may write the file, or replace what is in the folder.
func writableByAll(info fs.FileInfo) bool {
	return info.Mode()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 && info.Mode()&fs.ModeSymlink == 0
}
