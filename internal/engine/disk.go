package engine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"lpipe/internal/engine/daemon"
	"lpipe/internal/fault"
)

// stateFault is the fault of a state folder that the embedded engine cannot write to.
func stateFault(root string, err error) *fault.Error {
	f := unwritable("state folder", root, "make it writable for you, or set LPIPE_ENGINE_ROOT to another folder", err)
	if f.Kind == fault.NoSpace {
		f.Fix = "make room on its disk, or set LPIPE_ENGINE_ROOT to a folder on another one; the folder holds a cache, " +
			"which may be removed as a whole while no engine runs"
	}
	return f
}

// runtimeFault is the same of the folder of the socket.
func runtimeFault(folder string, err error) *fault.Error {
	f := unwritable("runtime folder", folder, "make it writable for you", err)
	if f.Kind == fault.NoSpace {
		f.Fix = "make room on its disk"
	}
	if os.Geteuid() != 0 {
		f.Fix += ", or set XDG_RUNTIME_DIR to a folder that only you can enter"
	}
	return f
}

func unwritable(what, folder, fix string, err error) *fault.Error {
	f := &fault.Error{Kind: fault.Engine, What: "the embedded engine cannot write to its " + what + " " + folder, Err: err, Fix: fix}
	if daemon.NoSpace(err) {
		f.Kind = fault.NoSpace
		if why := noSpace(folder); errors.Is(why, errNoInode) {
			f.Err = fmt.Errorf("%w: %w", err, why)
		}
	}
	return f
}

// errNoInode is what the system does not tell apart from a disk without space.
var errNoInode = errors.New("the disk has space, but no inode for another file")

// noRoom returns the fault of a daemon that ended with an error because a disk is full, nil where it had other reasons. It
// tells so in its log and with its exit status; the log is lost where the log's disk is the full one.
func noRoom(d *embedded, ended error, log string) *fault.Error {
	root, runtime := d.config.Root, filepath.Dir(d.config.Socket)
	var exit *exec.ExitError
	said := strings.Contains(log, syscall.ENOSPC.Error()) || errors.As(ended, &exit) && exit.ExitCode() == fault.NoSpace.ExitCode()
	switch {
	case strings.Contains(log, syscall.EDQUOT.Error()):
		return stateFault(root, syscall.EDQUOT)
	case noSpace(runtime) != nil || said && strings.Contains(log, runtime):
		return runtimeFault(runtime, syscall.ENOSPC)
	case noSpace(root) != nil || said:
		return stateFault(root, syscall.ENOSPC)
	}
	return nil
}
