package skeleton

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/reach"
	"lpipe/internal/testparts"
)

// of returns the paths in the closure of the named packages.
func of(t *testing.T, dir string, names ...string) (*Tree, []string, []Note) {
	t.Helper()
	ws, found := load(t, dir)
	var pkgs []*cargo.Package
	for _, n := range names {
		pkgs = append(pkgs, ws.Find(n))
	}
	tree, notes, err := Closure(ws, found, pkgs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return tree, tree.Paths(), notes
}

func has(t *testing.T, paths []string, want ...string) {
	t.Helper()
	for _, w := range want {
		if name, not := strings.CutPrefix(w, "!"); slices.Contains(paths, name) == not {
			t.Errorf("%s: contained %v in %q", name, not, paths)
		}
	}
}

const rooted = `
-- Cargo.toml --
[package]
name = "top"
version = "0.1.0"
edition = "2021"
[workspace]
members = ["crates/*"]
[dependencies]
lib = { path = "crates/lib" }
-- Cargo.lock --
version = 4

[[package]]
name = "top"
version = "0.1.0"
[[package]]
name = "lib"
version = "0.1.0"
[[package]]
name = "job"
version = "0.1.0"
-- src/main.rs --
-- tests/t.rs --
-- migrations/1.sql --
-- .sqlx/query.json --
-- askama.toml --
-- README.md --
-- docs/x.txt --
-- node_modules/x/index.js --
-- rust-toolchain.toml --
[toolchain]
channel = "1.85"
-- crates/notes.txt --
-- crates/stray/file.txt --
-- crates/lib/Cargo.toml --
[package]
name = "lib"
version = "0.1.0"
edition = "2021"
-- crates/lib/src/lib.rs --
-- crates/lib/fixtures/inner/Cargo.toml --
[package]
name = "inner"
-- crates/lib/fixtures/inner/src/lib.rs --
-- crates/job/Cargo.toml --
[package]
name = "job"
version = "0.1.0"
edition = "2021"
-- crates/job/src/main.rs --
-- crates/job/src/bin/other.rs --
`

func TestRootPackageLeavesMembersOut(t *testing.T) {
	_, paths, _ := of(t, testparts.Project(t, rooted), "top")
	has(t, paths, "src/main.rs", "tests/t.rs", "README.md", "docs/x.txt", "migrations/1.sql", "crates/lib/src/lib.rs",
		"crates/lib/fixtures/inner/Cargo.toml", "crates/job/Cargo.toml", "!crates/job/src/main.rs", "!crates/stray/file.txt", "rust-toolchain.toml")
}

func TestMemberHasWhatBelongsToNoPackage(t *testing.T) {
	tree, paths, _ := of(t, testparts.Project(t, rooted), "job")
	has(t, paths, "migrations/1.sql", ".sqlx/query.json", "askama.toml", "rust-toolchain.toml", "crates/notes.txt", "crates/job/src/bin/other.rs",
		stubLib, "!src/main.rs", "!tests/t.rs", "!README.md", "!docs/x.txt", "!node_modules/x/index.js", "!crates/lib/src/lib.rs")
	if m := read(t, tree, "Cargo.toml"); !strings.Contains(m, "name = 'top'") || !strings.Contains(m, StubVersion) {
		t.Errorf("the root is no stub:\n%s", m)
	}
}

// TestNextestIsToldInTestsAlone: an edit of its configuration compiles nothing again.
func TestNextestIsToldInTestsAlone(t *testing.T) {
	for name, c := range map[string]struct{ files, pkg, said string }{
		"the package at the root": {rooted, "top", ""},
		"a member":                {rooted, "job", ""},
		"an ignored folder":       {rooted + "-- .dockerignore --\n.*\n", "job", ".config/nextest.toml is sent, although .dockerignore:1 excludes it, because cargo nextest names it"},
	} {
		t.Run(name, func(t *testing.T) {
			ws, found := load(t, testparts.Project(t, c.files+"-- .config/nextest.toml --\n-- .config/hakari.toml --\n"))
			pkgs := []*cargo.Package{ws.Find(c.pkg)}
			for _, o := range []Options{{}, {Nextest: true}} {
				tree, notes, err := Tests(ws, found, pkgs, o)
				if err != nil {
					t.Fatal(err)
				}
				if got := slices.Contains(tree.Paths(), ".config/nextest.toml"); got != o.Nextest {
					t.Errorf("sent: %t", got)
				}
				said := Note{"cargo nextest", c.said}
				if c.said != "" && slices.Contains(notes, said) != o.Nextest {
					t.Errorf("%q", notes)
				}
			}
			closure, _, err := Closure(ws, found, pkgs, Options{})
			if err != nil {
				t.Fatal(err)
			}
			has(t, closure.Paths(), "!.config/nextest.toml")
			if c.said == "" {
				has(t, closure.Paths(), ".config/hakari.toml")
			}
		})
	}
}

func TestSkeletonIgnoresEverythingButDependencies(t *testing.T) {
	dir := testparts.Project(t, rooted)
	digest := func() string {
		tree, _, err := Make(load(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		return tree.Digest()
	}
	before := digest()
	for what, change := range map[string]string{
		"a source":        "-- src/new.rs --\n-- crates/job/src/main.rs --\nfn main() {}\n",
		"a binary":        "-- crates/job/src/bin/more.rs --\nfn main() {}\n",
		"a test":          "-- crates/lib/tests/t.rs --\n",
		"a build script":  "-- crates/lib/build.rs --\nfn main() {}\n",
		"lints, metadata": "-- crates/job/Cargo.toml --\n# changed\n[package]\nedition = \"2021\"\nversion = \"0.1.0\"\nname = \"job\"\ndescription = \"x\"\n[package.metadata.x]\ny = 1\n[lints.rust]\nunsafe_code = \"forbid\"\n[[bin]]\nname = \"third\"\npath = \"src/bin/other.rs\"\n",
		"a shared file":   "-- migrations/2.sql --\n",
	} {
		testparts.Unpack(t, dir, change)
		if digest() != before {
			t.Errorf("%s changed the skeleton", what)
		}
	}
	testparts.Unpack(t, dir, strings.ReplaceAll("-- crates/lib/Cargo.toml --\n[package]\nname = \"lib\"\nversion = \"0.2.0\"\nedition = \"2021\"\n-- Cargo.lock --\nversion = 4\n\n[[package]]\nname = \"top\"\nversion = \"0.1.0\"\n[[package]]\nname = \"lib\"\nversion = \"0.2.0\"\n[[package]]\nname = \"job\"\nversion = \"0.1.0\"\n", "\t", ""))
	if digest() != before {
		t.Error("a version changed the skeleton")
	}
	testparts.Unpack(t, dir, "-- crates/lib/Cargo.toml --\n[package]\nname = \"lib\"\nversion = \"0.2.0\"\nedition = \"2021\"\n[features]\nx = []\n")
	if digest() == before {
		t.Error("a feature did not change the skeleton")
	}
}

func TestLinksBringWhatTheyPointTo(t *testing.T) {
	dir := testparts.Project(t, rooted+"-- shared/p/x.proto --\n-- shared/q.txt --\n-- crates/lib/data.txt --\n")
	for name, to := range map[string]string{
		"crates/job/proto": "../../shared/p", "crates/job/q.txt": "q2.txt", "crates/job/q2.txt": "../../shared/q.txt",
		"crates/job/data": "../lib/data.txt", "crates/job/self": ".", "crates/job/gone": "nowhere",
	} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	tree, paths, _ := of(t, dir, "job")
	has(t, paths, "crates/job/proto", "shared/p/x.proto", "crates/job/q.txt", "crates/job/q2.txt", "shared/q.txt", "crates/lib/data.txt",
		"crates/job/self", "crates/job/gone", "!crates/lib/src/lib.rs", "!src/main.rs")
	if to := read(t, tree, "crates/job/proto"); to != "../../shared/p" {
		t.Errorf("the link points to %s", to)
	}
	to := t.TempDir()
	if _, err := send(t, tree, to); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(to, "crates/job/proto/x.proto")); err != nil {
		t.Error(err)
	}
}

func TestNamingAManifestMakesThePackageReal(t *testing.T) {
	dir := testparts.Project(t, rooted+"-- crates/job/src/main.rs --\nconst M: &str = include_str!(\"../../lib/Cargo.toml\");\n")
	tree, paths, notes := of(t, dir, "job")
	has(t, paths, "crates/lib/src/lib.rs", "!crates/lib/lib.rs")
	if m := read(t, tree, "crates/lib/Cargo.toml"); strings.Contains(m, StubVersion) || len(notes) > 0 {
		t.Errorf("%v\n%s", notes, m)
	}
}

// TestWhatTestsRead compares the contexts in which a package is compiled and tested.
func TestWhatTestsRead(t *testing.T) {
	const program, test = "crates/job/src/main.rs", "crates/job/tests/t.rs"
	for name, c := range map[string]struct {
		file, src      string
		compile, tests []string // what is in it, and with a "!" what is not
	}{
		"reads a file when it runs": {
			test, `#[test] fn t() { load("../lib/data.txt") }`, []string{"!crates/lib/data.txt"}, []string{"crates/lib/data.txt", "!crates/lib/src/lib.rs"},
		},
		"the program does": {
			program, `fn f() { load("../lib/data.txt") }`, []string{"!crates/lib/data.txt"}, []string{"crates/lib/data.txt"},
		},
		"is compiled with a file": {
			test, `const X: &str = include_str!("../../lib/data.txt");`, []string{"crates/lib/data.txt"}, []string{"crates/lib/data.txt"},
		},
		"a module for tests alone": {
			program, `#[cfg(test)] mod it;`, []string{"!crates/lib/data.txt"}, []string{"crates/lib/data.txt"},
		},
		"a module of both": {
			program, `mod it; #[cfg(test)] mod t { use super::it; }`, []string{"!crates/lib/data.txt"}, []string{"crates/lib/data.txt"},
		},
		"may read anything": {
			test, `#[test] fn t() { read_dir("../..") }`, []string{"!crates/lib/src/lib.rs", "!README.md"}, []string{"crates/lib/src/lib.rs", "src/main.rs", "README.md"},
		},
		"a macro of the program reads": {
			program, `query_file!("../lib/data.txt");`, []string{"crates/lib/data.txt"}, []string{"crates/lib/data.txt"},
		},
		"a document is included": {
			program, `#![doc = include_str!("../../lib/data.txt")]`, []string{"crates/lib/data.txt"}, []string{"crates/lib/data.txt"},
		},
		"a document is included by an attribute that may not hold": {
			program, `#![cfg_attr(x, doc = include_str!("../../lib/data.txt"))]`, []string{"crates/lib/data.txt"}, []string{"crates/lib/data.txt"},
		},
		"an attribute that may not hold reads": {
			program, `#![cfg_attr(x, visualizer(file = "../../lib/data.txt"))]`, []string{"crates/lib/data.txt"}, []string{"crates/lib/data.txt"},
		},
		"an attribute of the program reads": {
			program, `#[template(path = "../lib/data.txt")] struct T;`, []string{"crates/lib/data.txt"}, []string{"crates/lib/data.txt"},
		},
		"so does one in braces": {
			program, `generate!({ path: "../lib/data.txt" });`, []string{"crates/lib/data.txt"}, []string{"crates/lib/data.txt"},
		},
		"a build script reads": {
			"crates/job/build.rs", `fn main() { let p = "../lib/data.txt"; read(p) }`, []string{"crates/lib/data.txt"}, []string{"crates/lib/data.txt"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			ws, found := load(t, testparts.Project(t, rooted+"-- crates/lib/data.txt --\n-- crates/job/src/it.rs --\nfn f() { load(\"../lib/data.txt\") }\n-- "+c.file+" --\n"+c.src+"\n"))
			job := []*cargo.Package{ws.Find("job")}
			closure, notes, err := Closure(ws, found, job, Options{})
			if err != nil || len(notes) > 0 {
				t.Fatal(notes, err)
			}
			has(t, closure.Paths(), c.compile...)
			tests, _, err := Tests(ws, found, job, Options{})
			if err != nil {
				t.Fatal(err)
			}
			has(t, tests.Paths(), c.tests...)
			if found.TestsReadMore(ws, job) != (tests.Digest() != closure.Digest()) {
				t.Error("the contexts differ, or the package says so, but not both")
			}
		})
	}
}

// TestWideNotes has two packages that may read anything: what to do is said once, and only where it costs something.
func TestWideNotes(t *testing.T) {
	const above = "fn main() { env!(\"CARGO_MANIFEST_DIR\"); p.parent() }\n"
	dir := testparts.Project(t, rooted+"-- crates/job/build.rs --\n"+above+"-- crates/lib/build.rs --\n"+above)
	ws, found := load(t, dir)
	_, notes, err := Closure(ws, found, find(ws, "job lib"), Options{})
	want := []Note{
		{"job", "its context is the whole workspace: " + found.Packages[ws.Find("job")].ReadsWorkspace},
		{"the whole workspace as context", "every edit compiles such a package again, or runs its tests again; " +
			"where its code spells out what it reads, as in \"../schema/api.json\", that alone counts"},
		{"lib", "its context is the whole workspace: " + found.Packages[ws.Find("lib")].ReadsWorkspace},
	}
	if err != nil || !slices.Equal(notes, want) {
		t.Errorf("%q %v", notes, err)
	}
	want = slices.Delete(want, 1, 2)
	if _, notes, err = Closure(ws, found, ws.Packages, Options{}); err != nil || !slices.Equal(notes, want) {
		t.Errorf("%q, want %q: %v", notes, want, err)
	}
}

func TestVendoredSourcesAreInEveryContextAsTheyAre(t *testing.T) {
	dir := testparts.Project(t, rooted+`
-- .cargo/config.toml --
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "vendor"
-- vendor/x/Cargo.toml --
-- vendor/x/.env --
-- vendor/x/tests/t.rs --
fn f() { Path::new("..").parent(); env!("CARGO_MANIFEST_DIR") }
-- .dockerignore --
**/tests
`)
	ws, found := load(t, dir)
	skel, _, err := Make(ws, found)
	if err != nil {
		t.Fatal(err)
	}
	_, top, notes := of(t, dir, "top")
	_, job, _ := of(t, dir, "job")
	for _, paths := range [][]string{skel.Paths(), top, job} {
		has(t, paths, "vendor/x/Cargo.toml", "vendor/x/.env", "vendor/x/tests/t.rs")
	}
	if found.Packages[ws.Find("top")].ReadsWorkspace != "" || len(notes) != 1 {
		t.Errorf("%q %v", found.Packages[ws.Find("top")].ReadsWorkspace, notes)
	}
}

func TestStubLibraries(t *testing.T) {
	for lib, want := range map[string]string{
		"": "[lib]\ndoctest = false\npath = '.cargo/lpipe-stub/lib.rs'\n",
		"[lib]\ncrate-type = [\"cdylib\", \"rlib\"]": "[lib]\ncrate-type = ['cdylib', 'rlib']\ndoctest = false\npath = '.cargo/lpipe-stub/lib.rs'\n",
		"[lib]\ncrate-type = [\"cdylib\"]":           "[lib]\ndoctest = false\npath = '.cargo/lpipe-stub/lib.rs'\n",
		"[lib]\nname = \"n\"\nbench = false":         "[lib]\ndoctest = false\nname = 'n'\npath = '.cargo/lpipe-stub/lib.rs'\n",
		"[lib]\nproc-macro = true":                   "[lib]\ndoctest = false\npath = '.cargo/lpipe-stub/lib.rs'\nproc-macro = true\n",
		"[lib]\ncrate-type = [\"proc-macro\"]":       "[lib]\ndoctest = false\npath = '.cargo/lpipe-stub/lib.rs'\nproc-macro = true\n",
	} {
		ws, found := load(t, testparts.Project(t, "-- Cargo.toml --\n[package]\nname = \"a\"\n"+lib+"\n-- src/lib.rs --\n-- Cargo.lock --\n"))
		tree, _, err := Make(ws, found)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, tree, "Cargo.toml"); !strings.Contains(got, want+"\n[package]") {
			t.Errorf("%s: got\n%s\nwant\n%s", lib, got, want)
		}
	}
}

func TestDeterministicOutput(t *testing.T) {
	dir := testparts.Project(t, rooted)
	ws, found := load(t, dir)
	first, _, _ := Closure(ws, found, ws.Packages, Options{})
	for range 20 {
		again, found := load(t, dir)
		tree, _, err := Closure(again, found, again.Packages, Options{})
		if err != nil || tree.Digest() != first.Digest() {
			t.Fatal("two runs differ", err)
		}
	}
}

// FuzzMake makes contexts from whatever the manifests, the lock file and the ignore file say. None may leave the
// base, and each must be in BuildKit's order.
func FuzzMake(f *testing.F) {
	f.Add("[package]\nname='a'\n[workspace]\nmembers=['m']\n[patch.x]\nm={path='m'}\n", "[package]\nname='m'\nversion.workspace=true\n[features]\na=['b']\n", "version=4\n[[package]]\nname='m'\nversion='0.0.0'\ndependencies=['a','a 1']\n", "*\n!m\n#x\n[a-z]/**\n")
	f.Add("[package]\nname='a'\n[dependencies]\nm={path='m',version='1'}\n[profile.dev]\nx=1979-05-27\n", "[package]\nname='m'\n[build-dependencies]\nx='1'\n[lib]\nproc-macro=true\n", "[root]\nname='a'\nversion='1'\npackage=[1,[2]]\n", "")
	f.Fuzz(func(t *testing.T, root, member, lock, ignore string) {
		fsys := mapFS{
			"p/Cargo.toml": root, "p/src/main.rs": "", "p/Cargo.lock": lock, "p/.lpipeignore": ignore,
			"p/m/Cargo.toml": member, "p/m/src/lib.rs": "", "p/m/build.rs": "", "p/x/y": "",
		}.fs()
		ws, err := cargo.Load(fsys, "p")
		if err != nil {
			return
		}
		ws, found := reach.Find(ws)
		for _, p := range append(ws.Packages, nil) {
			var tree *Tree
			if p == nil {
				tree, _, err = Make(ws, found)
			} else {
				tree, _, err = Closure(ws, found, []*cargo.Package{p}, Options{})
			}
			if err != nil {
				continue
			}
			checkOrder(t, tree)
		}
	})
}
