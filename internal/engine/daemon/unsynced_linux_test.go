package daemon

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// TestDatabasesInUseAreMarked: from use to settle there is a marker, which counts in another boot alone, and only then
// is syncing off.
func TestDatabasesInUseAreMarked(t *testing.T) {
	root := t.TempDir()
	db, err := bolt.Open(filepath.Join(root, "some.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	u := &unsynced{root: root, dbs: []*bolt.DB{db}}
	check := func(when string, inUse bool) {
		t.Helper()
		_, err := os.Lstat(markerFile(root))
		if marked := err == nil; marked != inUse || db.NoSync != inUse {
			t.Errorf("%s: marked %t, syncing off %t, want %t", when, marked, db.NoSync, inUse)
		}
		if was, err := torn(root); was || err != nil {
			t.Errorf("%s: torn in the same boot: %t %v", when, was, err)
		}
	}
	check("at first", false)
	for range 2 { // a client, and another one
		u.use()
		check("used", true)
	}
	for range 2 {
		if err := u.settle(); err != nil {
			t.Fatal(err)
		}
		check("settled", false)
	}
	u.use()
	check("used again", true)
	for _, boot := range []string{"another", ""} {
		if err := os.WriteFile(markerFile(root), []byte(boot), 0o600); err != nil {
			t.Fatal(err)
		}
		if was, err := torn(root); !was || err != nil {
			t.Errorf("marked by boot %q: torn is %t %v", boot, was, err)
		}
	}
}

// TestSyncingGoesOnWithoutAMarker: nobody could tell that the databases were torn.
func TestSyncingGoesOnWithoutAMarker(t *testing.T) {
	root := t.TempDir()
	db, err := bolt.Open(filepath.Join(root, "some.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	u := &unsynced{root: filepath.Join(root, "none"), dbs: []*bolt.DB{db}}
	u.use()
	if db.NoSync {
		t.Error("syncing is off")
	}
	if _, err := os.Lstat(markerFile(u.root)); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
