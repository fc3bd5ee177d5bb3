package build

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"lpipe/internal/artifact"
	"lpipe/internal/serve"
	"lpipe/internal/testparts"
)

// TestWhatABuildWritesIsNoChange of what it is watched by, and a source, a new file and a setting are one.
func TestWhatABuildWritesIsNoChange(t *testing.T) {
	dir := t.TempDir()
	testparts.Unpack(t, dir, shop)
	r, err := preparedFrom(t, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	watched := r.Watched()
	past := time.Now().Add(-time.Minute) // so that a change now has another time, whatever the disk keeps of it
	for _, name := range watched {
		if err := os.Chtimes(name, past, past); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	before := serve.Look(watched)
	for _, target := range r.Targets {
		if err := artifact.Write(target.OutputDir(), artifact.File{Name: artifact.ProgramName, Data: []byte("program"), Mode: 0o755}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Targets[0].CreateBeside("timings.html"); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(before, serve.Look(watched)) {
		t.Error("a build changes what it is watched by")
	}
	for _, name := range []string{"orders/src/main.rs", "orders/src/new.rs", "lpipe.toml"} {
		before := serve.Look(watched)
		testparts.Unpack(t, dir, "-- "+name+" --\n# another\n")
		if maps.Equal(before, serve.Look(watched)) {
			t.Errorf("%s changes nothing that is watched", name)
		}
	}
	if slices.Contains(watched, filepath.Join(dir, "target")) {
		t.Error("the folder of the results is watched")
	}
}
