//go:build unix

package ownership

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

func foreign(info fs.FileInfo) string {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "its owner cannot be told"
	}
	switch uid := os.Getuid(); {
	case int(s.Uid) != uid && s.Uid != 0:
		return fmt.Sprintf("it belongs to user %d, and you are user %d", s.Uid, uid)
	case info.Mode()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 && info.Mode()&fs.ModeSymlink == 0:
		return fmt.Sprintf("every user may write it (mode %04o)", info.Mode().Perm())
	}
	return ""
}
