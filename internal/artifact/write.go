package artifact

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"lpipe/internal/fault"
)

// File is a file to write.
type File struct {
	Name string // in the folder, without one of its own
	Data []byte
	Mode fs.FileMode // its permissions, whatever the umask

	digest digest      // of Data, where it was needed
	seen   fs.FileInfo // of the file that Data is from, as it was before it was read; nil for new data
}

// Files under construction are called so, and are nobody's once the folder's lock is free.
const tempPrefix, tempSuffix = ".lpipe-", ".partial"

// Write makes the files appear in dir, which it creates: each is complete and on the disk before it takes its
// name, in the order given, and a run that is killed, or meets a full disk, leaves the old files as they were.
// What killed runs left behind is removed. Runs on the same folder wait for each other. A file that is there already is left alone. The error is a
// [fault.Error]: of kind NoSpace for a full disk, else Usage.
func Write(dir string, files ...File) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return writeFault(dir, err)
	}
	folder, err := os.Open(dir)
	if err != nil {
		return writeFault(dir, err)
	}
	defer folder.Close() // gives the lock back
	// A file system without locks loses the clean-up, nothing else: temporary names are unique.
	if lock(folder) == nil {
		removeLeftovers(dir)
	}
	temps := make([]string, 0, len(files))
	defer func() {
		for _, t := range temps {
			os.Remove(t) // those renamed are gone already
		}
	}()
	files = slices.DeleteFunc(slices.Clone(files), func(f File) bool { return isWritten(dir, f) })
	if len(files) == 0 {
		return nil
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if filepath.Base(path) != f.Name {
			return writeFault(path, errors.New("the name has a folder in it"))
		}
		if info, err := os.Lstat(path); err == nil && info.IsDir() {
			return writeFault(path, errors.New("it is a folder"))
		}
		temp, err := writeTemp(dir, f)
		temps = append(temps, temp)
		if err != nil {
			return writeFault(path, err)
		}
	}
	for i, f := range files {
		if err := os.Rename(temps[i], filepath.Join(dir, f.Name)); err != nil {
			return writeFault(filepath.Join(dir, f.Name), err)
		}
	}
	if err := folder.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) { // EINVAL: folders cannot be synced here
		return writeFault(dir, err)
	}
	return nil
}

// isWritten reports a file that is there already, to the last byte: a build in which nothing changed does not
// wait for the disk.
func isWritten(dir string, f File) bool {
	name := filepath.Join(dir, f.Name)
	info, err := os.Lstat(name)
	if err != nil || info.Mode() != f.Mode || info.Size() != int64(len(f.Data)) {
		return false
	}
	if f.seen != nil && os.SameFile(info, f.seen) && info.ModTime().Equal(f.seen.ModTime()) {
		return true
	}
	data, err := os.ReadFile(name)
	return err == nil && bytes.Equal(data, f.Data)
}

// writeTemp writes a file under a temporary name and reads it back. The name is returned also with an error.
func writeTemp(dir string, f File) (name string, err error) {
	temp, err := os.CreateTemp(dir, tempPrefix+f.Name+"-*"+tempSuffix)
	if err != nil {
		return "", err
	}
	defer func() {
		if closeErr := temp.Close(); err == nil {
			err = closeErr
		}
	}()
	if _, err := temp.Write(f.Data); err != nil {
		return temp.Name(), err
	}
	if err := temp.Chmod(f.Mode); err != nil {
		return temp.Name(), err
	}
	if err := temp.Sync(); err != nil {
		return temp.Name(), err
	}
	written, err := os.ReadFile(temp.Name())
	if err == nil && !bytes.Equal(written, f.Data) {
		err = errors.New("what was written and what is read differ: the disk is at fault")
	}
	return temp.Name(), err
}

// removeLeftovers removes what killed runs left in dir; the caller holds the lock. Failing to is no harm.
func removeLeftovers(dir string) {
	names, _ := os.ReadDir(dir)
	for _, n := range names {
		if strings.HasPrefix(n.Name(), tempPrefix) && strings.HasSuffix(n.Name(), tempSuffix) && n.Type().IsRegular() {
			os.Remove(filepath.Join(dir, n.Name()))
		}
	}
}

func writeFault(path string, err error) error {
	f := &fault.Error{Kind: fault.Usage, What: fmt.Sprintf("cannot write %s", path), Err: err, Fix: "make room for it under this name"}
	switch {
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		f.Kind, f.Fix = fault.NoSpace, "free some space; the files of the previous build are untouched"
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		f.Fix = "make the folder writable for you"
	}
	return f
}
