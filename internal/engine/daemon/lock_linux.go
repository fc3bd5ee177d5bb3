package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"
)

// errServed says that another daemon already does what this one was started for.
var errServed = errors.New("another daemon serves the socket")

// lockPoll is how often a held lock is tried again.
const lockPoll = 20 * time.Millisecond

// owner is what the holder of the lock leaves in the state folder for others to find it by.
type owner struct {
	Socket  string
	Version string
	Started time.Time
}

func ownerFile(root string) string { return filepath.Join(root, "daemon.json") }

// acquire takes the lock of c.Root. The lock's name is buildkitd's, so that the two never share a folder.
func acquire(ctx context.Context, c Config) (unlock func(), err error) {
	lock := flock.New(filepath.Join(c.Root, "buildkitd.lock"))
	for asked := 0; ; {
		locked, err := lock.TryLock()
		if err != nil {
			return nil, fmt.Errorf("locking the state folder: %w", err)
		}
		if locked {
			// The file stays: removing it would let two daemons lock two files of one name.
			return func() { os.Remove(ownerFile(c.Root)); _ = lock.Unlock() }, nil
		}
		if p, ok := Running(c.Root); ok {
			if p.Socket == c.Socket {
				return nil, errServed
			}
			if p.PID != asked {
				asked = p.PID
				notice("an engine of another version or configuration (process %d) uses %s; it leaves when its builds are done", p.PID, c.Root)
				if err := unix.Kill(p.PID, unix.SIGTERM); err != nil {
					return nil, fmt.Errorf("stopping process %d: %w", p.PID, err)
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(lockPoll):
		}
	}
}

// Running returns the daemon that owns root, when it accepts connections. Its process id comes from the
// kernel, so it is never that of a stranger who got the number of a dead daemon.
func Running(root string) (Process, bool) {
	text, err := os.ReadFile(ownerFile(root))
	if err != nil {
		return Process{}, false
	}
	var o owner
	if json.Unmarshal(text, &o) != nil {
		return Process{}, false
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: o.Socket, Net: "unix"})
	if err != nil {
		return Process{}, false
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		return Process{}, false
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil || credErr != nil || cred.Pid <= 0 {
		return Process{}, false
	}
	return Process{PID: int(cred.Pid), Socket: o.Socket, Version: o.Version, Started: o.Started}, true
}

// Stop asks the daemon that owns root to finish its builds and leave, and waits for that until ctx ends. It
// returns false when none was running.
func Stop(ctx context.Context, root string) (bool, error) {
	p, ok := Running(root)
	if !ok {
		return false, nil
	}
	if err := unix.Kill(p.PID, unix.SIGTERM); err != nil {
		return true, fmt.Errorf("stopping process %d: %w", p.PID, err)
	}
	lock := flock.New(filepath.Join(root, "buildkitd.lock"))
	defer lock.Close()
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return true, fmt.Errorf("waiting for process %d to finish its builds: %w", p.PID, err)
	}
	return true, nil
}
