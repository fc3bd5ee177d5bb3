package build

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"lpipe/internal/artifact"
	"lpipe/internal/emulator"
	"lpipe/internal/engine"
	"lpipe/internal/userkey"
)

// The files of images, for [Root], are in a folder of this user's cache, those of each in one of its own. Who uses one holds its
// lock, and sets its time.

// imagesKind is what they are called beside what an engine keeps.
const imagesKind = "images for --isolate"

// partPrefix begins the names of folders that are being filled or removed.
const partPrefix = ".part-"

const (
	imagesAge = 30 * 24 * time.Hour // unused for so long, the files of an image are removed when another is unpacked
	partsAge  = 24 * time.Hour      // by then, nobody fills a folder any more
)

func imagesFolder(env map[string]string) (string, error) {
	cache, err := userkey.Folder(env)
	return filepath.Join(cache, "images"), err
}

// hold takes the lock of a folder, shared with others that use it, and sets its time. The folder is not removed until the file
// is closed. The error is [fs.ErrNotExist] where it is not there.
func hold(dir string) (*os.File, error) {
	file, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	err = errors.Join(artifact.Lock(file, syscall.LOCK_SH), os.Chtimes(dir, now, now))
	if err == nil && !isAt(file, dir) { // removed before it had the lock, and perhaps another one by now
		err = fs.ErrNotExist
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func isAt(file *os.File, path string) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(opened, there)
}

// Images tells how much the files of images take, and what of it no program uses.
func Images(env map[string]string) (engine.Usage, error) {
	all := engine.Usage{Kind: imagesKind}
	dir, err := imagesFolder(env)
	if err != nil {
		return all, err
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		size := sizeOf(filepath.Join(dir, e.Name()))
		all.Count++
		all.Size += size
		if unused, release := claim(filepath.Join(dir, e.Name())); unused {
			release()
			all.Removable += size
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return all, err
}

// PruneImages removes the files of images that no program uses, and none has used in the time keep. With dry it removes nothing. It
// returns what was removed or would be.
func PruneImages(env map[string]string, keep time.Duration, dry bool) (engine.Usage, error) {
	removed := engine.Usage{Kind: imagesKind}
	dir, err := imagesFolder(env)
	if err != nil {
		return removed, err
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return removed, nil
	}
	for _, e := range entries {
		path, least := filepath.Join(dir, e.Name()), keep
		if strings.HasPrefix(e.Name(), partPrefix) {
			least = max(keep, partsAge)
		}
		info, infoErr := e.Info()
		if infoErr != nil || time.Since(info.ModTime()) < least {
			continue
		}
		unused, release := claim(path)
		if !unused {
			continue
		}
		size := sizeOf(path)
		if !dry {
			err = errors.Join(err, removeImage(path))
		}
		release()
		removed.Count++
		removed.Size += size
	}
	return removed, err
}

// claim takes the lock of a folder that nobody holds.
func claim(path string) (ok bool, release func()) {
	file, err := os.Open(path)
	if err != nil {
		return false, nil
	}
	if artifact.Lock(file, syscall.LOCK_EX|syscall.LOCK_NB) != nil || !isAt(file, path) {
		file.Close()
		return false, nil
	}
	return true, func() { file.Close() }
}

// removeImage removes the files of an image, whose lock is held. Nobody finds some of them alone.
func removeImage(path string) error {
	gone := path
	if base := filepath.Base(path); !strings.HasPrefix(base, partPrefix) {
		gone = filepath.Join(filepath.Dir(path), partPrefix+base)
		if err := os.Rename(path, gone); err != nil {
			return err
		}
	}
	// Folders of an image may be read only, also for who wrote them.
	_ = filepath.WalkDir(gone, func(path string, e fs.DirEntry, _ error) error {
		if e != nil && e.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(gone)
}

// sizeOf is the size of all files below a folder.
func sizeOf(dir string) (size int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				size += info.Size()
			}
		}
		return nil
	})
	return size
}

// settleImage puts files that are complete into their place, and holds it. Another run may have been as fast.
func settleImage(temp, dir string) (*os.File, error) {
	if err := errors.Join(os.Chmod(temp, 0o755), emulator.PrepareRoot(temp)); err != nil {
		return nil, err
	}
	if err := os.Rename(temp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return hold(dir)
}
