package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

// unsynced lets databases run without syncing each change with the disk, of which a build in which nothing changes
// makes some thirty. What the kernel has outlives the daemon, however it ends; only the machine's end may tear
// databases. A file in the state folder, the marker, says while that may happen, and in which boot of the machine. Where
// it is there when a daemon starts, the one before was killed.
//
// use begins such a time, when a client comes; settle ends it, a while after the last one has gone.
type unsynced struct {
	root  string
	dbs   []*bolt.DB
	files []string // of all databases, which a daemon has once it is ready

	mu    sync.Mutex
	inUse bool
}

// settleAfter is how long nobody has been connected when the databases are settled: longer than a person takes from one
// build to the next, and short beside the life of a machine.
const settleAfter = time.Minute

func markerFile(root string) string { return filepath.Join(root, "unsynced") }

// bootID tells one boot of the machine from another: proc_sys_kernel(5).
func bootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text)), err
}

// end is how the last daemon left the databases.
type end int

const (
	endSettled end = iota // nothing was going on
	endKilled             // they were in use, and all that was written is there
	endTorn               // they were in use, and the machine went down
)

// lastEnd tells it by the marker.
func lastEnd(root string) (end, error) {
	marked, err := os.ReadFile(markerFile(root))
	if errors.Is(err, fs.ErrNotExist) {
		return endSettled, nil
	}
	if err != nil {
		return endTorn, fmt.Errorf("reading how the databases were left: %w", err)
	}
	// Without an id of the boot nothing was marked by this one.
	if boot, _ := bootID(); string(marked) == boot && boot != "" {
		return endKilled, nil
	}
	return endTorn, nil
}

// use reserves space for the databases, sets the marker and stops syncing. Where that fails, no build may begin.
func (u *unsynced) use() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := reserveSpace(u.files); err != nil {
		return err
	}
	if u.inUse || len(u.dbs) == 0 {
		return nil
	}
	boot, err := bootID()
	if err != nil {
		return nil // where it cannot be told, syncing goes on
	}
	if was, _ := lastEnd(u.root); was != endKilled { // a full disk has no room for the same text again
		if err := writeSynced(markerFile(u.root), boot); err != nil {
			return fmt.Errorf("marking the databases as in use: %w", err)
		}
	}
	u.inUse = true
	for _, db := range u.dbs {
		if err := noSync(db, true); err != nil {
			return fmt.Errorf("writing %s: %w", db.Path(), err)
		}
	}
	return nil
}

// settle brings the databases to the disk, syncs each change from now on, and removes the marker. It also gives back
// memory that the builds no longer use.
func (u *unsynced) settle() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.inUse {
		return nil
	}
	for _, db := range u.dbs {
		if err := noSync(db, false); err != nil {
			return fmt.Errorf("syncing %s: %w", db.Path(), err)
		}
	}
	u.inUse = false
	debug.FreeOSMemory() // of which unpacking an image takes hundreds of megabytes
	return os.Remove(markerFile(u.root))
}

// noSync changes how transactions end, this one included: no other writes meanwhile.
func noSync(db *bolt.DB, v bool) error {
	return db.Update(func(*bolt.Tx) error {
		db.NoSync = v
		return nil
	})
}

// writeSynced writes a file that is on the disk when it returns, its name too.
func writeSynced(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
