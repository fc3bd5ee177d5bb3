package since_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/build"
	"lpipe/internal/disk"
	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/since"
	"lpipe/internal/skeleton"
	"lpipe/internal/testparts"
)

const shop = `
-- Cargo.toml --
[workspace]
members = ["orders", "users", "common"]
[workspace.package]
version = "1.0.0"
[workspace.dependencies]
tokio = { version = "1", default-features = false }
rand = "0.8"
-- Cargo.lock --
version = 4
[[package]]
name = "common"
version = "1.0.0"
dependencies = ["bytes"]
[[package]]
name = "orders"
version = "1.0.0"
dependencies = ["common", "tokio"]
[[package]]
name = "users"
version = "1.0.0"
dependencies = ["tokio", "rand"]
[[package]]
name = "bytes"
version = "1.0.1"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "0000000000000000000000000000000000000000000000000000000000000001"
[[package]]
name = "rand"
version = "0.8.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "0000000000000000000000000000000000000000000000000000000000000002"
[[package]]
name = "tokio"
version = "1.40.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "0000000000000000000000000000000000000000000000000000000000000003"
dependencies = ["bytes"]
-- orders/Cargo.toml --
[package]
name = "orders"
version = "1.0.0"
[dependencies]
common = { path = "../common" }
tokio = { version = "1", default-features = false }
-- orders/src/main.rs --
fn main() {}
-- orders/data/note.txt --
a note
-- users/Cargo.toml --
[package]
name = "users"
version.workspace = true
[dependencies]
tokio = { workspace = true }
rand.workspace = true
-- users/src/main.rs --
const NOTE: &str = include_str!("../../orders/data/note.txt");
fn main() {}
-- users/build.rs --
fn main() {}
-- common/Cargo.toml --
[package]
name = "common"
version = "1.0.0"
[dependencies]
bytes = "1"
-- common/src/lib.rs --
pub mod deep;
-- common/src/deep.rs --
-- schema/api.json --
{}
-- README.md --
hello
`

// rooted has a package at its root, one above the folder of another, a package outside of it, and vendored sources.
const rooted = `
-- app/Cargo.toml --
[package]
name = "app"
version = "1.0.0"
[workspace]
members = ["tool"]
[dependencies]
outer = { path = "../outer" }
-- app/Cargo.lock --
version = 4
[[package]]
name = "app"
version = "1.0.0"
dependencies = ["outer"]
[[package]]
name = "outer"
version = "1.0.0"
[[package]]
name = "tool"
version = "1.0.0"
-- app/src/main.rs --
fn main() {}
-- app/tests/reads.rs --
#[test] fn reads() { std::fs::read_to_string("../data/case.txt").unwrap(); }
-- app/shared.json --
{}
-- app/.cargo/config.toml --
[env]
MODE = "a"
-- app/tool/Cargo.toml --
[package]
name = "tool"
version = "1.0.0"
-- app/tool/src/main.rs --
fn main() {}
-- app/tool/links/one.txt --
one
-- data/case.txt --
1
-- outer/Cargo.toml --
[package]
name = "outer"
version = "1.0.0"
-- outer/src/lib.rs --
-- elsewhere/file.txt --
2
`

// repository is a git repository with a commit of the files.
type repository struct {
	*testing.T
	dir  string
	here *project.Here
}

