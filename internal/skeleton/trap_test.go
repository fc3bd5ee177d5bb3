package skeleton

import (
	"cmp"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"lpipe/internal/cargo"
)

// Each file of testdata/traps is a project that plain cargo builds and that a naive treatment of its manifests
// breaks. Its comment says why, and has lines "key: value" for the test:
//
//	root: app           the workspace's folder in the archive
//	build: a b          the packages whose closure is made
//	run: a              the binary to run; the first of build by default
//	args: --release     further arguments of cargo, also of its tests
//	prints: hello       what the binary prints
//	whole: x            the packages that are copied whole; none by default
//	notes: text         a part of the notes
//	recompiles: x       foreign crates that are compiled again with the closure; none by default
//	tests: a            what cargo test runs with the closure: packages whose tests must pass
//	edit: file          this file is replaced by the archive's file edited/<file> afterwards
//	then: hello         what the binary prints then
func TestTraps(t *testing.T) {
	needCargo(t)
	files, err := filepath.Glob("testdata/traps/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no traps", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			trap(t, string(data))
		})
	}
}

func trap(t *testing.T, archive string) {
	key := map[string]string{}
	for line := range strings.Lines(string(txtar.Parse([]byte(archive)).Comment)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			key[k] = v
		}
	}
	dir := project(t, archive)
	edited := filepath.Join(t.TempDir(), "edited")
	_ = os.Rename(filepath.Join(dir, "edited"), edited)
	lockProject(t, dir, key["root"])
	src, deps, target := filepath.Join(t.TempDir(), "src"), filepath.Join(t.TempDir(), "deps"), filepath.Join(t.TempDir(), "target")
	args := append([]string{"--workspace", "--frozen", "--target", host()}, strings.Fields(key["args"])...)

	ws := load(t, filepath.Join(dir, key["root"]))
	if err := ws.CheckLock(); err != nil {
		t.Error("the lock file is fresh:", err)
	}
	var whole []string
	for _, p := range ws.Packages {
		if p.Whole {
			whole = append(whole, p.Name)
		}
	}
	if got := strings.Join(whole, " "); got != key["whole"] {
		t.Errorf("copied whole: %q, want %q", got, key["whole"])
	}
	run := func(tree *Tree, command string, more ...string) []string {
		t.Helper()
		if tree != nil {
			materialize(t, tree, src)
		}
		out, compiled, err := cargoRun(filepath.Join(src, filepath.FromSlash(ws.Root)), target, append(append([]string{command}, args...), more...)...)
		if err != nil {
			t.Fatalf("cargo %s: %s", command, out)
		}
		return compiled
	}
	skel, _, err := Make(ws)
	if err != nil {
		t.Fatal(err)
	}
	run(skel, "build")
	run(nil, "test", "--no-run")
	if err := os.Rename(target, deps); err != nil {
		t.Fatal(err)
	}

	check := func(ws *cargo.Workspace, want string) {
		t.Helper()
		var pkgs []*cargo.Package
		for _, name := range strings.Fields(key["build"]) {
			pkgs = append(pkgs, ws.Find(name))
		}
		tree, notes, err := Closure(ws, pkgs, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var said string
		for _, n := range notes {
			said += n.Package + " " + n.Text + "\n"
		}
		if !strings.Contains(said, key["notes"]) || key["notes"] == "" && key["whole"] == "" && said != "" {
			t.Errorf("notes %q, want %q", said, key["notes"])
		}
		// Every build starts from the dependencies' layer.
		if out, err := exec.Command("sh", "-c", `rm -rf "$2" && cp -a "$1" "$2"`, "sh", deps, target).CombinedOutput(); err != nil {
			t.Fatal(string(out))
		}
		again := run(tree, "build", "--bins")
		for _, n := range strings.Fields(key["tests"]) {
			out, more, err := cargoRun(filepath.Join(src, filepath.FromSlash(ws.Root)), target, append([]string{"test", "-p", n}, args[1:]...)...)
			if err != nil || !strings.Contains(out, "test result: ok. 1 passed") {
				t.Errorf("the tests of %s: %s", n, out)
			}
			_ = more // -p selects other features
		}
		again = append(again, run(nil, "test", "--no-run")...)
		slices.Sort(again)
		if got := strings.Join(slices.Compact(again), " "); got != key["recompiles"] {
			t.Errorf("foreign crates compiled again: %q, want %q", got, key["recompiles"])
		}
		profile := "debug"
		if strings.Contains(key["args"], "--release") {
			profile = "release"
		}
		bin := filepath.Join(target, host(), profile, cmp.Or(key["run"], strings.Fields(key["build"])[0]))
		out, err := exec.Command(bin).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("the program printed %q (%v), want %q", got, err, want)
		}
	}
	check(ws, key["prints"])
	if name := key["edit"]; name != "" {
		if err := os.Rename(filepath.Join(edited, path.Base(name)), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		relock(t, filepath.Join(dir, key["root"]))
		ws := load(t, filepath.Join(dir, key["root"]))
		again, _, err := Make(ws)
		if err != nil || again.Digest() != skel.Digest() && key["notes"] == "" && key["whole"] == "" {
			t.Errorf("the edit changed the skeleton (%v)", err)
		}
		check(ws, key["then"])
	}
}
