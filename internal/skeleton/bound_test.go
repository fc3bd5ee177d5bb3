package skeleton

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/reach"
	"lpipe/internal/testparts"
)

// machine is a home folder with secrets and a project in p.
const machine = `
-- .ssh/id --
SECRET
-- .aws/credentials --
SECRET
-- .aws/vendored/Cargo.toml --
# SECRET
[package]
name = "vendored"
version = "0.1.0"
edition = "2021"
-- .aws/vendored/src/lib.rs --
// SECRET
-- .aws/main.rs --
// SECRET
fn main() {}
-- .aws/config.toml --
# SECRET
-- p/Cargo.toml --
[package]
name = "app"
version = "0.1.0"
edition = "2021"
-- p/Cargo.lock --
version = 4

[[package]]
name = "app"
version = "0.1.0"
-- p/src/main.rs --
fn main() {}
`

const manifest = "-- p/Cargo.toml --\n[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"

// contexts loads home/p and makes its contexts. It fails the test when one holds a secret.
func contexts(t *testing.T, home string) ([]Note, error) {
	t.Helper()
	ws, err := cargo.Load(os.DirFS("/"), strings.TrimPrefix(filepath.Join(home, "p"), "/"))
	if err != nil {
		return nil, err
	}
	ws, found := reach.Find(ws)
	var all []Note
	var errs []error
	for _, make := range []func() (*Tree, []Note, error){
		func() (*Tree, []Note, error) { return Make(ws, found) },
		func() (*Tree, []Note, error) { return Closure(ws, found, ws.Packages, Options{}) },
		func() (*Tree, []Note, error) { return Libraries(ws, found, ws.Packages, Options{}) },
	} {
		tree, notes, err := make()
		errs = append(errs, err)
		all = append(all, notes...)
		if err != nil {
			continue
		}
		for _, name := range tree.Paths() {
			if text := read(t, tree, name); strings.Contains(text, "SECRET") {
				t.Errorf("%s holds a secret", name)
			}
		}
	}
	return all, errors.Join(errs...)
}