func commit(t *testing.T, files, cwd string, links ...string) *repository {
	t.Helper()
	r := &repository{T: t, dir: t.TempDir()}
	testparts.Unpack(t, r.dir, files)
	for _, link := range links {
		name, to, _ := strings.Cut(link, " -> ")
		if err := os.Symlink(to, filepath.Join(r.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	r.git("init", "--quiet")
	r.git("add", ".")
	r.git("commit", "--quiet", "--message=first")
	r.here = &project.Here{
		Dir: filepath.Join(r.dir, cwd), Env: map[string]string{"PATH": os.Getenv("PATH"), "HOME": t.TempDir()}, Disk: disk.Disk{FS: os.DirFS("/")},
	}
	return r
}

func (r *repository) git(args ...string) {
	r.Helper()
	all := append([]string{"-C", r.dir, "-c", "user.name=me", "-c", "user.email=me@example.com"}, args...)
	if out, err := exec.CommandContext(r.Context(), "git", all...).CombinedOutput(); err != nil {
		r.Fatalf("git %s: %s", args[0], out)
	}
}

func (r *repository) open() []*project.Project {
	r.Helper()
	projects, err := r.here.Open(nil, true, nil)
	if err != nil {
		r.Fatal(err)
	}
	return projects
}

// changed are the lambdas that differ from HEAD, with what makes the difference.
func (r *repository) changed() map[string]string {
	r.Helper()
	projects := r.open()
	before := len(project.Targets(projects))
	changed, why, err := since.Changed(r.Context(), r.here, projects, "HEAD", nil, build.Included)
	if err != nil {
		r.Fatal(err)
	}
	if len(project.Targets(projects)) != before {
		r.Error("the projects that were given have fewer lambdas")
	}
	all := map[string]string{}
	for _, target := range project.Targets(changed) {
		var parts []string
		for _, c := range why[target.Lambda] {
			parts = append(parts, strings.TrimSpace(c.Kind+" "+strings.Join(c.Names, ", ")))
		}
		all[target.Lambda.Name] = strings.Join(parts, "; ")
	}
	return all
}

// oracle are the lambdas that differ from HEAD as whole contexts show it: that of each lambda is made on both sides, and
// every byte of it counts.
func (r *repository) oracle() map[string]bool {
	r.Helper()
	p := r.open()[0]
	g, err := r.here.Repository(r.Context(), p.Dir)
	if err != nil {
		r.Fatal(err)
	}
	at, err := since.OpenRevision(r.Context(), os.DirFS("/"), g, "HEAD")
	if err != nil {
		r.Fatal(err)
	}
	defer at.Close()
	all := map[string]bool{}
	before := map[string]string{}
	if old, err := r.here.Before(p, at, nil); err == nil {
		before = r.fingerprints(old)
	}
	for folder, f := range r.fingerprints(p) {
		if before[folder] != f {
			all[folder] = true
		}
	}
	return all
}

func (r *repository) fingerprints(p *project.Project) map[string]string {
	r.Helper()
	all := map[string]string{}
	for _, v := range p.Plan.Variants {
		text, err := dockerfile.Render(v)
		if err != nil {
			r.Fatal(err)
		}
		for _, l := range v.Lambdas {
			all[l.Folder()] = r.fingerprint(p.Plan, l, text)
		}
	}
	return all
}

func (r *repository) fingerprint(p *plan.Plan, l *plan.Lambda, text []byte) string {
	r.Helper()
	ws := p.Workspace
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\x00%s %s %s\x00%+v", text, l.Kind, l.Bin, l.Arch, l.Build)
	tree, _, err := skeleton.Tests(ws, p.Reach, ws.Closure(nil), skeleton.Options{})
	if err == nil {
		tree, _, err = skeleton.Tests(ws, p.Reach, ws.Packages[slices.Index(ws.Packages, l.Package):][:1], skeleton.Options{Nextest: l.Build.TestTool == "nextest"})
	}
	if err != nil {
		r.Fatal(err)
	}
	err = tree.Walk(context.WithoutCancel(r.Context()), "", func(name string, entry fs.DirEntry, _ error) error {
		if entry.IsDir() || name == ws.Lock.Path || tree.Stub(name) {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		file, err := tree.Sum(name)
		fmt.Fprintf(sum, "%q %s %x\n", name, info.Mode(), file)
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	for _, p := range ws.Lock.Reachable(ws.Closure(ws.Packages[slices.Index(ws.Packages, l.Package):][:1])) {
		fmt.Fprintf(sum, "%q %q %q %+v\n", p.Name, p.Version, p.Checksum, p.Source)
		if p.Source != nil {
			fmt.Fprintf(sum, "%q\n", *p.Source)
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

func TestLambdasThatDifferFromARevision(t *testing.T) {
	const manifest = "-- Cargo.toml --\n[workspace]\nmembers = [\"orders\", \"users\", \"common\"]\n"
	file := func(name string) string { // of the shop
		_, text, _ := strings.Cut(shop, "-- "+name+" --\n")
		text, _, _ = strings.Cut(text, "\n-- ")
		return "-- " + name + " --\n" + text + "\n"
	}
	replace := func(name, old, new string) string {
		text := file(name)
		if !strings.Contains(text, old) {
			t.Fatalf("%s has no %q", name, old)
		}
		return strings.ReplaceAll(text, old, new)
	}
	for name, c := range map[string]struct {
		base   string // beside the shop
		edit   string
		remove string
		want   map[string]string
		finer  bool // the oracle counts bytes of a manifest or lock that change nothing for some lambda, or knows nothing of features
	}{
		"nothing":             {},
		"a source":            {edit: replace("users/src/main.rs", "{}", "{ }"), want: map[string]string{"users": "sources users/src/main.rs"}},
		"a library":           {edit: "-- common/src/lib.rs --\npub fn f() {}\n", want: map[string]string{"orders": "sources common/src/lib.rs"}},
		"a module is gone":    {remove: "common/src/deep.rs", want: map[string]string{"orders": "sources common/src/deep.rs"}},
		"a file of nobody":    {edit: "-- README.md --\nhi\n"},
		"a file of everybody": {edit: "-- schema/api.json --\n[]\n", want: map[string]string{"orders": "sources schema/api.json", "users": "sources schema/api.json"}},
		"a file that another reads": {
			edit: "-- orders/data/note.txt --\nanother\n", want: map[string]string{"orders": "sources orders/data/note.txt", "users": "sources orders/data/note.txt"},
		},
		"a new lambda": {
			edit: "-- users/src/bin/more.rs --\nfn main() {}\n", want: map[string]string{"more": "new", "users": "sources users/src/bin/more.rs"},
		},
		"a lambda of a new member": {
			edit: manifest[:len(manifest)-2] + ", \"new\"]\n[workspace.package]\nversion = \"1.0.0\"\n[workspace.dependencies]\ntokio = { version = \"1\", default-features = false }\nrand = \"0.8\"\n" +
				"-- new/Cargo.toml --\n[package]\nname = \"new\"\nversion = \"1.0.0\"\n[dependencies]\ntokio = { version = \"1\", default-features = false }\n-- new/src/main.rs --\nfn main() {}\n" +
				file("Cargo.lock") + "[[package]]\nname = \"new\"\nversion = \"1.0.0\"\ndependencies = [\"tokio\"]\n",
			want: map[string]string{"new": "new"}, finer: true,
		},
		"a setting of one": {edit: "-- lpipe.toml --\n[lambda.orders]\nprofile = 'dev'\n", want: map[string]string{"orders": "settings profile"}},
		"what nextest is told, of one": {
			base: "-- lpipe.toml --\n[lambda.orders]\ntest-tool = 'nextest'\n-- .config/nextest.toml --\n",
			edit: "-- .config/nextest.toml --\n[profile.default]\nretries = 2\n", want: map[string]string{"orders": "sources .config/nextest.toml"},
		},
		"a file without a track": {edit: "-- users/src/more.rs --\n", want: map[string]string{"users": "sources users/src/more.rs"}},
		"a crate of one": {
			edit: replace("Cargo.lock", "0.8.0", "0.8.1"), want: map[string]string{"users": "dependencies rand 0.8.0 -> 0.8.1"},
		},
		"a crate of all": {
			edit: replace("Cargo.lock", "1.0.1", "1.0.2"), want: map[string]string{"orders": "dependencies bytes 1.0.1 -> 1.0.2", "users": "dependencies bytes 1.0.1 -> 1.0.2"},
		},
		"a crate with another checksum": {
			edit: replace("Cargo.lock", "0002\"", "0009\""), want: map[string]string{"users": "dependencies rand 0.8.0 from another source"},
		},
		"a comment of the root's manifest": {edit: replace("Cargo.toml", "[workspace]\n", "# hello\n[workspace]\n"), finer: true},
		"a profile": {
			edit: file("Cargo.toml") + "[profile.release]\nlto = true\n", finer: true,
			want: map[string]string{"orders": "settings profile.release of Cargo.toml", "users": "settings profile.release of Cargo.toml"},
		},
		"what one inherits": {
			edit: replace("Cargo.toml", "1.0.0", "1.1.0") + replace("Cargo.lock", "name = \"users\"\nversion = \"1.0.0\"", "name = \"users\"\nversion = \"1.1.0\""), finer: true,
			want: map[string]string{"users": "settings workspace.package.version of Cargo.toml; dependencies users 1.0.0 -> 1.1.0"},
		},
		"features that another asks for": {
			edit: replace("orders/Cargo.toml", "default-features = false", "default-features = false, features = [\"net\"]"), finer: true,
			want: map[string]string{"orders": "sources orders/Cargo.toml; dependencies features of tokio", "users": "dependencies features of tokio"},
		},
		"features of each package": {
			base: "-- lpipe.toml --\n[build]\nfeatures-per-lambda = true\n",
			edit: replace("orders/Cargo.toml", "default-features = false", "default-features = false, features = [\"net\"]"),
			want: map[string]string{"orders": "sources orders/Cargo.toml"},
		},
		"another toolchain": {
			edit: "-- rust-toolchain.toml --\n[toolchain]\nchannel = \"1.80.0\"\n",
			want: map[string]string{"orders": "settings rust-toolchain.toml; sources rust-toolchain.toml", "users": "settings rust-toolchain.toml; sources rust-toolchain.toml"},
		},
		"another toolchain, by the old name of its file": {
			edit: "-- rust-toolchain --\n1.80.0\n",
			want: map[string]string{"orders": "settings rust-toolchain; sources rust-toolchain", "users": "settings rust-toolchain; sources rust-toolchain"},
		},
		"cargo's configuration": {
			edit: "-- .cargo/config.toml --\n[env]\nX = \"1\"\n", want: map[string]string{"orders": "sources .cargo/config.toml", "users": "sources .cargo/config.toml"},
		},
		"a file that is left out": {
			edit: "-- .dockerignore --\norders/data\n", want: map[string]string{"orders": "sources orders/data/note.txt"}, // a source of users names it
		},
		"a file of the zip that is no source": {
			base: "-- lpipe.toml --\n[lambda.orders]\ninclude = [\"assets/**\"]\n-- orders/assets/a.txt --\n-- .dockerignore --\n**/assets\n",
			edit: "-- orders/assets/a.txt --\nedited\n-- orders/assets/b.txt --\n", finer: true,
			want: map[string]string{"orders": "sources assets/a.txt, assets/b.txt"},
		},
		"a package that reads all": {
			edit: "-- users/build.rs --\nfn main() { std::process::Command::new(\"cargo\"); }\n",
			want: map[string]string{"users": "sources Cargo.toml, README.md, common/Cargo.toml"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := commit(t, shop+c.base, "")
			testparts.Unpack(t, r.dir, c.edit)
			if c.remove != "" {
				if err := os.Remove(filepath.Join(r.dir, c.remove)); err != nil {
					t.Fatal(err)
				}
			}
			got := r.changed()
			for name, why := range got {
				if len(why) > 100 {
					got[name] = why[:strings.LastIndex(why[:100], ",")]
				}
			}
			if name == "a package that reads all" { // its context has more than can be listed here
				if got["users"] == "" || len(got) != 1 || !strings.HasPrefix(got["users"], "sources ") {
					t.Errorf("%q", got)
				}
			} else if !maps.Equal(got, c.want) {
				t.Errorf("\n%q, want\n%q", got, c.want)
			}
			if want := r.oracle(); !c.finer && !maps.Equal(names(got), want) {
				t.Errorf("%q differ, and by whole contexts %v", slices.Sorted(maps.Keys(got)), want)
			}
			if _, _, err := since.Changed(t.Context(), r.here, r.open(), "nowhere", nil, build.Included); fault.Worst(err) != fault.Usage {
				t.Errorf("an unknown revision: %v", err)
			}
		})
	}
}

func names(m map[string]string) map[string]bool {
	all := map[string]bool{}
	for name := range m {
		all[name] = true
	}
	return all
}

// TestEveryEditIsNoticed: whichever files are edited, added, removed or made executable, the lambdas that differ are those
// whose whole contexts do.
func TestEveryEditIsNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		files, cwd string
		links      []string
		add        []string
	}{
		"workspace": {files: shop, links: []string{"users/chain -> ../schema/to", "schema/to -> ../common/src/deep.rs"}, add: []string{
			"users/src/new.rs", "orders/new.txt", "common/tests/t.rs", "schema/more.json", "top.txt", "docs/x.md", "orders/.env", "users/nested/Cargo.toml.orig",
		}},
		"package at the root": {files: rooted, cwd: "app", links: []string{"app/tool/links/two.txt -> ../../../elsewhere/file.txt"}, add: []string{
			"app/new.txt", "app/src/new.rs", "app/tool/x.txt", "outer/x.rs", "data/y.txt", "app/docs/z.md", "app/benches/b.rs",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := commit(t, c.files, c.cwd, c.links...)
			var all []string
			err := filepath.WalkDir(r.dir, func(name string, d fs.DirEntry, err error) error {
				switch {
				case d.Name() == ".git":
					return fs.SkipDir
				case d.Type().IsRegular():
					all = append(all, name)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			edits := map[string]func() error{}
			for _, name := range all {
				rel, _ := filepath.Rel(r.dir, name)
				switch ext := filepath.Ext(name); {
				case strings.HasSuffix(name, "Cargo.toml"), strings.HasSuffix(name, "Cargo.lock"): // the other test has these
				case ext == ".toml":
					edits["comment "+rel] = func() error { return appendTo(name, "# x\n") }
				default:
					edits["edit "+rel] = func() error { return appendTo(name, "// x\n") }
					edits["mode "+rel] = func() error { return os.Chmod(name, 0o755) }
					if filepath.Base(name) != "main.rs" && filepath.Base(name) != "lib.rs" && filepath.Base(name) != "note.txt" {
						edits["remove "+rel] = func() error { return os.Remove(name) }
						edits["link "+rel] = func() error {
							if err := os.Remove(name); err != nil {
								return err
							}
							return os.Symlink("nothing", name)
						}
					}
				}
			}
			for _, rel := range c.add {
				name := filepath.Join(r.dir, rel)
				edits["add "+rel] = func() error {
					if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
						return err
					}
					return os.WriteFile(name, []byte("// new\n"), 0o644)
				}
			}
			keys := slices.Sorted(maps.Keys(edits))
			check := func(some ...string) {
				for _, key := range some {
					if err := edits[key](); err != nil && !errors.Is(err, fs.ErrNotExist) { // an edit after another of the same file
						t.Fatal(err)
					}
				}
				got, want := r.changed(), r.oracle()
				if !maps.Equal(names(got), want) {
					t.Errorf("%q: %q differ, and by whole contexts %v", some, got, want)
				}
				r.git("checkout", "--quiet", ".")
				r.git("clean", "-fdxq")
			}
			for _, key := range keys {
				check(key)
			}
			random := rand.New(rand.NewPCG(1, 2))
			for range 10 {
				check(keys[random.IntN(len(keys))], keys[random.IntN(len(keys))])
			}
		})
	}
}

func appendTo(name, text string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	f.Close()
	return err
}
