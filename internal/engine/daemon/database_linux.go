package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// historyFile is the database of past builds. The cache does not need it.
const historyFile = "history.db"

// healDatabases opens and reads every database of the state folder. With a damaged one BuildKit would not start,
// or would crash in the middle of a build. It is moved aside, to *.damaged, and the user is told. The databases of
// the cache refer to each other and to the layers on disk, so all of the cache goes with any of them: it can be
// built again. So it does where the machine went down while they were in use, where a layer that they know is gone, and
// after [Distrust].
func healDatabases(root string, was end) error {
	if was == endTorn {
		notice("the build cache starts empty: the machine went down during a build or just after it")
		if err := dropCache(root); err != nil {
			return err
		}
	}
	if _, err := os.Lstat(distrustFile(root)); err == nil { // of which the user knows
		if err := dropCache(root); err != nil {
			return err
		}
		if err := os.Remove(distrustFile(root)); err != nil {
			return fmt.Errorf("removing the note of a damaged cache: %w", err)
		}
	}
	for _, path := range databases(root) {
		damage := readAll(path, lastHold)
		if errors.Is(damage, bolterrors.ErrTimeout) {
			return fmt.Errorf("opening %s: another process has it open", path)
		}
		if damage == nil || errors.Is(damage, fs.ErrNotExist) { // gone with an earlier one
			continue
		}
		aside := filepath.Join(root, filepath.Base(path)+".damaged")
		if err := os.Rename(path, aside); err != nil {
			return fmt.Errorf("moving a damaged database aside: %w", err)
		}
		if filepath.Base(path) == historyFile {
			notice("the history of builds starts empty: %s did not open (%v) and was moved to %s", path, damage, aside)
			continue
		}
		notice("the build cache starts empty: %s did not open (%v) and was moved to %s", path, damage, aside)
		if err := dropCache(root); err != nil {
			return err
		}
	}
	layers, _ := filepath.Glob(filepath.Join(root, "runc-*", "snapshots"))
	for _, dir := range layers {
		gone, err := layersGone(dir)
		if err != nil {
			return fmt.Errorf("reading which layers there are: %w", err)
		}
		if gone == "" {
			continue
		}
		notice("the build cache starts empty: the layer %s is gone", gone)
		if err := dropCache(root); err != nil {
			return err
		}
	}
	return nil
}

func dropCache(root string) error {
	cache, _ := filepath.Glob(filepath.Join(root, "runc-*"))
	for _, gone := range append(cache, filepath.Join(root, "cache.db")) {
		if err := os.RemoveAll(gone); err != nil {
			return fmt.Errorf("removing the cache of a damaged database: %w", err)
		}
	}
	return nil
}

// lastHold is how long a process that no longer owns the state folder may keep a database open: one that is ending does
// until its last moment, which takes long on a busy machine.
const lastHold = 30 * time.Second

// readAll visits every key of a database. It waits for a while for another process that has it open. A damaged page shows as an error, a panic of bbolt, or a memory fault.
func readAll(path string, wait time.Duration) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged page: %v", p)
		}
	}()
	if _, err := os.Stat(path); err != nil {
		return err // which bbolt would make
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: wait})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bolt.Bucket) error { return visit(b) })
	})
}

func visit(b *bolt.Bucket) error {
	return b.ForEach(func(k, v []byte) error {
		if v != nil {
			return nil
		}
		nested := b.Bucket(k)
		if nested == nil {
			return fmt.Errorf("bucket %q cannot be read", k)
		}
		return visit(nested)
	})
}
