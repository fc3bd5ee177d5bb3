// Package ownership tells whether a file is this user's alone to write.
//
// Where a file or folder decides what lpipe does (a key, the state of an engine, lpipe.toml in a folder above), it counts
// only if no other user could have put it there. Root is no other user: root can write everything anyway.
package ownership

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// Foreign returns why another user can write the file or folder, "" if none can. The info is that of the thing itself:
// whoever follows links checks each folder on the way.
func Foreign(info fs.FileInfo) string { return ForeignTo(nil, info) }

// ForeignTo returns why a user who cannot write the folder of a project can write the file, "" if none can. A checkout
// may belong to another user than the one who builds it, as in containers, or be open to all, as with an umask of 0:
// who asks to build it trusts those who can write it, and they need no further file to decide what the build does.
func ForeignTo(project, file fs.FileInfo) string {
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
