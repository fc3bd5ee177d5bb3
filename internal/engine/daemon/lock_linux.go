package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

func ownerFile(root string) string { return filepath.Join(root, ownerName) }

// acquire takes the lock of c.Root.
func acquire(ctx context.Context, c Config) (unlock func(), err error) {
	lock := flock.New(filepath.Join(c.Root, lockName))
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

// Running returns the daemon of this user that owns root, when it accepts connections.
func Running(root string) (Process, bool) {
	text, err := os.ReadFile(ownerFile(root))
	if err != nil {
		return Process{}, false
	}
	var o owner
	if json.Unmarshal(text, &o) != nil {
		return Process{}, false
	}
	conn, pid, err := dial(o.Socket)
	if err != nil {
		return Process{}, false
	}
	conn.Close()
	if pid == 0 {
		return Process{}, false
	}
	return Process{PID: pid, Suspended: suspended(pid), Socket: o.Socket, Version: o.Version, Started: o.Started}, true
}

// suspended reads the state of a process: proc_pid_stat(5). The name before it may hold anything.
func suspended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	state := stat[bytes.LastIndexByte(stat, ')')+1:]
	return bytes.HasPrefix(state, []byte(" T")) || bytes.HasPrefix(state, []byte(" t"))
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
	lock := flock.New(filepath.Join(root, lockName))
	defer lock.Close()
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return true, fmt.Errorf("waiting for process %d to finish its builds: %w", p.PID, err)
	}
	return true, nil
}
