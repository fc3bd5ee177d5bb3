package artifact

import (
	"io/fs"
	"syscall"
)

// status is what the file system says of a file. Whoever changes the file changes this too, but for a change within one
// tick of the clock.
type status struct {
	Device   uint64 `json:"device"`
	Inode    uint64 `json:"inode"`
	Mode     uint32 `json:"mode"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"` // in nanoseconds since 1970
	Changed  int64  `json:"changed"`  // likewise; nobody's to set
}

func statusOf(info fs.FileInfo) status {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return status{}
	}
	return status{s.Dev, s.Ino, s.Mode, s.Size, s.Mtim.Nano(), s.Ctim.Nano()}
}
