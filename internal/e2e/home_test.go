package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/testparts"
)

// The registries that a manifest names, and the mirrors of those that a lock file names, are taken from the user's own
// configuration of cargo where the project does not describe them.
func TestTheUsersConfigurationSaysWhereCratesComeFrom(t *testing.T) {
	const cratesIO = "registry+https://github.com/rust-lang/crates.io-index"
	corp := testparts.NewCrateRegistry(t)
	money := t.TempDir()
	for name, text := range map[string]string{
		"Cargo.toml": "[package]\nname = \"lpipe-test-money\"\nversion = \"1.2.0\"\nedition = \"2021\"\n",
		"src/lib.rs": "pub fn name() -> &'static str { \"money\" }\n",
	} {
		name = filepath.Join(money, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	corp.Publish(t, money)
	// Each project has a crate of its own name, so that none finds the steps of another.
	ledger := func(t *testing.T, spec, source, home string) *project {
		t.Helper()
		p := newProject(t)
		p.env = append(p.env, "LPIPE_BASE=oci-layout://"+testparts.PlainBaseImage(t)) // whose cargo has no configuration
		name := "ledger-" + strings.ToLower(strings.ReplaceAll(filepath.Base(t.Name()), "_", "-"))
		p.files(map[string]string{
			"Cargo.toml": fmt.Sprintf("[package]\nname = %q\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[[bin]]\nname = \"greet\"\npath = \"src/main.rs\"\n\n[dependencies]\nlpipe-test-money = %s\n", name, spec),
			"Cargo.lock": fmt.Sprintf("version = 4\n\n[[package]]\nname = %q\nversion = \"0.1.0\"\ndependencies = [\n \"lpipe-test-money\",\n]\n\n"+
				"[[package]]\nname = \"lpipe-test-money\"\nversion = \"1.2.0\"\nsource = %q\nchecksum = \"%064d\"\n", name, source, 0),
			"src/main.rs": "fn main() { println!(\"{}\", lpipe_test_money::name()) }\n",
		})
		corp.Relock(t, p.dir)
		if home != "" {
			if err := os.MkdirAll(filepath.Join(p.home, ".cargo"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(p.home, ".cargo", "config.toml"), []byte(home), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return p
	}
	const named = `{ version = "1", registry = "corp" }`
	t.Run("nothing", func(t *testing.T) {
		p := ledger(t, named, corp.IndexURL, "")
		p.fails(1, []string{"nothing says where a registry is", `the registry "corp"`, "CARGO_REGISTRIES_CORP_INDEX", ".cargo/config.toml"}, nil, "build")
	})
	t.Run("variable", func(t *testing.T) {
		ledger(t, named, corp.IndexURL, "").succeeds([]string{"CARGO_REGISTRIES_CORP_INDEX=" + corp.IndexURL}, "build")
	})
	t.Run("file", func(t *testing.T) {
		ledger(t, named, corp.IndexURL, fmt.Sprintf("[registries.corp]\nindex = %q\n", corp.IndexURL)).succeeds(nil, "build")
	})
	t.Run("mirror", func(t *testing.T) {
		p := ledger(t, `"1"`, cratesIO, fmt.Sprintf("[source.crates-io]\nreplace-with = \"mirror\"\n[source.mirror]\nregistry = %q\n", corp.IndexURL))
		p.succeeds(nil, "build")
		if got := p.run(); got != "money\n" {
			t.Errorf("the program says %q", got)
		}
	})
	t.Run("mirror by the name of a registry", func(t *testing.T) {
		ledger(t, `"1"`, cratesIO, fmt.Sprintf("[source.crates-io]\nreplace-with = \"corp\"\n[registries.corp]\nindex = %q\n", corp.IndexURL)).succeeds(nil, "build")
	})
	t.Run("folder", func(t *testing.T) {
		p := ledger(t, named, corp.IndexURL, fmt.Sprintf("[source.corp]\nregistry = %q\nreplace-with = \"here\"\n[source.here]\ndirectory = \"/vendor\"\n", corp.IndexURL))
		out := p.succeeds([]string{"CARGO_REGISTRIES_CORP_INDEX=" + corp.IndexURL}, "build")
		if !strings.Contains(out, "config.toml:5:1 has no effect on corp: a build downloads crates from registries alone") {
			t.Error("it is not said that a folder of this machine has no effect")
		}
	})
}
