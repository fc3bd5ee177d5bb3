package artifact

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"lpipe/internal/disk"
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

// Write makes the files appear in dir, which it creates: each is complete and on the disk before it takes its
// name, in the order given, and a run that is killed, or meets a full disk, leaves the old files as they were.
// What killed runs left behind is removed. Runs on the same folder wait for each other. A file that is there already is
// left alone. The error is a [fault.Error]: of kind NoSpace for a full disk, else Usage.
//
// One that is killed between the names leaves new files beside old ones; who needs them to be of one run compares, as
// [Folder.Vouched] does.
func Write(dir string, files ...File) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return WriteFault(dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return WriteFault(dir, err)
	}
	defer root.Close()
	return write(root, ".", files)
}

// write is [Write] for a folder inside another one, out of which no link leads it: not even one that is put there while
// it works. Files called stale are about the zip
// that was there, and are removed before another one takes its name.
func write(root *os.Root, dir string, files []File, stale ...string) error {
	return writeIf(root, dir, files, func(*os.Root) error { return nil }, stale...)
}

// writeIf is write where ready returns nil for the folder, whose lock is held by then, and else returns its error.
func writeIf(root *os.Root, dir string, files []File, ready func(folder *os.Root) error, stale ...string) error {
	path := func(name string) string { return filepath.Join(root.Name(), dir, name) }
	if err := root.MkdirAll(dir, 0o755); err != nil {
		return WriteFault(path(""), err)
	}
	folder, err := root.OpenRoot(dir)
	if err != nil {
		return WriteFault(path(""), err)
	}
	defer folder.Close()
	self, err := folder.Open(".")
	if err != nil {
		return WriteFault(path(""), err)
	}
	defer self.Close() // gives the lock back
	// A file system without locks loses the clean-up, nothing else: temporary names are unique.
	if Lock(self, syscall.LOCK_EX) == nil {
		removeLeftovers(folder, self)
	}
	if err := ready(folder); err != nil {
		return err
	}
	files = slices.DeleteFunc(slices.Clone(files), func(f File) bool { return isWritten(folder, f) })
	if len(files) == 0 {
		return nil
	}
	temps, err := writeTemps(folder, path, files)
	defer func() {
		for _, t := range temps {
			_ = folder.Remove(t) // those renamed are gone already
		}
	}()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(files, func(f File) bool { return f.Name == ZipName }) {
		for _, name := range stale {
			if err := folder.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return WriteFault(path(name), err)
			}
		}
	}
	if err := rename(folder, path, temps, files); err != nil {
		return err
	}
	if err := self.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) { // EINVAL: folders cannot be synced here
		return WriteFault(path(""), err)
	}
	return nil
}

// writeTemps writes files under temporary names, and returns those that it has used.
func writeTemps(folder *os.Root, path func(string) string, files []File) (temps []string, err error) {
	for _, f := range files {
		if filepath.Base(f.Name) != f.Name {
			return temps, WriteFault(path(f.Name), errors.New("the name has a folder in it"))
		}
		if info, err := folder.Lstat(f.Name); err == nil && info.IsDir() {
			return temps, WriteFault(path(f.Name), errors.New("it is a folder"))
		}
		temps = append(temps, disk.Temp(f.Name))
		if err := writeTemp(folder, temps[len(temps)-1], f); err != nil {
			return temps, WriteFault(path(f.Name), err)
		}
	}
	return temps, nil
}

// rename gives files their names, in their order.
func rename(folder *os.Root, path func(string) string, temps []string, files []File) error {
	for i, f := range files {
		if err := folder.Rename(temps[i], f.Name); err != nil {
			failed := WriteFault(path(f.Name), err)
			if i > 0 {
				failed.Fix = "run it again: the folder has new files beside old ones"
			}
			return failed
		}
	}
	return nil
}

// MakeFolder makes a folder and those above it.
func MakeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return WriteFault(dir, err)
	}
	return nil
}

// CheckWritable is nil where [Replace] can write a file of that name, as far as that can be told without writing one.
func CheckWritable(name string) error {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return WriteFault(name, errors.New("it is a folder"))
	}
	if Shared(name) {
		if err := syscall.Access(name, mayWrite); err != nil {
			return WriteFault(name, err)
		}
		return nil
	}
	dir, err := existing(filepath.Dir(name), os.Stat)
	if err != nil {
		return WriteFault(dir, err)
	}
	return enterable(dir)
}