// TestNoFileOfThisMachineEntersAContext tries every way in which a project can name a file, in a repository and without
// one. Each is refused by name, or said.
func TestNoFileOfThisMachineEntersAContext(t *testing.T) {
	link := func(name, to string) [2]string { return [2]string{name, to} }
	for name, c := range map[string]struct {
		files string
		links [][2]string
		bare  bool   // without a repository it is the project's own
		want  string // in the report, or in a note
	}{
		"a word of the configuration":     {files: "-- p/.cargo/config.toml --\n[x]\ny = \"../.ssh/id\"\n", want: `.cargo/config.toml:2:1 names "../.ssh/id"`},
		"a word after a flag":             {files: "-- p/.cargo/config.toml --\n[build]\nrustflags = [\"-Clink-arg=-T../.ssh/id\"]\n", want: `names "../.ssh/id"`},
		"a word in a list in a table":     {files: "-- p/.cargo/config.toml --\n[[x]]\ny = [{ z = \"a ../.ssh/id\" }]\n", want: `names "../.ssh/id"`},
		"a word by a link":                {files: "-- p/.cargo/config.toml --\n[x]\ny = \"l\"\n", links: [][2]string{link("l", "../.ssh/id")}, want: `names "l"`},
		"a word by a link on the way":     {files: "-- p/.cargo/config.toml --\n[x]\ny = \"l/id\"\n", links: [][2]string{link("l", "../.ssh")}, want: `names "l/id"`},
		"a word by an absolute link":      {files: "-- p/.cargo/config.toml --\n[x]\ny = \"l\"\n", links: [][2]string{link("l", "HOME/.ssh/id")}, want: `names "l"`},
		"a source folder":                 {files: "-- p/.cargo/config.toml --\n[source.v]\ndirectory = \"../.aws\"\n", want: "../.aws is outside of the project"},
		"a local registry":                {files: "-- p/.cargo/config.toml --\n[source.v]\nlocal-registry = \"../.aws\"\n", want: "../.aws is outside of the project"},
		"a source folder by a link":       {files: "-- p/.cargo/config.toml --\n[source.v]\ndirectory = \"v\"\n", links: [][2]string{link("v", "../.aws")}, want: "v is outside of the project"},
		"a file in a source folder":       {files: "-- p/.cargo/config.toml --\n[source.v]\ndirectory = \"v\"\n-- p/v/x/Cargo.toml --\n", links: [][2]string{link("v/x/l", "../../../.ssh/id")}, want: "v/x/l"},
		"an included configuration":       {files: "-- p/.cargo/config.toml --\ninclude = [\"../../.aws/config.toml\"]\n", want: "includes \"../../.aws/config.toml\", which is outside of the project"},
		"an included one in a table":      {files: "-- p/.cargo/config.toml --\ninclude = [{ path = \"../../.aws/config.toml\" }]\n", want: "includes \"../../.aws/config.toml\", which is outside of the project"},
		"an included one by a link":       {files: "-- p/.cargo/config.toml --\ninclude = \"l.toml\"\n", links: [][2]string{link(".cargo/l.toml", "../../.aws/config.toml")}, want: "includes \"l.toml\", which is outside of the project"},
		"a configuration that is a link":  {links: [][2]string{link(".cargo/config.toml", "../../.aws/config.toml")}, want: ".cargo/config.toml is outside of the project"},
		"a folder .cargo that is a link":  {links: [][2]string{link(".cargo", "../.aws")}, want: ".cargo"},
		"a toolchain file":                {links: [][2]string{link("rust-toolchain", "../.ssh/id")}, want: "rust-toolchain is outside of the project"},
		"a lock file":                     {links: [][2]string{link("Cargo.lock", "../.ssh/id")}, want: "Cargo.lock is outside of the project"},
		"a manifest":                      {links: [][2]string{link("Cargo.toml", "../.aws/vendored/Cargo.toml")}, want: "Cargo.toml is outside of the project"},
		"an ignore file":                  {links: [][2]string{link(".dockerignore", "../.ssh/id")}, want: "cannot use .dockerignore"},
		"a library":                       {files: manifest + "[lib]\npath = \"../.aws/vendored/src/lib.rs\"\n", want: "../.aws/vendored/src/lib.rs is outside of the project"},
		"a program":                       {files: manifest + "[[bin]]\nname = \"x\"\npath = \"../.aws/main.rs\"\n", want: "../.aws/main.rs is outside of the project"},
		"a program by a link":             {links: [][2]string{link("src/bin/x.rs", "../../../.aws/main.rs")}, want: "src/bin/x.rs is outside of the project"},
		"a folder of programs":            {links: [][2]string{link("src/bin", "../../.aws")}, want: "src/bin"},
		"a test":                          {files: manifest + "[[test]]\nname = \"x\"\npath = \"../.aws/main.rs\"\n", want: "../.aws/main.rs is outside of the project"},
		"a build script":                  {files: manifest + "build = \"../.aws/main.rs\"\n", want: "../.aws/main.rs is outside of the project"},
		"a build script by a link":        {links: [][2]string{link("build.rs", "../.aws/main.rs")}, want: "build.rs is outside of the project"},
		"a path dependency":               {files: manifest + "[dependencies]\nvendored = { path = \"../.aws/vendored\" }\n", bare: true, want: `Cargo.toml:6:1: the path dependency "vendored" is outside`},
		"a dependency for one target":     {files: manifest + "[target.x.build-dependencies]\nvendored = { path = \"../.aws/vendored\" }\n", bare: true, want: `the path dependency "vendored" is outside`},
		"an inherited dependency":         {files: manifest + "[dependencies]\nvendored.workspace = true\n[workspace.dependencies]\nvendored = { path = \"../.aws/vendored\" }\n", bare: true, want: `the path dependency "vendored" is outside`},
		"a path dependency by a link":     {files: manifest + "[dependencies]\nvendored = { path = \"l\" }\n", links: [][2]string{link("l", "../.aws/vendored")}, bare: true, want: `the path dependency "vendored" is outside`},
		"a patch":                         {files: manifest + "[patch.crates-io]\nvendored = { path = \"../.aws/vendored\" }\n", bare: true, want: "../.aws/vendored\" is outside of the project"},
		"a replacement":                   {files: manifest + "[replace]\n\"vendored:0.1.0\" = { path = \"../.aws/vendored\" }\n", bare: true, want: "../.aws/vendored\" is outside of the project"},
		"an override":                     {files: "-- p/.cargo/config.toml --\npaths = [\"../.aws/vendored\"]\n", bare: true, want: "../.aws/vendored\" is outside of the project"},
		"a member":                        {files: manifest + "[workspace]\nmembers = [\"../.aws/vendored\"]\n", bare: true, want: "../.aws/vendored\" is outside of the project"},
		"members by a pattern":            {files: manifest + "[workspace]\nmembers = [\"../.aws/*\"]\n", bare: true, want: "\"../.aws/*\" is outside of the project"},
		"a member by a link":              {files: manifest + "[workspace]\nmembers = [\"m/*\"]\n-- p/m/x --\n", links: [][2]string{link("m/l", "../../.aws/vendored")}, bare: true, want: "\"m/l\" is outside of the project"},
		"the workspace":                   {files: manifest + "workspace = \"../.aws/w\"\n-- .aws/w/Cargo.toml --\n# SECRET\n[workspace]\nmembers = [\"../../p\"]\n", bare: true, want: "\"../.aws/w\" is outside of the project"},
		"include_str":                     {files: "-- p/src/main.rs --\nconst A: &str = include_str!(\"../../.ssh/id\");\n", want: `src/main.rs:1 names "../../.ssh/id", which is not sent`},
		"include_bytes by a link":         {files: "-- p/src/main.rs --\nconst A: &[u8] = include_bytes!(\"../l/id\");\n", links: [][2]string{link("l", "../.ssh")}, want: "l: a link to"},
		"include":                         {files: "-- p/src/main.rs --\ninclude!(\"../../.aws/main.rs\");\n", want: `which is not sent`},
		"a module":                        {files: "-- p/src/main.rs --\n#[path = \"../../.aws/main.rs\"]\nmod x;\n", want: `which is not sent`},
		"a string of a build script":      {files: "-- p/build.rs --\nfn main() { std::fs::read(\"../.ssh/id\"); std::fs::read_dir(\"../.aws\"); }\n", want: `build.rs:1 names "../.aws", which is not sent`},
		"a word of another source":        {files: "-- p/x.proto --\nimport \"../.ssh/id\";\n-- p/build.rs --\n"},
		"a link that a source names":      {files: "-- p/src/main.rs --\nconst A: &str = include_str!(\"../data\");\n", links: [][2]string{link("data", "../.ssh/id")}, want: "data: a link to ../.ssh/id, outside the project; src/main.rs:1 names it"},
		"a link to a folder on the way":   {files: "-- p/build.rs --\nfn main() { std::fs::read(\"data/id\"); }\n", links: [][2]string{link("data", "../.ssh")}, want: "build.rs:1 names it"},
		"a link in the place of a module": {files: "-- p/src/main.rs --\nmod x;\n", links: [][2]string{link("src/x", "../../.aws")}, want: "src/main.rs:1 names it"},
		"a link in the place of a source": {links: [][2]string{link("src/x.rs", "../../.aws/main.rs")}, want: "it is a source of app"},
		"a link to the place of results":  {links: [][2]string{link("target", "../.ssh")}},
		"a link":                          {links: [][2]string{link("data", "../.ssh/id")}, want: "data (a link to"},
		"a link to a folder":              {links: [][2]string{link("data", "../.ssh")}, want: "data (a link to"},
		"a link to what does not exist":   {links: [][2]string{link("data", "../.ssh/none")}, want: "data (a link to"},
		"an absolute link":                {links: [][2]string{link("data", "HOME/.ssh/id")}, want: "data (a link to"},
		"a chain of links":                {links: [][2]string{link("data", "a"), link("a", "b/id"), link("b", "../.ssh")}, want: "data (a link to"},
		"a file outside of the workspace": {files: manifest + "readme = \"../.ssh/id\"\nlicense-file = \"../.ssh/id\"\n"},
	} {
		for _, repository := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				home := testparts.Project(t, machine)
				testparts.Unpack(t, home, c.files)
				if repository {
					testparts.Unpack(t, home, "-- p/.git/HEAD --\n")
				}
				for _, l := range c.links {
					at := filepath.Join(home, "p", l[0])
					_ = os.Remove(at)
					if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.Symlink(strings.ReplaceAll(l[1], "HOME", home), at); err != nil {
						t.Fatal(err)
					}
				}
				if c.bare && !repository {
					return // as TestWithoutARepository shows
				}
				notes, err := contexts(t, home)
				said := ""
				for _, n := range notes {
					said += n.Text + "\n"
				}
				if err != nil {
					var b strings.Builder
					fault.Print(&b, err)
					said += b.String()
					if fault.Worst(err) != fault.Usage {
						t.Errorf("no usage fault: %v", err)
					}
				}
				if !strings.Contains(said, c.want) || strings.Contains(said, "SECRET") {
					t.Errorf("it is not said that %q:\n%s", c.want, said)
				}
			})
		}
	}
}

