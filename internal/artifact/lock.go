package artifact

import (
	"os"
	"syscall"
)

// lock waits until no other process holds the folder's lock and takes it; closing f, or dying, gives it back. It takes an
// open folder, since a path could lead elsewhere by now.
func lock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			return err
		}
	}
}
