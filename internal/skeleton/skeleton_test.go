package skeleton

import (
	"slices"
	"strings"
	"testing"

	"lpipe/internal/cargo"
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
	tree, notes, err := Make(load(t, project(t, fleet)))
	if err != nil || len(notes) > 0 {
		t.Fatal(notes, err)
	}
	want := []string{
		"Cargo.lock", "Cargo.toml", "crates/a/Cargo.toml", "crates/a/lib.rs", "crates/b/Cargo.toml", "crates/b/lib.rs",
		"crates/util/Cargo.toml", "crates/util/lib.rs",
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
	ws := load(t, project(t, fleet))
	tree, _, err := Closure(ws, []*cargo.Package{ws.Find("a")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Cargo.lock", "Cargo.toml", "crates/a/Cargo.toml", "crates/a/src/main.rs", "crates/b/Cargo.toml", "crates/b/lib.rs",
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
	skel, _, err := Make(ws)
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
