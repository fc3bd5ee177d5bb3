package artifact

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// tryToCreate is nil where a file can be made in dir. On most file systems it makes one without a name, which nobody sees: other
// runs may be reading the folder, as the sources of a project.
func tryToCreate(dir string) error {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	switch {
	case err == nil:
		return unix.Close(fd)
	case errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.EISDIR): // open(2): the file system, the kernel has no such files
		return createAndRemove(dir)
	}
	return err
}