// TestWhatTheUserAllowsIsTaken: the same ways lead to a file that the user of the machine allows.
func TestWhatTheUserAllowsIsTaken(t *testing.T) {
	home := testparts.Project(t, machine+manifest+"[dependencies]\nvendored = { path = \"../.aws/vendored\" }\n"+`
-- p/.git/HEAD --
-- p/.cargo/config.toml --
[x]
y = "../.ssh/id"
[source.v]
directory = "../.aws/sources"
-- .aws/sources/x/Cargo.toml --
-- p/src/main.rs --
const A: &str = include_str!("../../.ssh/id");
`)
	dir := strings.TrimPrefix(home, "/")
	ws, err := cargo.LoadFrom(disk.Disk{FS: os.DirFS("/"), Allow: []string{dir + "/.ssh/id", dir + "/.aws"}}, dir+"/p", dir)
	if err != nil {
		t.Fatal(err)
	}
	ws, found := reach.Find(ws)
	tree, notes, err := Closure(ws, found, ws.Packages, Options{})
	if err != nil || len(notes) > 0 {
		t.Fatal(notes, err)
	}
	has(t, tree.Paths(), ".ssh/id", ".aws/vendored/src/lib.rs", ".aws/sources/x/Cargo.toml", "!.aws/credentials")
}

