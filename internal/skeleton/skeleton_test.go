package skeleton

import (
	"slices"
	"strings"
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/plan"
	"lpipe/internal/testparts"
)

const fleet = `
-- Cargo.toml --
[workspace]
members = ["crates/*"]
resolver = "2"

[workspace.package]
version = "1.2.3"
edition = "2021"

[workspace.dependencies]
util = { path = "crates/util", version = "1.2.3" }
b = { path = "crates/b", version = "1" }
-- crates/a/Cargo.toml --
[package]
name = "a"
version.workspace = true
edition.workspace = true
[dependencies]
util.workspace = true
-- crates/a/src/main.rs --
fn main() { println!("{}", util::x()); }
-- crates/util/Cargo.toml --
[package]
name = "util"
version.workspace = true
edition.workspace = true
-- crates/util/src/lib.rs --
pub fn x() -> u32 { 1 }
-- crates/b/Cargo.toml --
[package]
name = "b"
version.workspace = true
edition.workspace = true
[dependencies]
util.workspace = true
-- crates/b/src/main.rs --
fn main() { println!("{}", util::x()); }
-- Cargo.lock --
version = 4

[[package]]
name = "a"
version = "1.2.3"
dependencies = ["util"]

[[package]]
name = "b"
version = "1.2.3"
dependencies = ["util"]

[[package]]
name = "util"
version = "1.2.3"
`

func read(t *testing.T, tree *Tree, name string) string {
	t.Helper()
	data, err := tree.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestSkeletonHasNoSources(t *testing.T) {
	tree, notes, err := Make(load(t, testparts.Project(t, fleet)))
	if err != nil || len(notes) > 0 {
		t.Fatal(notes, err)
	}
	want := []string{
		".cargo/lpipe-fetch.toml", stubLib, "Cargo.lock", "Cargo.toml", "crates/a/Cargo.toml", "crates/b/Cargo.toml", "crates/util/Cargo.toml",
	}
	if got := tree.Paths(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for _, name := range want {
		if strings.Contains(read(t, tree, name), "1.2.3") {
			t.Errorf("%s holds the real version:\n%s", name, read(t, tree, name))
		}
	}
}

func TestClosureHasTheRealFoldersOfWhatItNeeds(t *testing.T) {
	ws, found := load(t, testparts.Project(t, fleet))
	tree, _, err := Closure(ws, found, []*cargo.Package{ws.Find("a")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		stubLib, "Cargo.lock", "Cargo.toml", "crates/a/Cargo.toml", "crates/a/src/main.rs", "crates/b/Cargo.toml",
		"crates/util/Cargo.toml", "crates/util/src/lib.rs",
	}
	if got := tree.Paths(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	lock := strings.Join(strings.Fields(read(t, tree, "Cargo.lock")), " ")
	for _, entry := range []string{"name = 'a' version = '1.2.3'", "name = 'b' version = '0.0.0-skel'", "name = 'util' version = '1.2.3'"} {
		if !strings.Contains(lock, entry) {
			t.Errorf("the lock file lacks %q: %s", entry, lock)
		}
	}
	skel, _, err := Make(ws, found)
	if err != nil {
		t.Fatal(err)
	}
	// The harness of a stub compiles dev-dependencies in the skeleton, and nothing in a closure.
	if strings.Contains(read(t, skel, "crates/b/Cargo.toml"), "test = false\n\n") || !strings.Contains(read(t, tree, "crates/b/Cargo.toml"), "\ntest = false\n") {
		t.Error("a stub's tests are compiled in closures, or not in the skeleton")
	}
	root := read(t, tree, "Cargo.toml")
	if !strings.Contains(root, `util = { path = "crates/util", version = "1.2.3" }`) || !strings.Contains(root, `b = { path = "crates/b", version = "=0.0.0-skel" }`) {
		t.Errorf("only requirements on stubs are relaxed:\n%s", root)
	}
}

// TestTheConfigurationForDownloading: the skeleton has what lpipe chose of cargo's configuration, and no file of the
// project takes its place.
func TestTheConfigurationForDownloading(t *testing.T) {
	const pkg = "-- Cargo.toml --\n[package]\nname = \"a\"\nversion = \"1.0.0\"\nedition = \"2021\"\n-- src/main.rs --\nfn main() {}\n" +
		"-- Cargo.lock --\nversion = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n"
	const config = "-- .cargo/config.toml --\n[build]\nrustc-wrapper = \"evil\"\n[source.crates-io]\nreplace-with = \"m\"\n[source.m]\nregistry = \"sparse+https://me:pw@m/\"\n"
	tree, _, err := Make(load(t, testparts.Project(t, pkg+config)))
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, tree, plan.FetchConfig)
	if !strings.Contains(text, "sparse+https://me:pw@m/") || strings.Contains(text, "evil") {
		t.Errorf("cargo is told\n%s", text)
	}
	own := "[x]\ny = \"lpipe-fetch.toml\"\nz = \".cargo/lpipe-fetch.toml\"\n-- .cargo/lpipe-fetch.toml --\n[alias]\nfetch = \"evil\"\n"
	if tree, _, err := Make(load(t, testparts.Project(t, pkg+config+own))); err == nil || !strings.Contains(err.Error(), "lpipe has a file of this name") {
		t.Errorf("the project's own file: %v, %v", tree.Paths(), err)
	}
}
