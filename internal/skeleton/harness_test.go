package skeleton

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"lpipe/internal/cargo"
)

// project writes the files of a txtar archive into a new folder and returns it.
func project(t *testing.T, archive string) string {
	t.Helper()
	dir := t.TempDir()
	unpack(t, dir, archive)
	return dir
}

func unpack(t *testing.T, dir, archive string) {
	t.Helper()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		name := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// load reads the project in dir as lpipe does, from the root of the machine's file system.
func load(t *testing.T, dir string) *cargo.Workspace {
	t.Helper()
	ws, err := cargo.Load(os.DirFS("/"), strings.TrimPrefix(dir, "/"))
	if err != nil {
		t.Fatal(err)
	}
	return ws
}
