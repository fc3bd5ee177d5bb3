package chaos

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpipe/internal/testparts"
)

// project is a workspace whose programs print what their sources say: a word each of a library, of a library below
// another one's folder, of a file that include_str! takes, of one that a build script reads, of a crate of the registry
// and of the program itself.
type project struct {
	dir      string
	registry *testparts.CrateRegistry
	words    map[string]string // by the name of the word
	earlier  map[string]string // what the words were before their last edit
	module   int               // the number in the name of alpha's module
}

// lambdas are the words that each program prints, in this order.
var lambdas = map[string][]string{
	"one": {"one", "alpha", "text", "stone"},
	"two": {"two", "alpha", "text", "beta", "env", "gamma", "stone"},
}

// stones are the versions of the crate in the registry; each prints its own.
const stones = 6

// wordFiles are the files that hold the words, by their names. The crate's word is a version in the lock file.
var wordFiles = map[string]string{
	"one": "lambdas/one/src/main.rs", "two": "lambdas/two/src/main.rs",
	"alpha": "libs/alpha/src/", "text": "libs/alpha/text.txt",
	"beta": "libs/beta/src/lib.rs", "env": "libs/beta/env.txt",
	"gamma": "libs/beta/gamma/src/lib.rs", "stone": "Cargo.lock",
}

func newProject(t *testing.T, r *rand.Rand, registry *testparts.CrateRegistry) *project {
	p := &project{dir: t.TempDir(), registry: registry, words: map[string]string{}, earlier: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(wordFiles)) {
		p.words[name] = word(r)
	}
	p.words["stone"] = "1.0.0"
	maps.Copy(p.earlier, p.words)
	manifest := func(name, rest string) string {
		return fmt.Sprintf("[package]\nname = %q\nversion = \"0.1.0\"\nedition = \"2021\"\n%s", name, rest)
	}
	files := map[string]string{
		"Cargo.toml":                 "[workspace]\nresolver = \"2\"\nmembers = [\"libs/alpha\", \"libs/beta\", \"libs/beta/gamma\", \"lambdas/one\", \"lambdas/two\"]\ndefault-members = [\"lambdas/one\", \"lambdas/two\"]\n",
		".cargo/config.toml":         registry.Config(),
		"libs/alpha/Cargo.toml":      manifest("alpha", "[dependencies]\nstone = \"1\"\n"),
		"libs/beta/Cargo.toml":       manifest("beta", "[dependencies]\nalpha = { path = \"../alpha\" }\ngamma = { path = \"gamma\" }\n"),
		"libs/beta/gamma/Cargo.toml": manifest("gamma", ""),
		"libs/beta/build.rs":         "fn main() {\n    println!(\"cargo:rerun-if-changed=env.txt\");\n    println!(\"cargo:rustc-env=BETA={}\", std::fs::read_to_string(\"env.txt\").unwrap().trim());\n}\n",
		"lambdas/one/Cargo.toml":     manifest("one", "[dependencies]\nalpha = { path = \"../../libs/alpha\" }\n"),
		"lambdas/two/Cargo.toml":     manifest("two", "[dependencies]\nalpha = { path = \"../../libs/alpha\" }\nbeta = { path = \"../../libs/beta\" }\n"),
	}
	for name, text := range files {
		p.write(t, name, text)
	}
	for name := range p.words {
		p.render(t, name)
	}
	return p
}

// word is another text of one length each time, so that an edit changes no size.
func word(r *rand.Rand) string { return fmt.Sprintf("w%09d", r.IntN(1e9)) }

