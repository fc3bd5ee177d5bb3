package cargo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"lpipe/internal/fault"
	"lpipe/internal/testparts"
	"lpipe/internal/testparts/golden"
	"lpipe/internal/testparts/require"
)

// described is what both cargo metadata and Load say about a package.
type described struct {
	Name, Version, Edition, Dir string
	Default                     bool
	Targets                     []string // "kind name path [required features]"
	Features                    map[string][]string
}

// TestLoadAgreesWithCargo compares each project under testdata/projects with what cargo metadata says of it.
func TestLoadAgreesWithCargo(t *testing.T) {
	if testing.Short() {
		t.Skip("runs cargo, which -short leaves out")
	}
	_, err := exec.LookPath("cargo")
	require.Part(t, err == nil, "cargo", "apt-get install cargo, or https://rustup.rs")
	archives, err := filepath.Glob("testdata/projects/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no projects", err)
	}
	for _, file := range archives {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := testparts.Project(t, string(data))
			at := dir
			for line := range strings.Lines(string(txtar.Parse(data).Comment)) {
				if d, ok := strings.CutPrefix(line, "dir: "); ok {
					at = filepath.Join(dir, strings.TrimSpace(d))
				}
			}
			want := metadata(t, at)
			ws, err := Load(os.DirFS("/"), strings.TrimPrefix(at, "/"))
			if err != nil {
				t.Fatal(err)
			}
			got := describe(filepath.Join("/", ws.Base), ws)
			for dir, w := range want {
				if fmt.Sprint(got[dir]) != fmt.Sprint(w) {
					t.Errorf("%s:\n got %+v\nwant %+v", dir, got[dir], w)
				}
				delete(got, dir)
			}
			for dir := range got {
				t.Errorf("%s is no member", dir)
			}
		})
	}
}

func describe(base string, ws *Workspace) map[string]described {
	all := map[string]described{}
	for _, p := range ws.Packages {
		if !p.Member {
			continue
		}
		d := described{Name: p.Name, Version: p.Version, Edition: p.Edition, Dir: filepath.Join(base, p.Dir), Default: p.Default, Features: p.Features}
		add := func(kind string, t Target) {
			d.Targets = append(d.Targets, strings.Join(append([]string{kind, t.Name, t.Path}, t.RequiredFeatures...), " "))
		}
		if p.Lib != nil {
			kind := "lib"
			if p.ProcMacro {
				kind = "proc-macro"
			}
			add(kind, *p.Lib)
		}
		for kind, list := range map[string][]Target{"bin": p.Bins, "example": p.Examples, "test": p.Tests, "bench": p.Benches} {
			for _, t := range list {
				add(kind, t)
			}
		}
		if p.Build != "" {
			add("custom-build", Target{Name: "build-script-" + strings.TrimSuffix(filepath.Base(p.Build), ".rs"), Path: p.Build})
		}
		slices.Sort(d.Targets)
		all[d.Dir] = d
	}
	return all
}

func metadata(t *testing.T, dir string) map[string]described {
	t.Helper()
	// The lock file first: Load wants one.
	for _, args := range [][]string{{"generate-lockfile"}, {"locate-project", "--workspace", "--message-format", "plain"}, {"metadata", "--no-deps", "--format-version", "1"}} {
		cmd := exec.Command("cargo", append(args, "--offline")...)
		cmd.Dir = dir
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("cargo %s: %s", args, stderr.String())
		}
		switch args[0] {
		case "generate-lockfile":
			continue
		case "locate-project": // asked from a member, cargo names it as the only default
			dir = filepath.Dir(strings.TrimSpace(string(out)))
			continue
		}
		var m struct {
			Root     string   `json:"workspace_root"`
			Defaults []string `json:"workspace_default_members"`
			Packages []struct {
				ID, Name, Version, Edition string
				Manifest                   string `json:"manifest_path"`
				Features                   map[string][]string
				Targets                    []struct {
					Kind     []string
					Name     string
					Path     string   `json:"src_path"`
					Required []string `json:"required-features"`
				}
			}
		}
		if err := json.Unmarshal(out, &m); err != nil {
			t.Fatal(err)
		}
		all := map[string]described{}
		for _, p := range m.Packages {
			d := described{Name: p.Name, Version: p.Version, Edition: p.Edition, Dir: filepath.Dir(p.Manifest), Features: p.Features}
			d.Default = slices.Contains(m.Defaults, p.ID)
			for _, t := range p.Targets {
				kind := t.Kind[0]
				if kind == "rlib" {
					kind = "lib"
				}
				rel, _ := filepath.Rel(d.Dir, t.Path)
				d.Targets = append(d.Targets, strings.Join(append([]string{kind, t.Name, rel}, t.Required...), " "))
			}
			slices.Sort(d.Targets)
			all[d.Dir] = d
		}
		return all
	}
	return nil
}

