package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// reserve is how much of the disk a database has beyond its end. A build begins with a quarter of it too. In the database
// of records there are the checksums of all files of an image or a layer, rewritten as a whole: it has more.
const (
	reserve        = 4 << 20
	reserveRecords = 32 << 20
)

// recordsFile is the database of the cache's records, in the folder of the worker.
const recordsFile = "metadata_v2.db"

// databases are the files of all databases that there are below root. They refer to each other and to the layers.
func databases(root string) []string {
	var found []string
	for _, pattern := range []string{"*.db", "runc-*/*.db", "runc-*/snapshots/*.db"} {
		more, _ := filepath.Glob(filepath.Join(root, pattern))
		found = append(found, more...)
	}
	return found
}

// reserveSpace gives the databases in files space to grow into, so that none of them finds the disk full. BuildKit
// changes several of them at each step: one that cannot be written leaves it and the others in contradiction, with
// layers that the one knows and the other does not, or with old checksums of new files. The error is ENOSPC or
// EDQUOT when there is too little left; what is on a filesystem that cannot reserve goes without.
func reserveSpace(files []string) error {
	for _, name := range files {
		want := int64(reserve)
		if filepath.Base(name) == recordsFile {
			want = reserveRecords
		}
		err := extend(name, want)
		if isFull(err) {
			err = extend(name, want/4)
		}
		if isFull(err) {
			return fmt.Errorf("keeping space for %s: %w", name, err)
		}
	}
	return nil
}

// extend allocates the blocks of a file and those of n bytes beyond its end, where it will grow. Its size stays.
func extend(name string, n int64) error {
	var stat unix.Stat_t
	if err := unix.Stat(name, &stat); err != nil || stat.Blocks*512 >= stat.Size+n {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	for err = unix.EINTR; errors.Is(err, unix.EINTR); { // which Go's scheduler causes
		err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, stat.Size+n)
	}
	return err
}