// TestWithoutARepository: packages elsewhere are a part of the project when it names them, and nothing beside them is.
func TestWithoutARepository(t *testing.T) {
	home := testparts.Project(t, machine+manifest+"[dependencies]\nlib = { path = \"../lib\" }\n"+`
-- lib/Cargo.toml --
[package]
name = "lib"
version = "0.1.0"
edition = "2021"
-- lib/src/lib.rs --
pub const A: &str = include_str!("../data.txt");
-- lib/data.txt --
data
-- .dockerignore --
lib/data.txt
`)
	if _, err := contexts(t, home); err != nil {
		t.Fatal(err)
	}
	ws, _ := load(t, filepath.Join(home, "p"))
	_, paths, _ := of(t, filepath.Join(home, "p"), "app")
	has(t, paths, "lib/src/lib.rs", "lib/data.txt", "p/src/main.rs")
	if !ws.FS.Holds(strings.TrimPrefix(home, "/")+"/lib/new") || ws.FS.Holds(strings.TrimPrefix(home, "/")+"/.ssh/id") {
		t.Error("the bound is the workspace and its path dependencies")
	}
	testparts.Unpack(t, home, "-- lib/src/lib.rs --\npub const A: &str = include_str!(\"../../.ssh/id\");\n")
	if notes, err := contexts(t, home); err != nil || len(notes) == 0 || !strings.Contains(notes[0].Text, "which is not sent") {
		t.Errorf("a dependency that reads beyond: %v, %v", notes, err)
	}
}

// TestInTheRepository: what lies above the workspace and inside the repository is taken as ever.
func TestInTheRepository(t *testing.T) {
	home := testparts.Project(t, machine+`
-- p/.git/HEAD --
-- p/README.md --
-- p/shared/schema.sql --
-- p/tools/ld.sh --
-- p/vendor/x/Cargo.toml --
-- p/lib/Cargo.toml --
[package]
name = "lib"
version = "0.1.0"
edition = "2021"
-- p/lib/src/lib.rs --
-- p/rust/.cargo/config.toml --
[build]
rustc-wrapper = "../tools/ld.sh"
rustflags = ["-Clink-arg=-Wl,-rpath,$ORIGIN/../../lib", "-I../../../include"]
[source.v]
directory = "../vendor"
-- p/rust/Cargo.toml --
[package]
name = "fn"
version = "0.1.0"
edition = "2021"
readme = "../README.md"
[dependencies]
lib = { path = "../lib" }
-- p/rust/Cargo.lock --
version = 4
[[package]]
name = "fn"
version = "0.1.0"
[[package]]
name = "lib"
version = "0.1.0"
-- p/rust/src/main.rs --
const A: &str = include_str!("../../shared/schema.sql");
fn main() {}
`)
	if err := os.Symlink("../shared", filepath.Join(home, "p/rust/shared")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(home, "p/Cargo.toml")); err != nil {
		t.Fatal(err)
	}
	_, paths, notes := of(t, filepath.Join(home, "p/rust"), "fn")
	has(t, paths, "shared/schema.sql", "tools/ld.sh", "vendor/x/Cargo.toml", "lib/src/lib.rs", "rust/shared", "rust/src/main.rs")
	if len(notes) > 0 {
		t.Errorf("%v", notes)
	}
}

