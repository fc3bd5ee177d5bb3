package daemon

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// TestDatabasesInUseAreMarked: from use to settle there is a marker, which tells a kill from another boot, and only then
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
		want := endSettled
		if inUse {
			want = endKilled
		}
		if was, err := lastEnd(root); was != want || err != nil {
			t.Errorf("%s: the end is %d %v, want %d", when, was, err, want)
		}
	}
	check("at first", false)
	for range 2 { // a client, and another one
		if err := u.use(); err != nil {
			t.Fatal(err)
		}
		check("used", true)
	}
	for range 2 {
		if err := u.settle(); err != nil {
			t.Fatal(err)
		}
		check("settled", false)
	}
	if err := u.use(); err != nil {
		t.Fatal(err)
	}
	check("used again", true)
	for _, boot := range []string{"another", ""} {
		if err := os.WriteFile(markerFile(root), []byte(boot), 0o600); err != nil {
			t.Fatal(err)
		}
		if was, err := lastEnd(root); was != endTorn || err != nil {
			t.Errorf("marked by boot %q: the end is %d %v", boot, was, err)
		}
	}
}

// TestNoBuildWithoutAMarker: nobody could tell that the databases were torn.
func TestNoBuildWithoutAMarker(t *testing.T) {
	root := t.TempDir()
	db, err := bolt.Open(filepath.Join(root, "some.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	u := &unsynced{root: filepath.Join(root, "none"), dbs: []*bolt.DB{db}}
	if err := u.use(); err == nil || db.NoSync {
		t.Errorf("%v, syncing off %t", err, db.NoSync)
	}
	if _, err := os.Lstat(markerFile(u.root)); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestADistrustedCacheIsDropped once, with all that refers to it.
func TestADistrustedCacheIsDropped(t *testing.T) {
	root := t.TempDir()
	layer := filepath.Join(root, "runc-overlayfs/snapshots/snapshots/1")
	for _, distrust := range []bool{false, true, false} {
		if err := os.MkdirAll(layer, 0o700); err != nil {
			t.Fatal(err)
		}
		if distrust {
			if err := Distrust(root); err != nil {
				t.Fatal(err)
			}
		}
		if err := healDatabases(root, endSettled); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(layer); errors.Is(err, fs.ErrNotExist) != distrust {
			t.Errorf("distrusted %t: %v", distrust, err)
		}
	}
}
