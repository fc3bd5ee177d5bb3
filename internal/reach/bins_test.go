package reach

import (
	"testing"
	"testing/fstest"

	"lpipe/internal/cargo"
)

// TestLibIndependent changes one file of a package with a library, a program and a test.
func TestLibIndependent(t *testing.T) {
	const manifest = "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"
	for name, c := range map[string]struct {
		file, text string
		want       bool
	}{
		"plain":                               {"src/lib.rs", "pub fn f() -> &'static str { \"src of main\" }", true},
		"in a comment":                        {"src/lib.rs", "//! main.rs in \"src\"", true},
		"a module of both":                    {"src/tool.rs", "mod inner;", true},
		"a route and a query":                 {"src/lib.rs", "fn f() { g(\"/\", \"{}/\", \"\", \"?a=b\"); }", true},
		"a folder that holds other files":     {"src/lib.rs", "fn f() { include_str!(\"../assets/x\"); }", true},
		"watches a file beside":               {"build.rs", "fn main() { println!(\"cargo:rerun-if-changed=src/x.proto\"); }", true},
		"includes the program":                {"src/lib.rs", "const M: &str = include_str!(\"main.rs\");", false},
		"includes the program from elsewhere": {"src/lib.rs", "const M: &str = include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/src/main.rs\"));", false},
		"the program is its module":           {"src/lib.rs", "mod main;", false},
		"a program is its module":             {"src/lib.rs", "pub mod bin;", false},
		"in a module":                         {"src/tool.rs", "const M: &str = include_str!(\"main.rs\");", false},
		"the name of the folder as data":      {"src/lib.rs", "pub fn f(p: &str) -> bool { [\".\", \"..\", \"./\"].contains(&p) }", true},
		"given to a macro of its own":         {"src/lib.rs", "macro_rules! m { ($a:expr) => { assert!(f($a)) } } fn g() { m!(\".\"); }", true},
		"given to one that includes":          {"src/lib.rs", "fn g() { m!(\"main.rs\"); } macro_rules! m { ($a:expr) => { include_str!($a) } }", false},
		"walks when it runs":                  {"src/lib.rs", "pub fn f() { std::fs::read_dir(\".\"); glob(\"src/*\"); }", true},
		"a test reads the program":            {"tests/it.rs", "#[test] fn t() { std::fs::read_to_string(\"src/main.rs\"); }", true},
		"includes a test":                     {"src/lib.rs", "#[path = \"../tests/it.rs\"] mod it;", true},
		"a test includes the program":         {"tests/it.rs", "#[path = \"../src/main.rs\"] mod it;", false},
		"watches the folder":                  {"build.rs", "fn main() { println!(\"cargo:rerun-if-changed=src\"); }", false},
		"watches all":                         {"build.rs", "fn main() { println!(\"cargo::rerun-if-changed=.\"); }", false},
		"formats the folder":                  {"build.rs", "fn main() { f(format!(\"{root}/src\")); }", false},
		"walks":                               {"build.rs", "fn main() { for e in std::fs::read_dir(dir()) {} }", false},
		"a pattern":                           {"src/lib.rs", "m!(\"src/**/*.rs\");", false},
		"a derive that walks":                 {"src/lib.rs", "#[derive(Embed)] #[folder = \"src\"] struct S;", false},
		"a macro that walks":                  {"src/lib.rs", "use rust_embed::RustEmbed;", false},
		"a macro of the workspace that reads": {"mac/src/lib.rs", "use std::fs; fn f() { fs::read_to_string(p()); }", false},
		"a macro of the workspace":            {"mac/src/lib.rs", "fn f() {}", true},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{}
			for name, text := range map[string]string{
				"Cargo.toml": manifest + "[dependencies]\nmac = { path = \"mac\" }\n", "src/lib.rs": "", "src/main.rs": "fn main() { include_str!(\"main.rs\"); }",
				"Cargo.lock": "version = 4\n", "src/bin/more.rs": "", "tests/it.rs": "", "src/tool.rs": "", "assets/x": "",
				"mac/Cargo.toml": "[package]\nname = \"mac\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[lib]\nproc-macro = true\n", "mac/src/lib.rs": "",
			} {
				files[name] = &fstest.MapFile{Data: []byte(text)}
			}
			files[c.file] = &fstest.MapFile{Data: []byte(c.text)}
			w, err := cargo.Load(files, ".")
			if err != nil {
				t.Fatal(err)
			}
			w, found := Find(w)
			if p := found.Packages[w.Find("a")]; p.LibIndependent != c.want {
				t.Errorf("%v: %q", !c.want, p.ReadsBinSources)
			}
		})
	}
}
