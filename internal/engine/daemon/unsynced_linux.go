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
// databases. A file in the state folder, the marker, says while that may happen, and in which boot of the machine.
//
// use begins such a time, when a client comes; settle ends it, a while after the last one has gone.
type unsynced struct {
	root string
	dbs  []*bolt.DB

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

// torn reports that the machine went down while the databases in root were in use.
func torn(root string) (bool, error) {
	marked, err := os.ReadFile(markerFile(root))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading how the databases were left: %w", err)
	}
	boot, _ := bootID() // without one nothing was marked by this boot
	return string(marked) != boot || boot == "", nil
}

// use sets the marker and stops syncing. Where the marker cannot be made, syncing goes on.
func (u *unsynced) use() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.inUse || len(u.dbs) == 0 {
		return
	}
	boot, err := bootID()
	if err != nil || writeSynced(markerFile(u.root), boot) != nil {
		return
	}
	u.inUse = true
	for _, db := range u.dbs {
		_ = noSync(db, true)
	}
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
