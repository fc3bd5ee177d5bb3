package skeleton

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/fault"
	"lpipe/internal/reach"
	"lpipe/internal/testparts"
)

const oneOfTwo = `
-- Cargo.toml --
[workspace]
members = ["a", "b"]
resolver = "2"
-- Cargo.lock --
version = 4

[[package]]
name = "a"
version = "0.1.0"

[[package]]
name = "b"
version = "0.1.0"
-- a/Cargo.toml --
[package]
name = "a"
version = "0.1.0"
edition = "2021"
-- a/src/main.rs --
fn main() {}
-- b/Cargo.toml --
[package]
name = "b"
version = "0.1.0"
edition = "2021"
-- b/src/main.rs --
fn main() {}
`

// junk puts what cannot be sent beside the sources: links of nix and of another disk, sockets, pipes.
func junk(t *testing.T, dir string) {
	t.Helper()
	for name, to := range map[string]string{"result": "/nix/store/x", "a/result": "/nix/store/x", "target": "/mnt/fast/target", "a/src/up": "../../../../etc", "a/gone": "../../none"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a/agent.sock", "run.sock"} {
		if err := syscall.Mknod(filepath.Join(dir, name), syscall.S_IFSOCK|0o644, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "a/src/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a/\xff.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// closureOver makes the closure of package a as a build does, laid over the stubs.
func closureOver(t *testing.T, dir string) (paths []string, notes []Note, err error) {
	t.Helper()
	return closureOn(t, os.DirFS("/"), dir)
}

func closureOn(t *testing.T, fsys fs.FS, dir string) (paths []string, notes []Note, err error) {
	t.Helper()
	ws, err := cargo.Load(fsys, strings.TrimPrefix(dir, "/"))
	if err != nil {
		t.Fatal(err)
	}
	ws, found := reach.Find(ws)
	base, notes, err := Stubs(ws, found, Options{})
	if err != nil {
		return nil, nil, err
	}
	i := slices.IndexFunc(ws.Packages, func(p *cargo.Package) bool { return p.Name == "a" })
	tree, more, err := Closure(ws, found, ws.Packages[i:i+1], Options{Over: base})
	if err != nil {
		return nil, nil, err
	}
	return append(base.Paths(), tree.Paths()...), append(notes, more...), nil
}

// TestWhatNothingNamesStopsNoBuild: what cannot be sent is left out with a note, whatever words the sources have that are no
// names of files.
func TestWhatNothingNamesStopsNoBuild(t *testing.T) {
	dir := testparts.Project(t, oneOfTwo+`
-- a/src/main.rs --
#[derive(Debug)]
struct A { #[serde(rename = "result")] result: u8 }
fn main() {
    println!("result {}", "gone");
    let up = json!({"result": "up"});
    std::fs::read("result");
    // include_str!("up")
}
`)
	junk(t, dir)
	paths, notes, err := closureOver(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, n := range notes {
		if n.Package != LeftOut {
			t.Errorf("another note: %v", n)
		}
		name, _, _ := strings.Cut(n.Text, " (")
		left = append(left, name)
	}
	slices.Sort(left)
	if got, want := fmt.Sprint(slices.Compact(left)), "[\"a/\\xff.txt\" a/agent.sock a/gone a/result a/src/pipe a/src/up result run.sock]"; got != want {
		t.Errorf("left out are %s, want %s", got, want)
	}
	for _, name := range paths {
		if strings.Contains(name, "result") || strings.Contains(name, "target") || strings.Contains(name, "sock") || strings.Contains(name, "up") {
			t.Errorf("%s is sent", name)
		}
	}
}

// TestWhatASourceNamesStaysAnError, also beside the packages, which is a matter of those that are built.
func TestWhatASourceNamesStaysAnError(t *testing.T) {
	for name, c := range map[string]struct{ files, want string }{
		"include_str":         {"-- a/src/main.rs --\nconst A: &str = include_str!(\"../result/x\");\n", "a/result: a link to /nix/store/x, outside the project; a/src/main.rs:1 names it"},
		"include_bytes":       {"-- a/src/main.rs --\nconst A: &[u8] = include_bytes!(\"pipe\");\n", "a/src/pipe: a named pipe cannot be part of a build; a/src/main.rs:1 names it"},
		"concat":              {"-- a/src/main.rs --\nconst A: &str = include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/result/x\"));\n", "a/src/main.rs:1 names it"},
		"path":                {"-- a/src/main.rs --\nfn main() {}\n#[path = \"up/x.rs\"]\nmod x;\n", "a/src/up: a link to ../../../../etc, outside the project; a/src/main.rs:"},
		"a build script":      {"-- a/build.rs --\nfn main() {\n    let dir = \"result\";\n}\n", "a/build.rs:2 names it"},
		"a watched file":      {"-- a/build.rs --\nfn main() {\n    println!(\"cargo:rerun-if-changed=gone\");\n}\n", "a/build.rs:2 names it"},
		"a macro":             {"-- a/src/main.rs --\nstatic A: Dir = include_dir!(\"result\");\n", "a/src/main.rs:1 names it"},
		"a template":          {"-- a/src/main.rs --\n#[template(path = \"result/x.html\")]\nstruct A;\n", "a/src/main.rs:1 names it"},
		"a test":              {"-- a/tests/t.rs --\n#[test]\nfn t() { std::fs::read(\"agent.sock\"); }\n", "a/agent.sock: a socket cannot be part of a build; a/tests/t.rs:2 names it"},
		"beside the packages": {"-- a/src/main.rs --\nconst A: &str = include_str!(\"../../result\");\n", "result: a link to /nix/store/x, outside the project; a/src/main.rs:1 names it"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := testparts.Project(t, oneOfTwo+c.files)
			junk(t, dir)
			_, _, err := closureOver(t, dir)
			var b strings.Builder
			if fault.Print(&b, err); !strings.Contains(b.String(), c.want) || fault.Worst(err) != fault.Usage {
				t.Errorf("want %q:\n%s", c.want, &b)
			}
		})
	}
	dir := testparts.Project(t, oneOfTwo+"-- b/src/main.rs --\nconst A: &str = include_str!(\"../../result\");\n")
	junk(t, dir)
	if _, _, err := closureOver(t, dir); err != nil {
		t.Errorf("what another package names: %v", err)
	}
}

// denied is a disk with names that the user may not read.
type denied struct {
	fs.FS
	names []string
}

func (d denied) Stat(name string) (fs.FileInfo, error) { return fs.Stat(d.FS, name) }

func (d denied) Open(name string) (fs.File, error) {
	if slices.ContainsFunc(d.names, func(denied string) bool { return strings.HasSuffix(name, denied) }) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.FS.Open(name)
}

// TestWhatMayNotBeRead is left out as well where nothing names it: a key beside the sources, the folder of a database.
func TestWhatMayNotBeRead(t *testing.T) {
	dir := testparts.Project(t, oneOfTwo+"-- a/private.key --\n-- a/data/x --\n-- a/src/main.rs --\nconst A: &str = include_str!(\"../named.txt\");\n-- a/named.txt --\n")
	paths, notes, err := closureOn(t, denied{os.DirFS("/"), []string{"/a/private.key", "/a/data"}}, dir)
	if err != nil || !slices.Contains(paths, "a/named.txt") || slices.Contains(paths, "a/private.key") {
		t.Errorf("%v, %v", paths, err)
	}
	if want := []Note{{LeftOut, "a/data (permission denied)"}, {LeftOut, "a/private.key (permission denied)"}}; !slices.Equal(notes, want) {
		t.Errorf("notes %v, want %v", notes, want)
	}
	for _, name := range []string{"a/named.txt", "a/src"} {
		_, _, err := closureOn(t, denied{os.DirFS("/"), []string{"/" + name}}, dir)
		if err == nil || !strings.Contains(err.Error(), name+": permission denied; ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
