package reach

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/testparts"
)

// rooted is a package at the root of a workspace, which uses one of its members.
const rooted = `
-- Cargo.toml --
[package]
name = "top"
[workspace]
members = ["crates/*"]
[dependencies]
lib = { path = "crates/lib" }
-- Cargo.lock --
version = 4
-- src/main.rs --
-- crates/lib/Cargo.toml --
[package]
name = "lib"
edition = "2021"
-- crates/lib/src/lib.rs --
-- crates/lib/fixtures/inner/Cargo.toml --
[package]
name = "inner"
-- crates/job/Cargo.toml --
[package]
name = "job"
edition = "2021"
-- crates/job/src/main.rs --
`

// find loads the project in a txtar archive, which lies in the folder p of a disk, from its folder dir.
func find(t *testing.T, archive, dir string) (*cargo.Workspace, *Findings) {
	t.Helper()
	w, err := cargo.Load(testparts.Files("p", archive), dir)
	if err != nil {
		t.Fatal(err)
	}
	return Find(w)
}

// TestWhyAPackageReadsTheWorkspace lays a source over a package. What is said of it begins with "tests: " where its tests alone do.
func TestWhyAPackageReadsTheWorkspace(t *testing.T) {
	const build, program, test, macro = "crates/job/build.rs", "crates/job/src/main.rs", "crates/job/tests/t.rs", "crates/mac/src/lib.rs"
	for _, c := range []struct{ file, src, want string }{
		{program, `fn f() { std::env::var("CARGO_WORKSPACE_DIR"); }`, "uses CARGO_WORKSPACE_DIR"},
		{program, `const X: &str = include_str!(concat!("../../", env!("NAME")));`, `names "../../", which cannot be followed`},
		{program, `static D: Dir = include_dir!("$CARGO_MANIFEST_DIR/../..");`, `names "$CARGO_MANIFEST_DIR/../..", which cannot be followed`},
		{program, `wit::generate!({ path: "../.." });`, `names "../..", which cannot be followed`},
		{test, `wit::generate!({ path: "../.." });`, `tests: names "../..", which cannot be followed`},
		{program, `#![doc = include_str!(concat!("../../", env!("CARGO_PKG_README")))]`, `names "../../", which cannot be followed`},
		{program, `#[folder = "../.."] struct S;`, `names "../..", which cannot be followed`},
		{program, `fn f() { data!("../..") } macro_rules! data { ($n:literal) => { include_str!($n) } }`, `names "../..", which cannot be followed`},
		{program, `static P: Pages = load_pages!("../.."); #[pages(root = "../..")] struct S;`, `names "../..", which cannot be followed`},
		{program, `macro_rules! data { ($n:literal) => { include_str!($n) } } fn f() { data!("../..") }`, `names "../..", which cannot be followed`},
		{program, `fn f() { Command::new("cargo"); }`, "tests: may call cargo"},
		{program, `fn f() { cargo_metadata::MetadataCommand::new(); }`, "tests: may call cargo"},
		{program, `#[cfg(test)] mod t { fn f() { env!("CARGO_MANIFEST_DIR"); p.parent() } }`, "tests: looks in the folders above the package"},
		{program, `#[cfg(not(test))] mod t { #[folder = "../.."] struct S; }`, `names "../..", which cannot be followed`},
		{program, `#[cfg(all(not(test), unix))] mod t { #[folder = "../.."] struct S; }`, `names "../..", which cannot be followed`},
		{program, `#[cfg(all(unix, any(test, x)))] mod t { #[folder = "../.."] struct S; }`, `names "../..", which cannot be followed`},
		{program, `#[cfg(test)] use a::B; #[folder = "../.."] struct S;`, `names "../..", which cannot be followed`},
		{program, `struct S { #[cfg(test)] x: u8, } #[folder = "../.."] struct T;`, `names "../..", which cannot be followed`},
		{program, `#[cfg(all(unix, any(a, b), test))] mod t { #[folder = "../.."] struct S; }`, `tests: names "../..", which cannot be followed`},
		{program, `#[test_log::test] fn t() { std::fs::read_dir("../.."); }`, `tests: names "../..", which cannot be followed`},
		{program, `#[rstest] fn t() { std::fs::read_dir("../.."); }`, `tests: names "../..", which cannot be followed`},
		{program, `#[cfg_attr(all(unix, x), folder = "../..")] struct S;`, `names "../..", which cannot be followed`},

		// What a program does when it runs, it does in its tests, and not in a build.
		{program, `fn f() { env!("CARGO_MANIFEST_DIR"); p.ancestors() }`, "tests: looks in the folders above the package"},
		{program, `fn f() { let mut p = PathBuf::from(env!("CARGO_MANIFEST_DIR")); p.pop(); }`, "tests: looks in the folders above the package"},
		{program, `fn f() { Path::new("..").join(x); }`, ""},
		{program, `fn f() { format!("../{name}/x"); }`, ""},
		{program, `fn f() { help("see ../nowhere and ../.. for more"); }`, ""},
		{program, `fn f() { assert_eq!(g(), "../.."); m!({ if x == ".." {} }); }`, ""},
		{program, `#[error("neither .. nor ../x")] struct E; #[doc = "../.."] struct D;`, ""},
		{program, `#[token("..")] struct A; #[regex(r"(../)*")] struct B; #[tracing::instrument(name = "..")] fn f() {} #[snafu(display("no ../.."))] struct C;`, ""},
		{program, `#[cfg_attr(feature = "x", serde(rename = ".."))] struct A; #[cfg_attr(all(doc, not(x)), doc = "../..")] struct B;`, ""},
		{program, `fn f() { html! { <a href="..">{"up"}</a> }; indoc!("see ../.. "); select!("from '../..'"); own!("see ../.."); smallvec!["..", "."]; }`, ""},
		{program, `fn f() { html!((a { href=".." })); query!("select '..'"); tracing::info_span!(".."); regex!("../?"); }`, ""},
		{test, `#[rstest] #[case::up("../..")] #[test_case::test_case("..")] fn t(#[values("..")] a: &str) { check!(a == ".."); prop_assert_eq!(a, "../.."); }`, ""},
		{program, `#[validate(regex = "..")] struct A; #[diesel(sql_type = "..")] struct B; fn f() { toml! { up = ".." }; map! { ".." => 1 }; token_of!(".."); }`, ""},
		{program, `macro_rules! is { ($n:literal) => { assert_eq!(f(), $n) } } fn f() { is!("../..") }`, ""},
		{program, `const CARGO: &str = "cargo"; fn f() { current_dir().parent() }`, ""},
		{program, `fn f() { env!("CARGO_MANIFEST_DIR"); stack.pop() }`, ""},
		{program, `fn f() { include_str!("../../lib/src/lib.rs"); /* "../../x" */ a..b; "wait.." }`, ""},
		{program, `fn f() { File::open("../lib/fixtures"); println!("cargo:rerun-if-changed=../lib") }`, ""},
		{program, `fn f() { x.parent(); }`, ""},
		{build, `fn main() { current_dir().parent() }`, "looks in the folders above the package"},
		{build, `fn main() { git().current_dir(x.parent()) }`, ""},

		{test, `#[test] fn t() { std::fs::read_dir("../.."); }`, `tests: names "../..", which cannot be followed`},
		{test, `#[test] fn t() { Command::new("cargo").current_dir("x"); }`, "tests: may call cargo"},
		{test, `#[test] fn t() { assert_eq!(up("../.."), format!("../{x}")); check("cargo", Path::new("..")); }`, ""},
		{program, `#[test] fn t() { std::fs::read_dir("../.."); }`, `tests: names "../..", which cannot be followed`},

		// Build scripts, macros and what these use run while others are compiled.
		{build, `fn main() { let up = ".."; read(up) }`, `names "..", which cannot be followed`},
		{build, `fn main() { read(format!("../{name}/x")); }`, `names "../{name}/x", which cannot be followed`},
		{build, `fn main() { Command::new(env!("CARGO")); }`, "may call cargo"},
		{build, `mod helper;`, `names "..", which cannot be followed`},
		{build, `#[path = "src/gen.rs"] mod gen;`, `names "..", which cannot be followed`},
		{build, `include!("src/gen.rs");`, `names "..", which cannot be followed`},
		{build, `fn main() { panic!("no ../nowhere"); println!("cargo:warning=see ../.."); }`, ""},
		{build, `fn main() { read("../lib/fixtures"); }`, ""},
		{build, `fn main() { if p.starts_with("../") || p.contains("..") || p == ".." || p != "../.." {} p.strip_prefix("../").replace("../", "up"); }`, ""},
		{build, `fn main() { f().expect("no ../nowhere: run ../gen.sh"); f().context("see ../.."); return Err("not in ../..".into()); io::Error::new(kind, "../.."); }`, ""},
		{build, `fn main() { eprintln!("{}", format!("see ../{x}")); f().with_context(|| format!("reading ../{x}")); Err(format!("no ../{x}")); Url::parse("https://x/../y"); }`, ""},
		{build, `fn main() { if ".." == x || x == OsStr::new("..") || OsStr::new("..") != x {} match x { "." | ".." => {} _ => {} } match x { Some("..") | None => {} } }`, ""},
		{build, `fn main() { if let Some("..") = x.to_str() {} if ["..", "."].contains(&x) || [".", ".."].iter().any(|d| d == x) || vec![".", ".."].contains(&x) {} }`, ""},
		{build, `fn main() { here(env!("CARGO_MANIFEST_DIR")); let mut out = PathBuf::new(); match c { Component::ParentDir => { out.pop(); } _ => {} } }`, ""},
		{build, `fn main() { let mut p = PathBuf::from(env!("CARGO_MANIFEST_DIR")); match c { Component::ParentDir => {} _ => {} } f(a, b, c, d, e); p.pop(); }`, "looks in the folders above the package"},
		{build, `fn main() { match c { Component::ParentDir => "..", _ => "x" }; fs::write(out, "const UP: &str = \"..\";"); f.write_all(b"../.."); s.splitn(2, ".."); let doc = "see ../README.md"; let code = "include!(\"../../x\");"; }`, ""},
		{build, `const SKIP: [&str; 2] = [".", ".."]; fn main() { walk().filter(|n| !SKIP.contains(n)); }`, ""},
		{build, `const UP: &str = ".."; static SKIP: &[&str] = &["..", "."]; fn main() { if x == UP || UP != y {} SKIP.iter().any(|d| x == *d); HashSet::from([".", ".."]); }`, ""},
		{build, `const DIRS: [&str; 2] = [".", ".."]; fn main() { DIRS.contains(x); for d in DIRS { read(d) } }`, `names "..", which cannot be followed`},
		{build, `fn main() { for d in [".", ".."] { read(d) } }`, `names "..", which cannot be followed`},
		{build, `fn main() { compile(&["a.proto"], &[".."]); }`, `names "..", which cannot be followed`},
		{build, `fn main() { let up = Some(".."); read(up.unwrap()); }`, `names "..", which cannot be followed`},
		{build, `fn main() { let up = match x { 1 => "..", _ => "." }; read(up) }`, `names "..", which cannot be followed`},
		{build, `fn main() { let up = ".."; if x == up {} read(up) }`, `names "..", which cannot be followed`},
		{build, `fn main() { let usage = "run it in .. and not here"; File::open(format!("../{x}")); }`, `names "../{x}", which cannot be followed`},
		{build, `fn main() { Command::new("sh").arg("cd ../.. && make -C x"); }`, `names "cd ../.. && make -C x", which cannot be followed`},
		{build, `fn main() { read(p.replace("$UP", "../..")); }`, `names "../..", which cannot be followed`},
		{macro, `fn f() { read(Path::new("..").join(x)) }`, `names "..", which cannot be followed`},
		{macro, `fn f() { read(var("CARGO_MANIFEST_DIR")); let up = ".."; }`, "looks in the folders above the package"},
		{macro, `fn f(t: &str) -> bool { t == ".." || ["..", "."].contains(&t) || ".." == t }`, ""},
		{macro, `fn f() { abort!(x, "write ../.. instead"); syn::Error::new(s, "no ../.. here"); quote! { ".." } }`, ""},
		{macro, `#[cfg(test)] mod t { fn f() { Path::new("..") } }`, ""},
		{"crates/helper/src/lib.rs", `pub fn f() { read(Path::new("..").join(x)) }`, `names "..", which cannot be followed`},
	} {
		owner := strings.Split(c.file, "/")[1]
		ws, found := find(t, rooted+`
-- crates/job/src/gen.rs --
fn g() { Path::new("..").join(x) }
-- crates/job/helper.rs --
fn g() { Path::new("..").join(x) }
-- crates/mac/Cargo.toml --
[package]
name = "mac"
version = "0.1.0"
[lib]
proc-macro = true
[dependencies]
helper = { path = "../helper" }
-- crates/mac/src/lib.rs --
-- crates/helper/Cargo.toml --
[package]
name = "helper"
version = "0.1.0"
-- crates/helper/src/lib.rs --
-- `+c.file+" --\n"+c.src+"\n", "p")
		p := ws.Find(owner)
		_, got, _ := strings.Cut(found.Packages[p].ReadsWorkspace, " ")
		if found.Packages[p].TestsReadWorkspace != "" {
			_, why, _ := strings.Cut(found.Packages[p].TestsReadWorkspace, " ")
			got += "tests: " + why
		}
		if got != c.want {
			t.Errorf("%s: %s: %q, want %q", c.file, c.src, got, c.want)
		}
	}
}

