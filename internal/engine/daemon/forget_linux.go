package daemon

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/leases"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/buildkit/cache/metadata"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/snapshot"
	bolt "go.etcd.io/bbolt"
)

// The names under which BuildKit's cache keeps what is read here: cache/metadata.go, cache/refs.go.
const (
	keyRecordType   = "cache.recordType"
	keySnapshot     = "cache.snapshot"
	keyCommitted    = "snapshot.committed"
	keyBlobOnly     = "cache.blobonly"
	keyEqualMutable = "cache.equalMutable"
)

// forget removes records of the cache that a daemon which was killed may have left wrong:
//
//   - the contexts that clients sent. Their files are written in place, and their checksums afterwards. After a kill in
//     between BuildKit would find the new files to be what the client has, send none, and go by the old checksums: what
//     was built from the old files would be taken for built from the new ones.
//   - layers that are gone, which BuildKit notices when a step needs them, and which it then needs for ever.
//
// What is built on such a layer BuildKit removes as it loads the records.
func forget(ctx context.Context, records *metadata.Store, layers snapshot.Snapshotter, held leases.Manager) error {
	all, err := records.All()
	if err != nil {
		return fmt.Errorf("reading the records of the cache: %w", err)
	}
	for _, record := range all {
		isContext := text(record, keyRecordType) == string(client.UsageRecordTypeLocalSource)
		if !isContext && !lost(ctx, record, layers) {
			continue
		}
		if err := records.Clear(record.ID()); err != nil {
			return fmt.Errorf("removing a record of the cache: %w", err)
		}
		for _, id := range []string{record.ID(), record.ID() + "-variants"} {
			if err := held.Delete(ctx, leases.Lease{ID: id}); err != nil && !cerrdefs.IsNotFound(err) {
				return fmt.Errorf("removing a record of the cache: %w", err)
			}
		}
	}
	return nil
}

// lost reports whether a record is of a finished layer that is not there. One that still has its equal, unfinished one
// BuildKit checks itself.
func lost(ctx context.Context, record *metadata.StorageItem, layers snapshot.Snapshotter) bool {
	id := text(record, keySnapshot)
	if id == "" || !flag(record, keyCommitted) || flag(record, keyBlobOnly) || text(record, keyEqualMutable) != "" {
		return false
	}
	_, err := layers.Stat(ctx, id)
	return cerrdefs.IsNotFound(err)
}

func text(record *metadata.StorageItem, key string) (s string) {
	if v := record.Get(key); v == nil || v.Unmarshal(&s) != nil {
		return ""
	}
	return s
}

func flag(record *metadata.StorageItem, key string) (b bool) {
	if v := record.Get(key); v == nil || v.Unmarshal(&b) != nil {
		return false
	}
	return b
}

// layersGone returns the folder of a layer that the database of layers in dir names and that is not there, "" when all
// are. The layout is that of containerd: core/snapshots/storage/bolt.go.
func layersGone(dir string) (gone string, err error) {
	name := filepath.Join(dir, "metadata.db")
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	db, err := bolt.Open(name, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		return "", err
	}
	defer db.Close()
	return gone, db.View(func(tx *bolt.Tx) error {
		version := tx.Bucket([]byte("v1"))
		if version == nil {
			return nil
		}
		known := version.Bucket([]byte("snapshots"))
		if known == nil {
			return nil
		}
		return known.ForEachBucket(func(key []byte) error {
			id, _ := binary.Uvarint(known.Bucket(key).Get([]byte("id")))
			folder := filepath.Join(dir, "snapshots", fmt.Sprint(id))
			if _, err := os.Lstat(folder); errors.Is(err, fs.ErrNotExist) {
				gone = folder
			}
			return nil
		})
	})
}
