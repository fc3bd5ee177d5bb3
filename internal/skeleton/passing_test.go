package skeleton

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/disk"
	"lpipe/internal/reach"
	"lpipe/internal/testparts"
)

// TestFilesThatPassStopNoBuild: editors, other tools and other runs of lpipe write and remove files while a build reads the folder.
func TestFilesThatPassStopNoBuild(t *testing.T) {
	names := []string{"src/.main.rs.swp", "src/main.rs~", "src/4913", "src/#main.rs#", "notes.tmp", "trace.log"}
	full := single
	for _, name := range names {
		full += "-- " + name + " --\ntext\n"
	}
	remove := func(t *testing.T, dir string, names ...string) {
		for _, name := range names {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}

	t.Run("gone when they are read", func(t *testing.T) {
		dir := testparts.Project(t, full+"-- src/other.rs --\n")
		ws, found := listed(t, dir)
		remove(t, dir, append(names, "src/other.rs")...)
		tree, notes, err := Closure(ws, found, ws.Packages, Options{})
		if err != nil || len(notes) > 0 {
			t.Fatalf("%v, notes %v", err, notes)
		}
		if all := tree.Paths(); slices.ContainsFunc(names, func(name string) bool { return slices.Contains(all, name) }) {
			t.Errorf("it has %q", all)
		}
	})

	t.Run("gone when they are sent", func(t *testing.T) {
		dir, to := testparts.Project(t, full), t.TempDir()
		tree := closure(t, dir)
		remove(t, dir, names...)
		if sent, err := send(t, tree, to); err != nil || tree.Err() != nil || !slices.Contains(sent, names[0]) {
			t.Errorf("sent %q: %v, %v", sent, err, tree.Err())
		}
	})

	// What was sent in its place is nobody's for the right file.
	t.Run("read by the program", func(t *testing.T) {
		for name, source := range map[string]string{
			"by its name":         "-- src/main.rs --\nfn main() { include_str!(\"../trace.log\"); }\n",
			"by its folder":       "-- src/main.rs --\nfn main() { include_dir!(\"src\"); }\n",
			"by the build script": "-- build.rs --\nfn main() { std::fs::read_dir(\".\"); }\n",
		} {
			dir := testparts.Project(t, full+source)
			tree := closure(t, dir)
			file := names[0]
			if name == "by its name" {
				file = "trace.log"
			}
			remove(t, dir, file)
			if _, err := send(t, tree, t.TempDir()); err != nil || tree.Err() == nil {
				t.Errorf("%s: %v, %v", name, err, tree.Err())
			}
		}
	})

	t.Run("of lpipe", func(t *testing.T) {
		name := "src/" + disk.Temp("bootstrap")
		if all := closure(t, testparts.Project(t, single+"-- "+name+" --\n")).Paths(); slices.Contains(all, name) {
			t.Errorf("it has %q", all)
		}
	})
}

// listed loads a project and lists its folders.
func listed(t *testing.T, dir string) (*cargo.Workspace, *reach.Findings) {
	t.Helper()
	ws, found := load(t, dir)
	for _, folder := range []string{".", "src"} {
		if _, err := found.Files.List(folder); err != nil {
			t.Fatal(err)
		}
	}
	return ws, found
}
