package skeleton

import (
	"os"
	"path/filepath"
	"testing"

	"lpipe/internal/fault"
	"lpipe/internal/testparts"
)

// TestNothingOfGitEntersAContext: a checkout in CI has a token in git's configuration.
func TestNothingOfGitEntersAContext(t *testing.T) {
	link := func(name, to string) [2]string { return [2]string{name, to} }
	for name, c := range map[string]struct {
		files string
		links [][2]string
	}{
		"a word of the configuration":   {files: "-- p/.cargo/config.toml --\n[x]\ny = \".git/config\"\n"},
		"a word by a link":              {files: "-- p/.cargo/config.toml --\n[x]\ny = \"l\"\n", links: [][2]string{link("l", ".git/config")}},
		"a word by a link on the way":   {files: "-- p/.cargo/config.toml --\n[x]\ny = \"l/config\"\n", links: [][2]string{link("l", ".git")}},
		"a source folder":               {files: "-- p/.cargo/config.toml --\n[source.v]\ndirectory = \".git\"\n"},
		"a source folder by a link":     {files: "-- p/.cargo/config.toml --\n[source.v]\ndirectory = \"v\"\n", links: [][2]string{link("v", ".git")}},
		"a file in a source folder":     {files: "-- p/.cargo/config.toml --\n[source.v]\ndirectory = \"v\"\n-- p/v/x/Cargo.toml --\n", links: [][2]string{link("v/x/l", "../../.git/config")}},
		"an included configuration":     {files: "-- p/.cargo/config.toml --\ninclude = [\"../.git/x.toml\"]\n-- p/.git/x.toml --\n# SECRET\n"},
		"a program":                     {files: manifest + "[[bin]]\nname = \"x\"\npath = \".git/x.rs\"\n-- p/.git/x.rs --\n// SECRET\n"},
		"a program by a link":           {files: manifest + "-- p/.git/x.rs --\n// SECRET\n", links: [][2]string{link("src/bin/x.rs", "../../.git/x.rs")}},
		"a build script by a link":      {files: manifest + "-- p/.git/x.rs --\n// SECRET\n", links: [][2]string{link("build.rs", ".git/x.rs")}},
		"a path dependency":             {files: manifest + "[dependencies]\nv = { path = \".git/v\" }\n-- p/.git/v/Cargo.toml --\n# SECRET\n[package]\nname = \"v\"\nversion = \"0.1.0\"\n-- p/.git/v/src/lib.rs --\n// SECRET\n"},
		"a path dependency by a link":   {files: manifest + "[dependencies]\nv = { path = \"v\" }\n-- p/.git/v/Cargo.toml --\n# SECRET\n[package]\nname = \"v\"\nversion = \"0.1.0\"\n-- p/.git/v/src/lib.rs --\n// SECRET\n", links: [][2]string{link("v", ".git/v")}},
		"include_str":                   {files: "-- p/src/main.rs --\nconst A: &str = include_str!(\"../.git/config\");\n"},
		"include_str by a link":         {files: "-- p/src/main.rs --\nconst A: &str = include_str!(\"../l\");\n", links: [][2]string{link("l", ".git/config")}},
		"include_str by a folder":       {files: "-- p/src/main.rs --\nconst A: &str = include_str!(\"../l/config\");\n", links: [][2]string{link("l", ".git")}},
		"a link":                        {links: [][2]string{link("data", ".git/config")}},
		"a link to the folder":          {links: [][2]string{link("data", ".git")}},
		"a chain of links":              {links: [][2]string{link("data", "a/config"), link("a", "b"), link("b", ".git")}},
		"of a repository in the folder": {files: "-- p/sub/.git/config --\nSECRET\n-- p/src/main.rs --\nconst A: &str = include_str!(\"../l/config\");\n", links: [][2]string{link("l", "sub/.git")}},
		"a string of a build script":    {files: "-- p/build.rs --\nfn main() { std::fs::read(\".git/config\"); std::fs::read_dir(\".git\"); std::fs::read(\"l/config\"); }\n", links: [][2]string{link("l", ".git")}},
		"a file beside the package":     {files: "-- p/Cargo.toml --\n[workspace]\nmembers = [\"m\"]\n-- p/m/Cargo.toml --\n[package]\nname = \"app\"\nversion = \"0.1.0\"\n-- p/m/src/main.rs --\nconst A: &str = include_str!(\"../../l/config\");\n", links: [][2]string{link("l", ".git")}},
		"the whole workspace":           {files: "-- p/Cargo.toml --\n[workspace]\nmembers = [\"m\"]\n-- p/m/Cargo.toml --\n[package]\nname = \"app\"\nversion = \"0.1.0\"\n-- p/m/src/main.rs --\n-- p/m/build.rs --\nfn main() { std::process::Command::new(\"cargo\"); }\n", links: [][2]string{link("l", ".git"), link("k", "l/config")}},
	} {
		t.Run(name, func(t *testing.T) {
			home := testparts.Project(t, machine)
			testparts.Unpack(t, home, "-- p/.git/HEAD --\nSECRET\n-- p/.git/config --\nSECRET\n")
			testparts.Unpack(t, home, c.files)
			for _, l := range c.links {
				at := filepath.Join(home, "p", l[0])
				_ = os.Remove(at)
				if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(l[1], at); err != nil {
					t.Fatal(err)
				}
			}
			_, err := contexts(t, home) // fails the test where the secret is in one
			if err != nil && fault.Worst(err) != fault.Usage {
				t.Errorf("no usage fault: %v", err)
			}
		})
	}
}