const lock = "-- Cargo.lock --\nversion = 4\n"

const app = `
-- Cargo.toml --
[package]
name = "app"
version = "0.1.0"
edition = "2021"
-- src/main.rs --
fn main() {}
`

// TestMistakes holds bad projects and all that is said about them, as printed.
func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct{ dir, archive string }{
		"nothing":          {"a", "-- a/README --\n-- Cargo.lock --\n"},
		"lower case":       {".", "-- cargo.toml --\n"},
		"no folder":        {"gone", app},
		"syntax":           {".", "-- Cargo.toml --\n[package]\nname = \"a\"\nversion == 1\n"},
		"empty":            {".", "-- Cargo.toml --\n[profile.release]\nlto = true\n"},
		"no lock":          {".", app},
		"conflicted lock":  {".", app + "-- Cargo.lock --\nversion = 4\n<<<<<<< ours\n"},
		"broken lock":      {".", app + "-- Cargo.lock --\nversion = 4\n[[package]]\nname = \"x\"\n[[package]]\nname = \"y\"\nversion = \"1\"\nsource = \"odd+x\"\n[[package]]\nname = \"z\"\nversion = \"1\"\ndependencies = [\" \"]\n"},
		"names":            {".", lock + "-- Cargo.toml --\n[package]\nname = \"a;rm -rf $HOME\"\nversion = \"1.0.0\"\nedition = \"2021\"\n[lib]\nname = \"x y\"\n[[bin]]\nname = \"../up\"\npath = \"src/main.rs\"\n[[bin]]\nname = \"a\\nRUN b\"\npath = \"src/main.rs\"\n[features]\n\"$(x)\" = []\n-- src/main.rs --\n-- src/lib.rs --\n-- src/bin/we ird.rs --\n"},
		"nothing to build": {".", lock + "-- Cargo.toml --\n[package]\nname = \"a\"\n"},
		"sources":          {".", lock + "-- Cargo.toml --\n[package]\nname = \"a\"\nedition = \"2021\"\n[lib]\npath = \"lib/a.rs\"\n[[bin]]\nname = \"x\"\n[[bin]]\nname = \"y\"\npath = \"y.rs\"\n[[example]]\nname = \"e\"\n"},
		"path dependencies": {".", lock + app + `
-- Cargo.toml --
[package]
name = "app"
edition = "2021"
[dependencies]
gone = { path = "../gone" }
abs = { path = "/opt/abs" }
serdes.workspace = true
[target.'cfg(unix)'.build-dependencies]
also = { path = "missing" }
[workspace]
[workspace.dependencies]
serde = "1"
`},
		"members": {".", lock + `
-- Cargo.toml --
[workspace]
members = ["a", "gone", "none/*"]
default-members = ["a", "b"]
[patch.crates-io]
x = { path = "patches/x" }
y = { path = "/y" }
-- .cargo/config.toml --
paths = ["over"]
[source.v]
directory = "vendor"
-- a/Cargo.toml --
[package]
name = "a"
version.workspace = true
-- a/src/lib.rs --
-- b/Cargo.toml --
[package]
name = "b"
-- b/src/lib.rs --
`},
		"no members":          {".", lock + "-- Cargo.toml --\n[workspace]\nmembers = []\n"},
		"not a member":        {"b", lock + "-- Cargo.toml --\n[workspace]\nmembers = [\"a\"]\n-- a/Cargo.toml --\n[package]\nname = \"a\"\n-- a/src/lib.rs --\n-- b/Cargo.toml --\n[package]\nname = \"b\"\n-- b/src/lib.rs --\n"},
		"workspace pointer":   {"b", lock + "-- b/Cargo.toml --\n[package]\nname = \"b\"\nworkspace = \"../w\"\n-- b/src/lib.rs --\n"},
		"inherits nothing":    {".", lock + "-- Cargo.toml --\n[package]\nname = \"b\"\nversion.workspace = true\nedition.workspace = true\n[dependencies]\nx.workspace = true\n-- src/lib.rs --\n"},
		"configuration":       {".", app + lock + "-- .cargo/config.toml --\n[build\n-- rust-toolchain.toml --\n[toolchain]\npath = \"/x\"\nchannel = \"a b\"\n"},
		"includes":            {"p", "-- p/.git/HEAD --\n-- x.toml --\n-- p/.cargo/config.toml --\ninclude = [\"/x.toml\", \"../../x.toml\", \"gone.toml\", { path = \"../../gone.toml\", optional = true }]\n-- p/Cargo.lock --\nversion = 4\n-- p/Cargo.toml --\n[package]\nname = \"a\"\nversion = \"0.1.0\"\n-- p/src/main.rs --\n"},
		"toolchain by name":   {".", app + lock + "-- rust-toolchain --\n1.85; rm -rf /\n"},
		"toolchain of types":  {".", app + lock + "-- rust-toolchain --\n[toolchain]\nchannel = 1.85\nprofile = [\"minimal\"]\ncomponents = \"clippy\"\ntargets = [1]\n"},
		"toolchain of none":   {".", app + lock + "-- rust-toolchain.toml --\n# later\n"},
		"toolchain empty":     {".", app + lock + "-- rust-toolchain --\n\n"},
		"several files wrong": {".", lock + "-- Cargo.toml --\n[workspace]\nmembers = [\"a\", \"b\"]\n-- a/Cargo.toml --\nx\n-- b/Cargo.toml --\n[package]\n[package]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(testparts.Files(".", c.archive), c.dir)
			if err == nil {
				t.Fatal("accepted")
			}
			if fault.Worst(err) != fault.Usage {
				t.Errorf("no usage fault: %v", err)
			}
			var b strings.Builder
			fault.Print(&b, err)
			golden.Check(t, "testdata/mistakes/"+strings.ReplaceAll(name, " ", "-")+".golden", b.String())
		})
	}
}