// Replace is [Write] for a file that a flag names. A device or a pipe, such as /dev/stdout, is written to, and stays.
func Replace(name string, data []byte) error {
	if !Shared(name) {
		return Write(filepath.Dir(name), File{Name: filepath.Base(name), Data: data, Mode: 0o644})
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return WriteFault(name, err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return WriteFault(name, err)
	}
	return nil
}

// Shared reports a name that [Replace] writes to without giving it to another file: one of the kernel's, or of a pipe.
func Shared(name string) bool {
	abs, err := filepath.Abs(name)
	info, statErr := os.Stat(name)
	return statErr == nil && !info.Mode().IsRegular() || err == nil && (strings.HasPrefix(abs, "/dev/") && !strings.HasPrefix(abs, "/dev/shm/") || strings.HasPrefix(abs, "/proc/"))
}

// existing returns the closest of dir and the paths above it that is there, and why it is no folder that can be looked into.
func existing(dir string, stat func(string) (fs.FileInfo, error)) (string, error) {
	for ; ; dir = filepath.Dir(dir) {
		info, err := stat(dir)
		switch {
		case err == nil && info.IsDir():
			return dir, nil
		case err == nil:
			return dir, syscall.ENOTDIR
		case !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir):
			return dir, err
		}
	}
}

const mayWrite, mayEnter = 0o2, 0o1 // W_OK and X_OK of access(2)

// takesFiles are the devices of folders that a file could be made in.
var takesFiles sync.Map

// enterable is nil for a folder that files can be made in. To root access(2) allows it in those of the kernel too: on each device
// one file is made.
func enterable(dir string) error {
	if err := syscall.Access(dir, mayWrite|mayEnter); err != nil {
		return WriteFault(dir, err)
	}
	var at syscall.Stat_t
	if err := syscall.Stat(dir, &at); err != nil {
		return WriteFault(dir, err)
	}
	if _, known := takesFiles.Load(at.Dev); known {
		return nil
	}
	if err := tryToCreate(dir); err != nil {
		return WriteFault(dir, err)
	}
	takesFiles.Store(at.Dev, true)
	return nil
}

// createAndRemove is nil where a file can be made in dir, which it finds out by making one.
func createAndRemove(dir string) error {
	name := filepath.Join(dir, disk.Temp(""))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return errors.Unwrap(err)
	}
	if err := errors.Join(f.Close(), os.Remove(name)); err != nil && !errors.Is(err, fs.ErrNotExist) { // another run may take it for a leftover
		return err
	}
	return nil
}

// isWritten reports a file that is there already, to the last byte: a build in which nothing changed does not
// wait for the disk.
func isWritten(folder *os.Root, f File) bool {
	info, err := folder.Lstat(f.Name)
	if err != nil || info.Mode() != f.Mode || info.Size() != int64(len(f.Data)) {
		return false
	}
	if f.seen != nil && os.SameFile(info, f.seen) && info.ModTime().Equal(f.seen.ModTime()) {
		return true
	}
	there, err := folder.Open(f.Name)
	if err != nil {
		return false
	}
	defer there.Close()
	same, err := sameBytes(there, f.Data)
	return err == nil && same
}

// sameBytes reports whether the rest of a file is data, of which it needs no copy.
func sameBytes(file io.Reader, data []byte) (bool, error) {
	piece := make([]byte, 256<<10)
	for {
		n, err := io.ReadFull(file, piece)
		if n > len(data) || !bytes.Equal(piece[:n], data[:n]) {
			return false, nil
		}
		data = data[n:]
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return len(data) == 0, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// writeTemp writes a file under a temporary name and reads it back.
func writeTemp(folder *os.Root, name string, f File) (err error) {
	temp, err := folder.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := temp.Close(); err == nil {
			err = closeErr
		}
	}()
	if _, err := temp.Write(f.Data); err != nil {
		return err
	}
	if err := temp.Chmod(f.Mode); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if _, err := temp.Seek(0, io.SeekStart); err != nil {
		return err
	}
	same, err := sameBytes(temp, f.Data)
	if err == nil && !same {
		err = errors.New("what was written and what is read differ: the disk is at fault")
	}
	return err
}

// removeLeftovers removes what killed runs left in a folder: files under construction are nobody's once the folder's lock is free,
// which the caller holds. Failing to is no harm.
func removeLeftovers(folder *os.Root, self *os.File) {
	entries, _ := self.ReadDir(-1)
	for _, e := range entries {
		if disk.IsTemp(e.Name()) && e.Type().IsRegular() {
			_ = folder.Remove(e.Name())
		}
	}
}

// WriteFault is what a person is told of a file or folder that could not be written.
func WriteFault(path string, err error) *fault.Error {
	f := &fault.Error{Kind: fault.Usage, What: fmt.Sprintf("cannot write %s", path), Err: err, Fix: "move what is in the way, or write it to another place"}
	switch {
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		f.Kind, f.Fix = fault.NoSpace, "free some space; the files of the previous build are untouched"
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		f.Fix = "make the folder writable for you"
	}
	return f
}
