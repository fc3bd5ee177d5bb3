//go:build unix

package artifact

import (
	"os"
	"syscall"
)

// lock waits until no other process holds the folder's lock and takes it; closing f, or dying, gives it back.
func lock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			return err
		}
	}
}
