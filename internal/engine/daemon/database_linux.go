package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
)

// healDatabases opens and reads every database of the state folder. When one is damaged, BuildKit would not
// start, or would crash in the middle of a build. The databases refer to each other and to the layers on disk,
// so the damaged one is moved aside, to *.damaged, and the rest of the cache goes: all of it can be built
// again. It returns what was done, or "" when nothing was.
func healDatabases(root string) (done string, err error) {
	found, err := filepath.Glob(filepath.Join(root, "*.db"))
	if err != nil {
		return "", err
	}
	for _, pattern := range []string{"runc-*/*.db", "runc-*/snapshots/*.db"} {
		more, _ := filepath.Glob(filepath.Join(root, pattern))
		found = append(found, more...)
	}
	for _, path := range found {
		damage := readAll(path)
		if damage == nil {
			continue
		}
		aside := filepath.Join(root, filepath.Base(path)+".damaged")
		if err := os.Rename(path, aside); err != nil {
			return "", fmt.Errorf("moving a damaged database aside: %w", err)
		}
		workers, _ := filepath.Glob(filepath.Join(root, "runc-*"))
		for _, gone := range append(workers, filepath.Join(root, "cache.db"), filepath.Join(root, "history.db")) {
			if err := os.RemoveAll(gone); err != nil {
				return "", fmt.Errorf("removing the cache of a damaged database: %w", err)
			}
		}
		return fmt.Sprintf("%s did not open (%v) and was moved to %s", path, damage, aside), nil
	}
	return "", nil
}

// readAll visits every key of a database. A damaged page shows as an error, a panic of bbolt, or a memory fault.
func readAll(path string) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged page: %v", p)
		}
	}()
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second, NoFreelistSync: false})
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
