package artifact

import (
	"os"
	"syscall"
)

// Lock takes the lock of a folder as flock(2) has it, for this process alone with LOCK_EX or along with others with LOCK_SH; closing
// f, or dying, gives it back. It waits until nobody holds it otherwise, or fails then with LOCK_NB. It takes an open folder, since a
// path could lead elsewhere by now.
func Lock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if err != syscall.EINTR {
			return err
		}
	}
}