func TestCheckLock(t *testing.T) {
	const manifest = `
-- Cargo.toml --
[package]
name = "app"
version = "0.2.0"
edition = "2021"
[dependencies]
some_crate = "1"
renamed = { package = "real-name", version = "1" }
[dev-dependencies]
testing = "1"
[target.'cfg(windows)'.dependencies]
win = "1"
-- src/main.rs --
`
	pkg := func(list ...string) string {
		s := "-- Cargo.lock --\nversion = 4\n"
		for _, p := range list {
			name, version, _ := strings.Cut(p, " ")
			s += "\n[[package]]\nname = \"" + name + "\"\nversion = \"" + version + "\"\n"
		}
		return s
	}
	for _, c := range []struct {
		lock string
		want []string
	}{
		{pkg("app 0.2.0", "some-crate 1.0.0", "real-name 1.0.0", "testing 1.0.0", "win 1.0.0"), nil},
		{pkg("app 0.1.0", "some-crate 1.0.0", "real-name 1.0.0", "testing 1.0.0", "win 1.0.0"), []string{"it holds app 0.1.0, but the manifest says 0.2.0"}},
		{pkg("some-crate 1.0.0"), []string{"it does not hold the package app"}},
		{pkg("app 0.2.0", "some_crate 1.0.0"), []string{
			`Cargo.toml:7:1: the dependency "real-name" is not in it`,
			`Cargo.toml:9:1: the dependency "testing" is not in it`,
			`Cargo.toml:11:1: the dependency "win" is not in it`,
		}},
	} {
		ws, err := Load(testparts.Files(".", manifest+c.lock), ".")
		if err != nil {
			t.Fatal(err)
		}
		err = ws.CheckLock()
		if (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", c.lock, err)
			continue
		}
		var b strings.Builder
		if err != nil {
			fault.Print(&b, err)
		}
		for _, w := range c.want {
			if !strings.Contains(b.String(), w) || !strings.Contains(b.String(), "cargo update --workspace") {
				t.Errorf("got:\n%s\nwant %q", b.String(), w)
			}
		}
	}
}