// TestPackagesInAPackage has one in a folder of another, which reads the folders above it.
func TestPackagesInAPackage(t *testing.T) {
	const above = `fn main() { read(Path::new("..").join(x)) }`
	for src, wide := range map[string]bool{
		``:                                       false,
		`#[path = "c/bindings/build.rs"] mod b;`: true,
		`include!("c/bindings/build.rs");`:       true,
		`fn main() { compile(Path::new("c").join("bindings")) }`: true,
	} {
		ws, found := find(t, rooted+"-- crates/job/c/bindings/Cargo.toml --\n[package]\nname = \"bindings\"\n-- crates/job/c/bindings/build.rs --\n"+above+
			"\n-- crates/job/build.rs --\n"+src+"\n", "p")
		if got := found.Packages[ws.Find("job")].ReadsWorkspace; (got != "") != wide {
			t.Errorf("%s: %q", src, got)
		}
	}
}

// TestTheBaseHoldsWhatIsRead lays files over a repository whose project lies in p/app.
func TestTheBaseHoldsWhatIsRead(t *testing.T) {
	const app = "-- .git/HEAD --\n-- notes.txt --\n-- lib/Cargo.toml --\n[package]\nname = \"lib\"\n-- lib/src/lib.rs --\n-- lib/x.txt --\n" +
		"-- app/Cargo.lock --\nversion = 4\n-- app/src/main.rs --\n-- app/Cargo.toml --\n[package]\nname = \"app\"\n"
	for name, c := range map[string]struct {
		files, base, dir string
		outside, tests   []string
	}{
		"nothing beyond":           {"", "p/app", ".", nil, nil},
		"a package beside":         {"[dependencies]\nlib = { path = \"../lib\" }\n", "p", "app", nil, nil},
		"a file of the repository": {"-- app/src/main.rs --\nconst A: &str = include_str!(\"../../lib/x.txt\");\n", "p", "app", []string{"lib/x.txt"}, nil},
		"a file that tests read":   {"-- app/tests/t.rs --\nfn t() { load(\"../notes.txt\") }\n", "p", "app", nil, []string{"notes.txt"}},
		"a configuration above":    {"-- .cargo/config.toml --\n[build]\n", "p", "app", nil, nil},
	} {
		w, found := find(t, app+c.files, "p/app")
		p := w.Find("app")
		got := found.Packages[p]
		if w.Base != c.base || p.Dir != c.dir || w.Root != c.dir || !slices.Equal(got.Outside, c.outside) || !slices.Equal(got.TestOutside, c.tests) {
			t.Errorf("%s: base %q, package in %q, found %+v", name, w.Base, p.Dir, got)
		}
		if _, _, err := found.Files.Sum(path.Join(c.dir, "src/main.rs")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if w.Owner(c.dir) != p || len(w.Packages) != len(found.Packages) {
			t.Errorf("%s: the findings are not those of the packages that come with them", name)
		}
	}
}

func TestForWhichPackagesNoStubCanStand(t *testing.T) {
	const top = "-- Cargo.lock --\nversion = 4\n-- src/main.rs --\n-- a/src/lib.rs --\n-- b/src/lib.rs --\n" +
		"-- a/Cargo.toml --\n[package]\nname = \"a\"\n[dependencies]\nb = { path = \"../b\" }\n-- b/Cargo.toml --\n[package]\nname = \"b\"\n" +
		"-- Cargo.toml --\n[package]\nname = \"top\"\n[workspace]\nmembers = [\"a\", \"b\"]\n"
	for files, want := range map[string]map[string]string{
		"": {},
		"[patch.crates-io]\na = { path = \"a\" }\n":                            {"a": `it replaces "a" through [patch.crates-io]`, "b": "a part of a, which is copied whole"},
		"[patch.crates-io]\na = { path = \"a\" }\nb = { path = \"b\" }\n":      {"a": `it replaces "a" through [patch.crates-io]`, "b": `it replaces "b" through [patch.crates-io]`},
		"-- .cargo/config.toml --\npaths = [\"b\"]\n":                          {"b": "it replaces a dependency through paths in .cargo/config.toml"},
		"[dependencies]\nb = { path = \"b\", artifact = \"bin\" }\n":           {"b": "its binaries are dependencies of top"},
		"-- b/Cargo.toml --\n[package]\nname = \"b\"\nbuild = [\"x.rs\"]\n":    {"b": "it has several build scripts"},
		"-- b/Cargo.toml --\n[package]\nname = \"b\"\nforced-target = \"x\"\n": {"b": "package.forced-target changes how it is built"},
		"-- a/Cargo.toml --\n[package]\nname = \"b\"\n":                        {"b": "several local packages are called b"},
	} {
		w, found := find(t, top+files, "p")
		got := map[string]string{}
		for _, p := range w.Packages {
			if why := found.Packages[p].Unstubbable; why != "" {
				got[p.Name] = why
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %q, want %q", files, got, want)
		}
	}
}

// TestNamesWithSpaces: a space is a character of a name like any other.
func TestNamesWithSpaces(t *testing.T) {
	const files = rooted + "-- my data/a b.txt --\n-- crates/job/in it.txt --\n"
	for name, c := range map[string]struct{ file, src, outside, named string }{
		"a build script":              {"crates/job/build.rs", `fn main() { fs::read("../../my data/a b.txt"); }`, "p/my data/a b.txt", "p/my data/a b.txt"},
		"one that climbs":             {"crates/job/build.rs", `fn main() { env::current_dir(); p.pop(); p.pop(); p.push("my data"); }`, "", ""},
		"one that names its own":      {"crates/job/build.rs", `fn main() { fs::read("in it.txt"); }`, "", "p/crates/job/in it.txt"},
		"an include macro":            {"crates/job/src/main.rs", `include_str!("../../../my data/a b.txt")`, "p/my data/a b.txt", "p/my data/a b.txt"},
		"an attribute":                {"crates/job/src/main.rs", `#[folder = "../../my data"] struct S;`, "p/my data", "p/my data"},
		"a sentence with a path":      {"crates/job/build.rs", `fn main() { fs::read("../../my or other.txt"); }`, "", ""},
		"a setting of the manifest":   {"crates/job/Cargo.toml", "[package]\nname = \"job\"\nedition = \"2021\"\n[package.metadata.x]\nfrom = \"../../my data/a b.txt\"\n", "p/my data/a b.txt", "p/my data/a b.txt"},
		"a message of a build script": {"crates/job/build.rs", `fn main() { println!("my data is in it.txt "); }`, "", ""},
	} {
		w, found := find(t, files+"-- "+c.file+" --\n"+c.src+"\n", "p")
		p := found.Packages[w.Find("job")]
		base := func(name string) string { return path.Join(w.Base, name) }
		if c.outside != "" && (len(p.Outside) != 1 || base(p.Outside[0]) != c.outside) || c.outside == "" && len(p.Outside) > 0 {
			t.Errorf("%s: beside the package there are %q", name, p.Outside)
		}
		if c.named != "" && (len(p.Names) != 1 || base(p.Names[0].Path) != c.named) || c.named == "" && len(p.Names) > 0 {
			t.Errorf("%s: it names %+v", name, p.Names)
		}
	}
}
