package skeleton

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/reach"
	"lpipe/internal/testparts"
)

// laidOver compares what a step sees of each package's closure, laid over the stubs, with the closure made whole: contents,
// modes, links and times.
func laidOver(t *testing.T, ws *cargo.Workspace, found *reach.Findings) {
	t.Helper()
	stubs, _, err := Stubs(ws, found, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func(*cargo.Workspace, *reach.Findings, []*cargo.Package, Options) (*Tree, []Note, error){"closure": Closure, "tests": Tests} {
		for _, p := range ws.Packages {
			pkgs := []*cargo.Package{p}
			whole, _, err := make(ws, found, pkgs, Options{})
			if err != nil {
				t.Fatal(err)
			}
			over, _, err := make(ws, found, pkgs, Options{Over: stubs})
			if err != nil {
				t.Fatal(err)
			}
			want, got := filepath.Join(t.TempDir(), "want"), filepath.Join(t.TempDir(), "got")
			materialize(t, whole, want)
			materialize(t, stubs.Tree, got)
			lay(t, over, got)
			left, all := timed(t, got), timed(t, want)
			maps.DeleteFunc(left, func(at, _ string) bool { // the sources of stubs that only others have
				stub := filepath.Join(ws.Root, stubLib)
				return all[at] == "" && (cargo.Within(at, stub) || cargo.Within(filepath.Dir(stub), at))
			})
			same(t, name+" of "+p.Name, left, all)
		}
	}
}

func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for name := range maps.Keys(want) {
		if got[name] != want[name] {
			t.Errorf("%s: %s is\n%q, want\n%q", what, name, got[name], want[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: there is %s", what, name)
		}
	}
}

// timed is snapshot with the times of folders, which cargo compares where a build script names one.
func timed(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := snapshot(t, dir)
	for name := range all {
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			all[name] += info.ModTime().UTC().String()
		}
	}
	return all
}

func TestLaidOver(t *testing.T) {
	links := rooted + "-- shared/p/x.proto --\n-- data/x.json --\n{}\n-- crates/far/Cargo.toml --\n[package]\nname = \"far\"\nversion = \"0.1.0\"\n" +
		"-- crates/far/src/lib.rs --\n-- crates/lib/lib.rs --\n-- crates/lib/build.rs --\nfn main() {}\n" +
		"-- crates/job/src/main.rs --\nconst X: &str = include_str!(\"../../../linked/x.json\");\nmod y { include!(\"../../lib/lib.rs\"); }\n"
	projects := map[string]string{"fleet": fleet, "rooted": rooted, "single": single, "links": links}
	files, err := filepath.Glob("testdata/traps/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no traps", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		projects[filepath.Base(file)] = string(data)
	}
	for name, archive := range projects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := testparts.Project(t, archive)
			_ = os.RemoveAll(filepath.Join(dir, "edited"))
			root := filepath.Join(dir, testparts.Keys(archive)["root"])
			if name == "links" {
				for link, to := range map[string]string{"linked": "data", "crates/job/proto": "../../shared/p", "crates/lib/Cargo.link": "Cargo.toml"} {
					if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
						t.Fatal(err)
					}
				}
			} else if _, err := os.Stat(filepath.Join(root, "Cargo.lock")); err != nil {
				needCargo(t)
				testparts.Vendor(t, root)
				testparts.Lock(t, root)
			}
			ws, found := load(t, root)
			laidOver(t, ws, found)
		})
	}
}

// TestClosuresDoNotGrowWithTheWorkspace: what is sent for each lambda is its own.
func TestClosuresDoNotGrowWithTheWorkspace(t *testing.T) {
	dir := testparts.Project(t, fleet+"-- schema/api.json --\n{}\n")
	ws, found := load(t, dir)
	stubs, _, err := Stubs(ws, found, Options{})
	if err != nil {
		t.Fatal(err)
	}
	tree, _, err := Closure(ws, found, []*cargo.Package{ws.Find("a")}, Options{Over: stubs})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Cargo.lock", "Cargo.toml", "crates/a/Cargo.toml", "crates/a/src/main.rs", "crates/util/Cargo.toml", "crates/util/src/lib.rs"}
	if got := tree.Paths(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	checkOrder(t, tree)
	if stubs.Digest() == tree.Digest() || tree.Digest() == "" {
		t.Errorf("digests %q and %q", stubs.Digest(), tree.Digest())
	}
}