func TestParseSource(t *testing.T) {
	for text, want := range map[string]*Source{
		"registry+https://github.com/rust-lang/crates.io-index": {
			Kind: "registry", URL: "https://github.com/rust-lang/crates.io-index", Scheme: "https", Host: "github.com", Path: "rust-lang/crates.io-index",
		},
		"sparse+https://user@crates.example.com:8443/index/": {
			Kind: "sparse", URL: "https://user@crates.example.com:8443/index/", Scheme: "https", User: "user", Host: "crates.example.com", Port: "8443", Path: "index/",
		},
		"git+ssh://git@github.com/org/repo.git?branch=release%2F1#0123abc": {
			Kind: "git", URL: "ssh://git@github.com/org/repo.git", Scheme: "ssh", User: "git", Host: "github.com", Path: "org/repo.git", Branch: "release/1", Commit: "0123abc",
		},
		"git+https://host/p?tag=v1#c":     {Kind: "git", URL: "https://host/p", Scheme: "https", Host: "host", Path: "p", Tag: "v1", Commit: "c"},
		"git+file:///srv/repo?rev=ab#abc": {Kind: "git", URL: "file:///srv/repo", Scheme: "file", Path: "srv/repo", Rev: "ab", Commit: "abc"},
		"path+file:///x":                  nil,
		"nothing":                         nil,
		"git+ssh://[":                     nil,
	} {
		got, err := ParseSource(text)
		if (err == nil) != (want != nil) || want != nil && *got != *want {
			t.Errorf("%s: got %+v (%v), want %+v", text, got, err, want)
		}
	}
}

func TestLockSources(t *testing.T) {
	k, err := ParseLock("Cargo.lock", []byte(`
[[package]]
name = "a"
version = "1.0.0"
source = "git+https://host/p?tag=v1#c1"
[[package]]
name = "b"
version = "1.0.0"
source = "git+https://host/p?branch=x#c2"
[[package]]
name = "c"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "00"
dependencies = ["a", "b 1.0.0"]
`))
	if err != nil {
		t.Fatal(err)
	}
	if g := k.Git(); len(g) != 1 || g[0].Host != "host" || len(k.Registries()) != 1 || k.Version != 1 {
		t.Errorf("git %+v, registries %+v", g, k.Registries())
	}
	if p := k.Packages[2]; p.Checksum != "00" || !slices.Equal(p.Dependencies, []string{"a", "b 1.0.0"}) {
		t.Errorf("%+v", p)
	}
}

func TestConfigIsMerged(t *testing.T) {
	repo := testparts.Files(".", `
-- repo/.git/HEAD --
-- repo/.cargo/config.toml --
[build]
rustflags = ["-Cfar"]
target = "far"
target-dir = "far"
[target.x86_64-unknown-linux-musl]
rustflags = ["-Cfar2"]
[env]
FAR = "far"
BOTH = "far"
[registries.far]
index = "sparse+https://far.example.com/"
-- .cargo/config.toml --
[build]
rustflags = ["-Cbeyond-the-repository"]
-- repo/app/.cargo/config.toml --
include = ["more.toml", { path = "gone.toml", optional = true }]
[build]
rustflags = "-Cnear -Clink-arg=-Tlayout.ld"
target = ["near"]
[target.x86_64-unknown-linux-musl]
rustflags = ["-Cnear2"]
linker = "tools/ld.sh"
[target.'cfg(unix)']
runner = "missing.sh"
[env]
BOTH = { value = "near", force = true, relative = true }
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "vendor"
[source.image]
directory = "/usr/share/cargo/registry"
-- repo/app/.cargo/more.toml --
[registries.near]
index = "sparse+https://near.example.com/"
-- repo/app/.cargo/config --
-- repo/app/layout.ld --
-- repo/app/tools/ld.sh --
-- repo/app/vendor/x/Cargo.toml --
-- repo/app/Cargo.toml --
[package]
name = "app"
-- repo/app/src/main.rs --
-- repo/app/Cargo.lock --
-- repo/rust-toolchain --
1.85
`)
	ws, err := Load(repo, "repo/app")
	if err != nil {
		t.Fatal(err)
	}
	ws = ws.RelativeTo("repo")
	if len(ws.Config.Paths) != 2 || ws.Config.Paths[0] != "app/.cargo/config" {
		t.Errorf("the file without an extension wins: %q", ws.Config.Paths)
	}
	delete(repo, "repo/app/.cargo/config")
	if ws, err = Load(repo, "repo/app/src"); err != nil {
		t.Fatal(err)
	}
	ws = ws.RelativeTo("repo")
	c := ws.Config
	c.files = nil
	want := Config{
		Paths:           []string{"app/.cargo/config.toml", "app/.cargo/more.toml", ".cargo/config.toml"},
		Rustflags:       []string{"-Cfar", "-Cnear", "-Clink-arg=-Tlayout.ld"},
		TargetRustflags: map[string][]string{"x86_64-unknown-linux-musl": {"-Cfar2", "-Cnear2"}},
		Target:          []string{"near"},
		TargetDir:       "far",
		Sources: map[string]ConfigSource{
			"crates-io": {ReplaceWith: "vendored"}, "vendored": {Directory: "vendor"}, "image": {Directory: "/usr/share/cargo/registry"},
		},
		Registries: map[string]string{"far": "sparse+https://far.example.com/", "near": "sparse+https://near.example.com/"},
		Env:        map[string]ConfigEnv{"FAR": {Value: "far"}, "BOTH": {Value: "near", Force: true, Relative: true, Path: "app/near"}},
		Folders:    []string{"app/vendor"},
		Extra:      []string{"app/layout.ld", "app/tools/ld.sh"},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("\n got %+v\nwant %+v", c, want)
	}
	if ws.Base != "repo" || ws.Root != "app" || ws.Dir != "app/src" || ws.Toolchain.Channel != "1.85" || ws.Toolchain.Path != "rust-toolchain" {
		t.Errorf("base %q root %q dir %q toolchain %+v", ws.Base, ws.Root, ws.Dir, ws.Toolchain)
	}
}

