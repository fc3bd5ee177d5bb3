package reach

import (
	"testing"
	"testing/fstest"

	"lpipe/internal/cargo"
)

// TestVariables changes one file of a package with a library, a program and a build script.
func TestVariables(t *testing.T) {
	const manifest = "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"
	for name, c := range map[string]struct{ file, text, names, any string }{
		"none":                           {"src/lib.rs", "", "", ""},
		"the library":                    {"src/lib.rs", "//! x\nconst C: &str = env!(\"SHA\");", "src/lib.rs:2", ""},
		"part of a word":                 {"src/lib.rs", "f(\"GIT_SHA\", \"SHA1\", OSHA)", "", ""},
		"then the word":                  {"src/lib.rs", "f(\"GIT_SHA\", \"SHA\")", "src/lib.rs:1", ""},
		"a test":                         {"tests/it.rs", "env!(\"SHA\")", "tests/it.rs:1", ""},
		"the program":                    {"src/main.rs", "env!(\"SHA\")", "", ""},
		"a program that the library has": {"src/lib.rs", "include_str!(\"main.rs\")", "src/main.rs:1", ""},
		"the build script":               {"build.rs", "env::var(\"SHA\")", "build.rs:1", ""},
		"all, in the build script":       {"build.rs", "for (k, v) in std::env::vars() {}", "", "build.rs:1"},
		"all, in the library":            {"src/lib.rs", "for (k, v) in std::env::vars() {}", "", ""},
		"a crate of the build script":    {"Cargo.toml", manifest + "[build-dependencies]\nvergen = \"8\"\n", "", "Cargo.toml:6:1"},
		"a renamed one":                  {"Cargo.toml", manifest + "[build-dependencies]\ncc = { package = \"vergen\", version = \"8\" }\n", "", "Cargo.toml:6:1"},
		"one that is known":              {"Cargo.toml", manifest + "[build-dependencies]\ntonic-build = \"0.12\"\n", "", ""},
		"one of the project":             {"Cargo.toml", manifest + "[build-dependencies]\nb = { path = \"b\" }\n", "", ""},
		"a dependency":                   {"Cargo.toml", manifest + "[dependencies]\nvergen = \"8\"\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{}
			for name, text := range map[string]string{
				"Cargo.toml": manifest, "Cargo.lock": "version = 4\n", "src/lib.rs": "", "src/main.rs": "fn main() {}", "build.rs": "fn main() {}",
				"b/Cargo.toml": "[package]\nname = \"b\"\nversion = \"0.1.0\"\nedition = \"2021\"\n", "b/src/lib.rs": "",
			} {
				files[name] = &fstest.MapFile{Data: []byte(text)}
			}
			if c.names == "src/main.rs:1" {
				files["src/main.rs"].Data = []byte("const S: &str = env!(\"SHA\");")
			}
			files[c.file] = &fstest.MapFile{Data: []byte(c.text)}
			w, err := cargo.Load(files, ".")
			if err != nil {
				t.Fatal(err)
			}
			w, found := Find(w)
			if at := found.NamesVariable(w, w.Find("a"), []string{"NONE", "SHA"}, false); at != c.names {
				t.Errorf("it is named at %q, not %q", at, c.names)
			}
			if at := found.ReadsAnyVariable(w, w.Find("a")); at != c.any {
				t.Errorf("any is read at %q, not %q", at, c.any)
			}
		})
	}
}
