package skeleton

import (
	"fmt"
	"strings"
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/testparts"
)

// TestALockFileNamesStubsByTheirVersion: entries are in the order that cargo gives them with these versions, and a crate of the
// name of a local package keeps its own.
func TestALockFileNamesStubsByTheirVersion(t *testing.T) {
	ws, found := load(t, testparts.Project(t, `
-- Cargo.toml --
[workspace]
members = ["a", "b", "hex"]
-- Cargo.lock --
version = 4

[[package]]
name = "a"
version = "1.2.3"
dependencies = [
 "hex 0.4.3",
 "hex 1.0.0",
]

[[package]]
name = "b"
version = "1.2.3"

[[package]]
name = "hex"
version = "0.4.3"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "7f24254aa9a54b5c858eaee2f5bccdb46aaf0e486a595ed5fd8f86ba55232a70"

[[package]]
name = "hex"
version = "1.0.0"
-- a/Cargo.toml --
[package]
name = "a"
version = "1.2.3"
[dependencies]
hex = { path = "../hex" }
crate = { package = "hex", version = "0.4" }
-- a/src/main.rs --
-- b/Cargo.toml --
[package]
name = "b"
version = "1.2.3"
-- b/src/main.rs --
-- hex/Cargo.toml --
[package]
name = "hex"
version = "1.0.0"
-- hex/src/lib.rs --
`))
	for name, want := range map[string]string{
		"a": "a 1.2.3 (hex 0.4.3, hex 1.0.0), b 0.0.0-skel, hex 0.4.3 of a registry, hex 1.0.0",
		"b": "a 0.0.0-skel (hex 0.4.3, hex 0.0.0-skel), b 1.2.3, hex 0.0.0-skel, hex 0.4.3 of a registry",
	} {
		tree, _, err := Closure(ws, found, []*cargo.Package{ws.Find(name)}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := entries(read(t, tree, "Cargo.lock")); got != want {
			t.Errorf("for %s it has %s, want %s", name, got, want)
		}
	}
}

// entries are the packages of a lock file in its order.
func entries(lock string) string {
	var all []string
	for _, text := range strings.Split(lock, "[[package]]")[1:] {
		fields := map[string]string{}
		for line := range strings.SplitSeq(text, "\n") {
			key, value, _ := strings.Cut(line, " = ")
			fields[key] = strings.ReplaceAll(strings.Trim(value, "'[]"), "'", "")
		}
		one := fields["name"] + " " + fields["version"]
		if fields["source"] != "" {
			one += " of a registry"
		}
		if fields["dependencies"] != "" {
			one += " (" + fields["dependencies"] + ")"
		}
		all = append(all, one)
	}
	return strings.Join(all, ", ")
}

// TestALockFileOfAClosureSharesWhatAllHave: what a closure costs does not grow with the workspace.
func TestALockFileOfAClosureSharesWhatAllHave(t *testing.T) {
	const n = 100
	var b strings.Builder
	b.WriteString("-- Cargo.toml --\n[workspace]\nmembers = [\"p*\"]\n")
	lock := "-- Cargo.lock --\nversion = 4\n"
	for i := range n {
		fmt.Fprintf(&b, "-- p%02d/Cargo.toml --\n[package]\nname = \"p%02d\"\nversion = \"1.0.0\"\n-- p%02d/src/main.rs --\n", i, i, i)
		lock += fmt.Sprintf("\n[[package]]\nname = \"p%02d\"\nversion = \"1.0.0\"\n", i)
	}
	ws, found := load(t, testparts.Project(t, b.String()+lock))
	stubs, _, err := Stubs(ws, found, Options{})
	if err != nil {
		t.Fatal(err)
	}
	end := func(piece []byte) *byte { return &piece[:cap(piece)][cap(piece)-1] } // the same for pieces of one array
	own, whole := 0, read(t, stubs.Tree, "Cargo.lock")
	for _, p := range ws.Packages {
		tree, _, err := Closure(ws, found, []*cargo.Package{p}, Options{Over: stubs})
		if err != nil {
			t.Fatal(err)
		}
		for _, piece := range tree.entries["Cargo.lock"].data {
			if len(piece) > 0 && end(piece) != end(stubs.lock.stubbed) {
				own += len(piece)
			}
		}
		if text := read(t, tree, "Cargo.lock"); strings.Count(text, "\n[[package]]") != n || strings.Count(text, StubVersion) != n-1 {
			t.Fatalf("the lock file of %s is\n%s", p.Name, text)
		}
	}
	if own > 2*len(whole) {
		t.Errorf("the lock files of %d closures hold %d bytes of their own, and one has %d", n, own, len(whole))
	}
}
