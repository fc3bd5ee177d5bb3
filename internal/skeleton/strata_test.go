package skeleton

import (
	"fmt"
	"strings"
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/plan"
	"lpipe/internal/testparts"
)

// TestTheSkeletonSaysWhichCrateIsInWhichStratum: and how crates are compiled. No closure has that, which no step reads there.
func TestTheSkeletonSaysWhichCrateIsInWhichStratum(t *testing.T) {
	lock := "version = 4\n\n[[package]]\nname = \"api\"\nversion = \"1.0.0\"\ndependencies = [\"c-00\", \"c-01\"]\n" +
		"\n[[package]]\nname = \"job\"\nversion = \"1.0.0\"\ndependencies = [\"c-01\"]\n"
	for i := range 60 {
		lock += fmt.Sprintf("\n[[package]]\nname = \"c-%02d\"\nversion = \"1.0.0\"\nsource = \"registry+%s\"\nchecksum = \"00\"\n", i, cargo.CratesIO)
		if i == 0 {
			lock += "dependencies = [\"c-01\"]\n"
		}
	}
	ws, found := load(t, testparts.Project(t, `
-- Cargo.toml --
[workspace]
members = ["api", "job"]
resolver = "2"
[profile.release]
lto = "thin"
-- api/Cargo.toml --
[package]
name = "api"
version = "1.0.0"
[lib]
crate-type = ["lib", "cdylib"]
-- api/src/lib.rs --
-- api/src/main.rs --
fn main() {}
-- job/Cargo.toml --
[package]
name = "job"
version = "1.0.0"
-- job/src/main.rs --
fn main() {}
-- Cargo.lock --
`+lock))
	tree, _, err := MakeStratified(ws, found, plan.StrataByPackage(ws, found, false), Options{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := tree.ReadFile(strataPackages)
	if err != nil || !strings.HasPrefix(string(list), "- 2 c-01 1.0.0\n- 3 c-00 1.0.0\n- 3 c-02 1.0.0\n") {
		t.Errorf("the list is\n%s%v", list, err)
	}
	manifest, err := tree.ReadFile(strataManifest)
	for _, want := range []string{"resolver = '2'\n", "[profile.release]\nlto = 'thin'\n", "crate-type = ['cdylib', 'lib']\n"} {
		if err != nil || !strings.Contains(string(manifest), want) {
			t.Errorf("the manifest lacks %q: %v\n%s", want, err, manifest)
		}
	}
	separate, _, err := MakeStratified(ws, found, plan.StrataByPackage(ws, found, true), Options{})
	if err != nil {
		t.Fatal(err)
	}
	list, err = separate.ReadFile(strataPackages)
	if err != nil || !strings.HasPrefix(string(list), "api 2 c-01 1.0.0\napi 3 c-00 1.0.0\njob 3 c-01 1.0.0\n") || strings.Contains(string(list), "c-02") {
		t.Errorf("with features of their own the packages have the list\n%s%v", list, err)
	}
	closure, _, err := Closure(ws, found, ws.Packages, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{strataPackages, strataManifest, strataLib, strataScript, strataExample} {
		if _, err := closure.ReadFile(file); err == nil {
			t.Errorf("the closure has %s", file)
		}
		if _, err := tree.ReadFile(file); err != nil {
			t.Error(err)
		}
	}
}
