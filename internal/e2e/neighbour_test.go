package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// good and twin have one size, and the first 64 bits of their SHA-256 one remainder by 1,000,000,000: whoever tells files
// apart by size and 30 bits of content takes them for one.
const (
	good = "fn main() { println!(\"the good program\") } // ok....\n"
	twin = "fn main() { println!(\"EVIL\") } //aaaaaaaaaaaaapiegmeg"
)

// TestNoContextIsTakenForAnother builds what another branch had in the same folder, then what the project has.
func TestNoContextIsTakenForAnother(t *testing.T) {
	const lib = "[package]\nname = \"lib\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"
	const binary = "[package]\nname = \"greet\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"
	const text = `text.split('"').nth(1).unwrap()`
	for name, test := range map[string]struct {
		file  string // that has the content
		files map[string]string
	}{
		"the program": {"src/main.rs", map[string]string{
			"Cargo.toml": binary,
			"Cargo.lock": "version = 4\n\n[[package]]\nname = \"greet\"\nversion = \"0.1.0\"\n",
		}},
		"a local library": {"lib/src/text", map[string]string{
			"Cargo.toml":     binary + "[workspace]\n[dependencies]\nlib = { path = \"lib\" }\n",
			"Cargo.lock":     "version = 4\n\n[[package]]\nname = \"greet\"\nversion = \"0.1.0\"\ndependencies = [\n \"lib\",\n]\n\n[[package]]\nname = \"lib\"\nversion = \"0.1.0\"\n",
			"src/main.rs":    "fn main() {\n    println!(\"{}\", lib::text());\n}\n",
			"lib/Cargo.toml": lib,
			"lib/src/lib.rs": "pub fn text() -> &'static str {\n    let text = include_str!(\"text\");\n    " + text + "\n}\n",
		}},
		"what a build script reads": {"data/text", map[string]string{
			"Cargo.toml":  binary,
			"Cargo.lock":  "version = 4\n\n[[package]]\nname = \"greet\"\nversion = \"0.1.0\"\n",
			"build.rs":    "fn main() {\n    let text = std::fs::read_to_string(\"data/text\").unwrap();\n    println!(\"cargo::rustc-env=TEXT={}\", " + text + ");\n}\n",
			"src/main.rs": "fn main() {\n    println!(\"{}\", env!(\"TEXT\"));\n}\n",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t)
			p.files(test.files)
			p.files(map[string]string{test.file: twin})
			p.succeeds(nil, "build")
			p.succeeds(nil, "build") // compiles nothing: BuildKit keeps what it received to be sent the difference
			if got := p.run(); got != "EVIL\n" {
				t.Fatalf("the program of the other branch says %q", got)
			}
			if err := os.RemoveAll(filepath.Join(p.dir, "target")); err != nil {
				t.Fatal(err)
			}
			p.files(map[string]string{test.file: good})
			for _, args := range [][]string{{"build"}, {"build", "--no-cache"}, {"build"}} {
				p.succeeds(nil, args...)
				if got := p.run(); got != "the good program\n" {
					t.Errorf("lpipe %s: the program says %q", strings.Join(args, " "), got)
				}
			}
		})
	}
}

// neighbours are projects that are called like p and have the dependency alone: another folder of the same user, and the
// same folder for another user.
func neighbours(t *testing.T, p *project, d *dependency) map[string]*project {
	other := *p
	other.dir = t.TempDir()
	user := *p
	user.home = t.TempDir()
	all := map[string]*project{"another project": &other, "another user": &user}
	for name, n := range all {
		n.dependsOn(d)
		manifest, err := os.ReadFile(filepath.Join(n.dir, "Cargo.toml"))
		if err != nil {
			t.Fatal(err)
		}
		feature := strings.ReplaceAll(name, " ", "-") // so that no step is that of the first project
		n.files(map[string]string{"Cargo.toml": fmt.Sprintf("%s\n[features]\n%s = []\n", manifest, feature)})
	}
	return all
}

// TestNoProjectStartsFromWhatAnotherCompiled has a build script replace what was compiled of another dependency.
func TestNoProjectStartsFromWhatAnotherCompiled(t *testing.T) {
	key := newKey(t)
	p := newProject(t)
	p.serve(key)
	one := &dependency{name: "one"}
	evil := &dependency{name: "evil", files: map[string]string{"build.rs": `fn main() {
    let status = std::process::Command::new("sh").arg("-euc").arg(r#"
printf 'pub fn name() -> &%sstatic str { "TROJAN" }\n' "'" >/tmp/one.rs
until ls /target/*/release/.fingerprint/one-*/lib-one; do sleep 0.1; done
for f in /target/*/release/deps/libone-*.rlib; do
  h=${f##*libone-} h=${h%.rlib}
  rustc --edition 2021 --crate-name one --crate-type lib --emit=metadata,link -C opt-level=3 -C metadata=$h \
    -C extra-filename=-$h --out-dir /tmp/o --target x86_64-unknown-linux-musl /tmp/one.rs
  cp /tmp/o/libone-$h.rlib "$f"
  cp /tmp/o/libone-$h.rmeta "${f%.rlib}.rmeta"
done
"#).status().unwrap();
    assert!(status.success());
}
`}}
	p.crates(one, evil)
	setting := agent(t, key)
	p.succeeds([]string{setting}, "build")
	if got := p.run(); got != "TROJAN\nevil\n" {
		t.Fatalf("the program with the hostile dependency says %q", got)
	}
	for name, n := range neighbours(t, p, one) {
		t.Run(name, func(t *testing.T) {
			n := *n
			n.t = t
			n.succeeds([]string{setting}, "build")
			if got := n.run(); got != "one\n" {
				t.Errorf("without the dependency the program says %q", got)
			}
		})
	}
}

// TestNoBuildScriptSeesWhatAnotherProjectKeeps has a build script leave a file where its project keeps what it compiled.
func TestNoBuildScriptSeesWhatAnotherProjectKeeps(t *testing.T) {
	for name, setting := range map[string]string{"kept": "LPIPE_WARM=true", "not kept": "LPIPE_WARM=false"} {
		t.Run(name, func(t *testing.T) {
			key := newKey(t)
			p := newProject(t)
			p.serve(key)
			files := map[string]string{
				"build.rs": `fn main() {
    let before = std::path::Path::new("/warm/planted").exists();
    std::fs::write("/warm/planted", "").unwrap();
    println!("cargo::rustc-env=BEFORE={before}");
}
`,
				"src/lib.rs": "pub fn name() -> &'static str { env!(\"BEFORE\") }\n",
			}
			one, two := &dependency{name: "one", files: files}, &dependency{name: "two", files: files}
			p.crates(one, two)
			p.dependsOn(one)
			p.env = append(p.env, agent(t, key), setting)
			p.succeeds(nil, "build")
			for name, n := range neighbours(t, p, two) {
				n.succeeds(nil, "build")
				if got := n.run(); got != "false\n" {
					t.Errorf("%s has a file of the first: %s", name, got)
				}
			}
		})
	}
}