// TestFilesWithoutAnEnd: a named pipe blocks whoever opens it, and a device fills the memory.
func TestFilesWithoutAnEnd(t *testing.T) {
	for _, name := range []string{
		"Cargo.toml", "Cargo.lock", ".cargo/config.toml", ".cargo/more.toml", "rust-toolchain.toml", ".lpipeignore", ".dockerignore", "src/main.rs", "src/lib.rs",
		"build.rs", "tests/t.rs", "m/Cargo.toml", "x.proto", "data", "target/CACHEDIR.TAG", "ld.sh",
	} {
		for kind, make := range map[string]func(at string) error{
			"pipe":         func(at string) error { return syscall.Mkfifo(at, 0o644) },
			"zero":         func(at string) error { return os.Symlink("/dev/zero", at) },
			"device":       func(at string) error { return syscall.Mknod(at, syscall.S_IFCHR|0o644, 1<<8|5) }, // what /dev/zero is
			"process file": func(at string) error { return os.Symlink("/proc/self/maps", at) },
			"socket":       func(at string) error { return syscall.Mknod(at, syscall.S_IFSOCK|0o644, 0) },
			"sparse file": func(at string) error {
				if err := os.WriteFile(at, nil, 0o644); err != nil {
					return err
				}
				return os.Truncate(at, 1<<40)
			},
		} {
			t.Run(name+" is a "+kind, func(t *testing.T) {
				home := testparts.Project(t, machine+manifest+"[workspace]\nmembers = [\"m\"]\n"+`
-- p/.git/HEAD --
-- p/.cargo/config.toml --
include = ["more.toml"]
[build]
rustc-wrapper = "ld.sh"
-- p/.cargo/more.toml --
-- p/m/Cargo.toml --
[package]
name = "m"
version = "0.1.0"
edition = "2021"
-- p/m/src/lib.rs --
-- p/src/lib.rs --
-- p/build.rs --
fn main() {}
-- p/tests/t.rs --
-- p/target/x --
`)
				at := filepath.Join(home, "p", name)
				_ = os.Remove(at)
				if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := make(at); errors.Is(err, syscall.EPERM) {
					t.Skip("root alone can make a device")
				} else if err != nil {
					t.Fatal(err)
				}
				notes, err := contexts(t, home)
				switch {
				case strings.HasPrefix(name, "target/"):
					return // a build result that is not looked at
				case kind != "sparse file" && (name == "x.proto" || name == "data"):
					if said := fmt.Sprint(notes); err != nil || !strings.Contains(said, LeftOut+" "+name+" (") {
						t.Errorf("nothing names it: %v, %s", err, said)
					}
					return
				}
				if fault.Worst(err) != fault.Usage {
					t.Errorf("accepted: %v", err)
				}
			})
		}
	}
}

// FuzzIgnore: whatever an ignore file says, it is refused in words, or every name is skipped or not.
func FuzzIgnore(f *testing.F) {
	for _, text := range []string{"", "*\n!m\n", "**/x\n# y\n", "[a-z]/**\n!/a", "\\\n", "a/../../b\n!..\n", "\ufeffx\r\n", "\xff", "[", "!\n!!\n", "***\n**a**/**\n"} {
		f.Add([]byte(text), "src/main.rs")
	}
	f.Add([]byte("src\n!src/a\n"), "../src")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		patterns, err := parseIgnore(text)
		if err != nil {
			return
		}
		g := &ignore{files: []ignoreFile{{name: ".lpipeignore", dir: ".", patterns: patterns}, {name: "p/.lpipeignore", dir: "p", patterns: patterns}}}
		if once, again := g.match(name), g.match(name); once != again {
			t.Fatal("two answers")
		}
		g.match("p/" + name)
		g.exceptions()
	})
}