func TestPersonalConfigIsNotRead(t *testing.T) {
	ws, err := Load(testparts.Files(".", `
-- home/.git/HEAD --
-- home/.cargo/config.toml --
[build]
rustflags = ["-Clinker=mine"]
-- home/.cargo/bin/cargo --
-- home/app/Cargo.toml --
[package]
name = "app"
-- home/app/src/main.rs --
-- home/app/Cargo.lock --
`), "home/app")
	if err != nil {
		t.Fatal(err)
	}
	if len(ws.Config.Paths) > 0 {
		t.Errorf("%+v", ws.Config)
	}
}

func TestByteOrderMarkAndLineEndings(t *testing.T) {
	fsys := testparts.Files(".", app+lock)
	text := strings.ReplaceAll(string(fsys["Cargo.toml"].Data), "\n", "\r\n")
	fsys["Cargo.toml"].Data = []byte("\ufeff" + text)
	ws, err := Load(fsys, ".")
	if err != nil || ws.Packages[0].Name != "app" {
		t.Error(ws, err)
	}
}

func TestGlobWithLinksThatGoRound(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"a/x", "b"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"a/l": "../b", "b/l": "../a", "b/m": "../a", "a/self": ".", "up": ".."} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if got := glob(os.DirFS(dir), "**/*"); !slices.Equal(got, []string{"a", "a/l", "a/self", "a/x", "b", "b/l", "b/m", "up"}) {
		t.Errorf("got %q", got)
	}
}

func TestToolchainFile(t *testing.T) {
	ws, err := Load(testparts.Files(".", app+lock+`
-- rust-toolchain.toml --
[toolchain]
channel = "nightly-2026-01-01"
profile = "minimal"
components = ["clippy"]
targets = ["x86_64-unknown-linux-musl"]
`), ".")
	if err != nil {
		t.Fatal(err)
	}
	tc := ws.Toolchain
	if tc.Channel != "nightly-2026-01-01" || tc.Profile != "minimal" || tc.Components[0] != "clippy" || tc.Targets[0] != "x86_64-unknown-linux-musl" {
		t.Errorf("%+v", tc)
	}
}

// TestManifestsThatAWorkspaceExcludes are not read, also where a pattern of its members has their folder.
func TestManifestsThatAWorkspaceExcludes(t *testing.T) {
	ws, err := Load(testparts.Files("", `
-- p/Cargo.toml --
[workspace]
members = ["crates/*"]
exclude = ["crates/old"]
-- p/Cargo.lock --
version = 4
-- p/crates/a/Cargo.toml --
[package]
name = "a"
-- p/crates/a/src/main.rs --
-- p/crates/old/Cargo.toml --
[package
`), "p")
	if err != nil || len(ws.Packages) != 1 {
		t.Errorf("%v, %v", ws, err)
	}
}

