package engine

import (
	"os"

	"golang.org/x/sys/unix"

	"lpipe/internal/fault"
)

func (thisHost) embeddable(o Options) error {
	if _, err := findRunc(o.Getenv, sbin); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return rootless(o.Getenv, sbin)
	}
	if !mayMount() {
		return &fault.Error{
			Kind: fault.Engine,
			What: "the embedded engine cannot run in this container",
			Why:  "its root lacks the right to mount (CAP_SYS_ADMIN)",
			Fix:  "start the container with --privileged, or use another engine with --engine",
		}
	}
	return nil
}

// mayMount reads the effective capabilities of this process.
func mayMount() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // version 3 fills two
	if err := unix.Capget(&header, &data[0]); err != nil {
		return true // then the daemon will tell
	}
	return data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// leastRoom is less than a daemon writes before it serves anybody.
const leastRoom = 64 << 10

// noSpace returns why nothing more can be written to the disk of a folder, nil where that is not known.
func noSpace(folder string) error {
	var s unix.Statfs_t
	if unix.Statfs(folder, &s) != nil {
		return nil //nolint:nilerr // nobody can tell
	}
	free := s.Bavail
	if os.Geteuid() == 0 {
		free = s.Bfree // root may use what is kept in reserve
	}
	switch {
	case s.Blocks > 0 && free*uint64(s.Bsize) < leastRoom:
		return unix.ENOSPC
	case s.Files > 0 && s.Ffree == 0:
		return errNoInode
	}
	return nil
}