func (p *project) write(t *testing.T, name, text string) {
	name = filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (p *project) alphaModule() string { return fmt.Sprintf("m%d", p.module) }

// render writes the files of a word.
func (p *project) render(t *testing.T, name string) {
	main := func(crates, calls string) string {
		return fmt.Sprintf("fn main() {\n    println!(\"%s\");\n%s}\n\n#[test]\nfn speaks() {\n    assert!(!%s.is_empty());\n}\n", p.words[name], calls, crates)
	}
	path, text := wordFiles[name], p.words[name]+"\n"
	switch name {
	case "one":
		text = main("alpha::alpha()", "    println!(\"{}\\n{}\\n{}\", alpha::alpha(), alpha::text(), alpha::stone());\n")
	case "two":
		text = main("beta::beta()", "    println!(\"{}\\n{}\\n{}\\n{}\\n{}\\n{}\", alpha::alpha(), alpha::text(), beta::beta(), beta::env(), beta::gamma(), alpha::stone());\n")
	case "alpha":
		module := p.alphaModule()
		p.write(t, path+"lib.rs", fmt.Sprintf("mod %[1]s;\npub use %[1]s::alpha;\npub fn text() -> &'static str { include_str!(\"../text.txt\").trim() }\npub fn stone() -> &'static str { stone::stone() }\n", module))
		path, text = path+module+".rs", fmt.Sprintf("pub fn alpha() -> &'static str { %q }\n", p.words[name])
	case "beta":
		text = fmt.Sprintf("pub fn beta() -> &'static str { %q }\npub fn env() -> &'static str { env!(\"BETA\") }\npub fn gamma() -> &'static str { gamma::gamma() }\n", p.words[name])
	case "gamma":
		text = fmt.Sprintf("pub fn gamma() -> &'static str { %q }\n", p.words[name])
	case "stone":
		text = p.lock()
	}
	p.write(t, path, text)
	if name == "stone" {
		p.registry.Relock(t, p.dir)
	}
}

// lock is Cargo.lock, with a checksum that [testparts.CrateRegistry.Relock] sets.
func (p *project) lock() string {
	var b strings.Builder
	b.WriteString("version = 4\n")
	entry := func(name string, dependencies ...string) {
		version := "0.1.0"
		if name == "stone" {
			version = p.words["stone"]
		}
		fmt.Fprintf(&b, "\n[[package]]\nname = %q\nversion = %q\n", name, version)
		if name == "stone" {
			b.WriteString("source = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"\"\n")
		}
		if len(dependencies) > 0 {
			b.WriteString("dependencies = [\n")
			for _, d := range dependencies {
				fmt.Fprintf(&b, " %q,\n", d)
			}
			b.WriteString("]\n")
		}
	}
	entry("alpha", "stone")
	entry("beta", "alpha", "gamma")
	entry("gamma")
	entry("one", "alpha")
	entry("stone")
	entry("two", "alpha", "beta")
	return b.String()
}

// edit changes one word, and says what it did: another text of the same size or the one from before, with a time that is
// now, as it was, or an hour ago; or it renames a module.
func (p *project) edit(t *testing.T, r *rand.Rand) string {
	names := slices.Sorted(maps.Keys(wordFiles))
	name := names[r.IntN(len(names))]
	if name == "alpha" && r.IntN(3) == 0 {
		old := filepath.Join(p.dir, wordFiles[name], p.alphaModule()+".rs")
		p.module++
		if err := os.Rename(old, filepath.Join(p.dir, wordFiles[name], p.alphaModule()+".rs")); err != nil {
			t.Fatal(err)
		}
		p.render(t, name)
		return "rename alpha's module"
	}
	what := "new " + name
	next := word(r)
	if name == "stone" {
		next = fmt.Sprintf("1.0.%d", r.IntN(stones))
	}
	if r.IntN(3) == 0 {
		what, next = "revert "+name, p.earlier[name]
	}
	file := filepath.Join(p.dir, wordFiles[name])
	if name == "alpha" {
		file = filepath.Join(file, p.alphaModule()+".rs")
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	p.earlier[name], p.words[name] = p.words[name], next
	p.render(t, name)
	at := info.ModTime()
	switch r.IntN(3) {
	case 0:
		return what
	case 1:
		what += ", time kept"
	case 2:
		what += ", time set back"
		at = at.Add(-time.Hour)
	}
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
	return what
}

// says is what a program of these sources prints.
func (p *project) says(lambda string) string {
	var lines strings.Builder
	for _, name := range lambdas[lambda] {
		lines.WriteString(p.words[name] + "\n")
	}
	return lines.String()
}

// publish fills a registry with the versions of the crate. Most of a crate is a file that does not compress, so that a
// disk is full in the middle of it.
func publish(t *testing.T, r *rand.Rand) *testparts.CrateRegistry {
	registry := testparts.NewCrateRegistry(t)
	for v := range stones {
		version := fmt.Sprintf("1.0.%d", v)
		bulk := make([]byte, 300<<10)
		for i := range bulk {
			bulk[i] = byte(r.Uint32())
		}
		dir := t.TempDir()
		p := &project{dir: dir}
		p.write(t, "Cargo.toml", fmt.Sprintf("[package]\nname = \"stone\"\nversion = %q\nedition = \"2021\"\n", version))
		p.write(t, "src/lib.rs", fmt.Sprintf("pub fn stone() -> &'static str { %q }\n", version))
		p.write(t, "bulk.bin", string(bulk))
		registry.Publish(t, dir)
	}
	return registry
}