// TestFilesThatConfigurationIncludes: of several the last wins, and paths in one start at the folder above its own, as cargo 1.95 has it.
func TestFilesThatConfigurationIncludes(t *testing.T) {
	ws, err := Load(testparts.Files("", `
-- p/Cargo.toml --
[package]
name = "a"
-- p/Cargo.lock --
version = 4
-- p/src/main.rs --
-- p/.cargo/config.toml --
include = [{ path = "more/a.toml" }, "../conf/deep/b.toml"]
[build]
rustflags = ["-Cnear", "@flags.txt"]
-- p/.cargo/more/a.toml --
[build]
rustflags = ["-Ca"]
[env]
A = { value = "x", relative = true }
BOTH = "a"
-- p/conf/deep/b.toml --
[build]
rustflags = ["-Cb"]
[env]
B = { value = "x", relative = true }
BOTH = "b"
-- p/flags.txt --
`), "p")
	if err != nil {
		t.Fatal(err)
	}
	c := ws.Config
	if a, b, both := c.Env["A"].Path, c.Env["B"].Path, c.Env["BOTH"].Value; a != "p/.cargo/x" || b != "p/conf/x" || both != "b" {
		t.Errorf("the variables are %q, %q and %q", a, b, both)
	}
	if got := strings.Join(c.Rustflags, " "); got != "-Ca -Cb -Cnear @flags.txt" || !slices.Equal(c.Extra, []string{"p/flags.txt"}) {
		t.Errorf("the flags are %q, the files %q", got, c.Extra)
	}
}

func TestReplaceStringsKeepsTheRest(t *testing.T) {
	text := "# a\n[workspace]\nmembers = [ \"a\", # first\n\t'*' ]\n[workspace.dependencies]\nx = { path = \"x\" , version=  '1' } # b\n[workspace.dependencies.y]\nversion = \"2\"\nz.version = \"3\"\n"
	doc, err := parse("x", []byte(text), "")
	if err != nil {
		t.Fatal(err)
	}
	m := &Manifest{Data: []byte(text), Tree: doc.tree, doc: doc}
	got := string(m.ReplaceStrings(map[string]string{"workspace.dependencies.x.version": "=9", "workspace.dependencies.y.version": "=8", "workspace.members.1": "[!.]*"}))
	want := strings.NewReplacer("'*'", `"[!.]*"`, "'1'", `"=9"`, `"2"`, `"=8"`).Replace(text)
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if at := m.At("workspace", "dependencies", "x", "version"); at != "x:6:20" {
		t.Error(at)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("[package]\nname='a'\n[[bin]]\nname='b'\n[dependencies]\nx={path='..'}\n[target.'cfg(a)'.dependencies]\n[workspace]\nmembers=['*','**','[']", "version = 4\n[[package]]\nname='a'\nversion='1'\nsource='git+a'", "[build]\nrustflags='a'\n[source.x]\ndirectory='.'\ninclude='config.toml'", "[toolchain]\nchannel='a'")
	f.Add("package=1\nworkspace=2\nlib=[]\nbin={}\nfeatures=3\npatch={a={b={path='src'}}}", "package=[1]", "include=[{path='x'}]\npaths=['src']", "x")
	f.Add("[workspace]\nmembers=['../../..','/']\nexclude=['']\n[package]\nworkspace='..'\nname=''", "", "target-dir='/'", "=")
	f.Fuzz(func(t *testing.T, manifest, lock, config, toolchain string) {
		fsys := fstest.MapFS{}
		for name, text := range map[string]string{
			"p/Cargo.toml": manifest, "p/Cargo.lock": lock, "p/.cargo/config.toml": config, "p/rust-toolchain.toml": toolchain,
			"p/src/Cargo.toml": manifest, "p/src/main.rs": manifest, "p/src/lib.rs": config,
		} {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
		ws, err := Load(fsys, "p/src")
		if err != nil {
			if fault.Worst(err) != fault.Usage {
				t.Fatal(err)
			}
			return
		}
		_ = ws.CheckLock()
		for _, p := range ws.Packages {
			if !validName(p.Name, "") || !Within(".", p.Dir) {
				t.Fatalf("%+v", p)
			}
		}
	})
}
