package daemon

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// TestADatabaseInUseIsNotDamaged: an engine that is ending keeps its databases open for longer than the state folder.
func TestADatabaseInUseIsNotDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.db")
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := readAll(path, time.Millisecond); !errors.Is(err, bolterrors.ErrTimeout) {
		t.Errorf("reading what another has open: %v", err)
	}
	time.AfterFunc(10*time.Millisecond, func() { db.Close() })
	if err := readAll(path, time.Minute); err != nil {
		t.Errorf("reading what another has open for a moment: %v", err)
	}
}
