package skeleton

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tonistiigi/fsutil"

	"lpipe/internal/cargo"
	"lpipe/internal/reach"
	"lpipe/internal/testparts/require"
)

// load reads the project in dir as lpipe does, from the root of the machine's file system.
func load(t *testing.T, dir string) (*cargo.Workspace, *reach.Findings) {
	t.Helper()
	ws, err := cargo.Load(os.DirFS("/"), strings.TrimPrefix(dir, "/"))
	if err != nil {
		t.Fatal(err)
	}
	return reach.Find(ws)
}

// materialize writes the tree into an empty folder, as BuildKit would.
func materialize(t *testing.T, tree *Tree, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var folders []string
	err := tree.Walk(t.Context(), "/", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		to := filepath.Join(dir, name)
		switch {
		case d.IsDir():
			folders = append(folders, to)
			return os.Mkdir(to, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			link, err := tree.ReadFile(name)
			if err != nil {
				return err
			}
			return os.Symlink(string(link), to)
		}
		data, err := tree.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, data, info.Mode().Perm()); err != nil {
			return err
		}
		return os.Chtimes(to, time.Time{}, info.ModTime())
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if err := os.Chtimes(folder, time.Time{}, time.Unix(0, modTime)); err != nil {
			t.Fatal(err)
		}
	}
}

// lay lays a tree over a folder, with the shell of the Dockerfile.
func lay(t *testing.T, over *Tree, dir string) {
	t.Helper()
	from := filepath.Join(t.TempDir(), "over")
	materialize(t, over, from)
	if out, err := exec.Command("sh", "-euc", `. "$1" && lay "$2" "$3"`, "sh", "../dockerfile/lay.sh", from, dir).CombinedOutput(); err != nil {
		t.Fatalf("laying over: %v\n%s", err, out)
	}
}

// needCargo skips the test where there is no cargo with which to compare.
func needCargo(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("compiles with cargo, which -short leaves out")
	}
	_, err := exec.LookPath("cargo")
	require.Part(t, err == nil, "cargo", "apt-get install cargo, or https://rustup.rs")
}

// host is the triple that cargo compiles for by default.
var host = sync.OnceValue(func() string {
	out, _ := exec.Command("rustc", "-vV").Output()
	_, rest, _ := strings.Cut(string(out), "host: ")
	triple, _, _ := strings.Cut(rest, "\n")
	return triple
})

// cargoRun runs cargo in dir with a target folder of its own and returns what it printed and the crates it compiled:
// foreign ones as "name version", local ones by name.
func cargoRun(dir, target string, args ...string) (out string, foreign, local []string, err error) {
	return cargoRunWith("", dir, target, args...)
}

// cargoRunWith is cargoRun with one variable more in the environment, as NAME=VALUE.
func cargoRunWith(env, dir, target string, args ...string) (out string, foreign, local []string, err error) {
	cmd := exec.Command("cargo", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CARGO_NET_OFFLINE=true", "CARGO_TARGET_DIR="+target, "CARGO_INCREMENTAL=0", "CARGO_PROFILE_DEV_DEBUG=0", "CARGO_TERM_COLOR=never")
	if env != "" {
		cmd.Env = append(cmd.Env, env)
	}
	b, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(b)) {
		switch f := strings.Fields(line); {
		case len(f) < 3 || f[0] != "Compiling":
		case len(f) == 3:
			foreign = append(foreign, f[1]+" "+strings.TrimPrefix(f[2], "v"))
		default:
			local = append(local, f[1])
		}
	}
	return string(b), foreign, local, err
}

// mapFS is a project in memory: path -> content.
type mapFS map[string]string

func (m mapFS) fs() fs.FS {
	out := fstest.MapFS{}
	for name, text := range m {
		out[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return out
}

// checkOrder walks the tree as BuildKit's receiver would check it.
func checkOrder(t *testing.T, tree *Tree) {
	t.Helper()
	var v fsutil.Validator
	err := tree.Walk(t.Context(), "/", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return v.HandleChange(fsutil.ChangeKindAdd, name, info, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
}
