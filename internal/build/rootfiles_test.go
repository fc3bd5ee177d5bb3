package build

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestImagesAreKeptWhileTheyAreUsed: the files of an image go once nobody holds them, and are as old as keep says.
func TestImagesAreKeptWhileTheyAreUsed(t *testing.T) {
	env := map[string]string{"XDG_CACHE_HOME": t.TempDir()}
	if all, err := Images(env); err != nil || all.Count != 0 {
		t.Errorf("%+v %v", all, err)
	}
	if removed, err := PruneImages(env, 0, false); err != nil || removed.Count != 0 {
		t.Errorf("%+v %v", removed, err)
	}
	images, err := imagesFolder(env)
	if err != nil {
		t.Fatal(err)
	}
	image := func(name string, age time.Duration) string {
		dir := filepath.Join(images, name)
		closed := filepath.Join(dir, "closed")
		if err := os.MkdirAll(closed, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{filepath.Join(dir, "a"), filepath.Join(closed, "b")} {
			if err := os.WriteFile(file, make([]byte, 50), 0o444); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(closed, 0o555); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(dir, at, at); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	used, old, recent := image("used", 48*time.Hour), image("old", 48*time.Hour), image("recent", time.Hour)
	filled, left := image(partPrefix+"1", time.Hour), image(partPrefix+"2", 48*time.Hour)
	held, err := hold(used)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := Images(env); err != nil || all.Count != 5 || all.Size != 500 || all.Removable != 400 {
		t.Errorf("%+v %v", all, err)
	}
	there := func() (found []string) {
		for _, dir := range []string{used, old, recent, filled, left} {
			if _, err := os.Stat(dir); err == nil {
				found = append(found, filepath.Base(dir))
			}
		}
		return found
	}
	for _, c := range []struct {
		keep    time.Duration
		dry     bool
		release bool
		removed int
		left    int
	}{{24 * time.Hour, true, false, 2, 5}, {24 * time.Hour, false, false, 2, 3}, {0, false, false, 1, 2}, {0, false, true, 1, 1}} {
		if c.release {
			held.Close()
		}
		removed, err := PruneImages(env, c.keep, c.dry)
		if err != nil || removed.Count != c.removed || removed.Size != 100*int64(c.removed) || len(there()) != c.left {
			t.Errorf("%+v: %+v %v, and %q are left", c, removed, err, there())
		}
	}
	if _, err := hold(used); !os.IsNotExist(err) {
		t.Errorf("what was removed is held: %v", err)
	}
}

// TestImageOfTwoRuns: of two that unpack the same image, the second takes what the first has.
func TestImageOfTwoRuns(t *testing.T) {
	images := t.TempDir()
	dir := filepath.Join(images, "image")
	for range 2 {
		temp, err := os.MkdirTemp(images, partPrefix)
		if err != nil {
			t.Fatal(err)
		}
		held, err := settleImage(temp, dir)
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		if !isAt(held, dir) {
			t.Error("another folder is held")
		}
		if err := removeImage(temp); err != nil && !os.IsNotExist(err) {
			t.Error(err)
		}
	}
}
