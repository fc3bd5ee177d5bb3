package build

import (
	"strings"
	"testing"

	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
)

// TestAFileThatAStepDoesNotFind: where the project has it, the fault says why it was not sent.
func TestAFileThatAStepDoesNotFind(t *testing.T) {
	const files = `
-- .dockerignore --
**/*.csv
**/views
-- orders/data.csv --
-- orders/.env.local --
-- orders/views/a.csv --
-- target/generated.txt --
-- orders/src/main.rs --
fn main() {}
`
	r, err := prepared(t, files, nil)
	if err != nil {
		t.Fatal(err)
	}
	for log, want := range map[string]string{
		"panicked at build.rs:3: /src/orders/data.csv: No such file or directory (os error 2)":  "orders/data.csv exists here and was not sent: .dockerignore:1 excludes it",
		"error: couldn't read `orders/src/../data.csv`: No such file or directory (os error 2)": "orders/data.csv exists here and was not sent: .dockerignore:1 excludes it",
		"template \"a.html\" not found in directories [\"/src/orders/views\"]":                  "orders/views exists here and was not sent: .dockerignore:2 excludes it",
		"/src/orders/src: not found": "",
		"data.csv: does not exist":   "orders/data.csv exists here and was not sent: .dockerignore:1 excludes it",
		"Error: Os { code: 2, kind: NotFound, message: \"No such file or directory\" }, \"/src/orders/.env.local\"": "orders/.env.local exists here and was not sent: lpipe sends a file of such a name only where a source names it",
		"/src/target/generated.txt not found":                                                                           "target/generated.txt exists here and was not sent: lpipe never sends the folder target, which cargo writes",
		"couldn't read `orders/src/main.rs`":                                                                            "",
		"couldn't read /src/orders/none.csv":                                                                            "",
		"couldn't read /etc/hostname ../../../../../etc/hostname":                                                       "",
		"/src/orders/data.csv is fine\n/src/../../.. : No such file\n. .. / // /src not found":                          "",
		"couldn't read \x00 /src/\xff/../orders/\x00 " + strings.Repeat("../", 10000) + " " + strings.Repeat("a", 5000): "",
	} {
		f := &fault.Error{Kind: fault.Build, What: "it failed", Why: "exit status 101", Fix: "correct it"}
		if err := r.solve.Explain(f, dockerfile.StageBuild, log); err != f {
			t.Fatal(err)
		}
		if want == "" && (f.Why != "exit status 101" || f.Fix != "correct it") || !strings.Contains(f.Why, want) {
			t.Errorf("%.80q: %q, %q", log, f.Why, f.Fix)
		}
	}
}

// TestPointersOfGitLFSAreWarnedOf: what a source names is sent as git left it, and the program would have its text.
func TestPointersOfGitLFSAreWarnedOf(t *testing.T) {
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
	r, err := prepared(t, "-- orders/src/main.rs --\nconst MODEL: &[u8] = include_bytes!(\"../model.bin\");\nfn main() {}\n-- orders/model.bin --\n"+pointer+
		"-- orders/small.bin --\nversion of something else, as long as a pointer\n-- users/words.bin --\n"+pointer, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "orders/model.bin, ") || !strings.Contains(r.Warnings[0], "users/words.bin;") || strings.Contains(r.Warnings[0], "small") {
		t.Errorf("warnings %q", r.Warnings)
	}
	if r, err := prepared(t, "", nil); err != nil || len(r.Warnings) > 0 {
		t.Errorf("without pointers: %v, %v", r.Warnings, err)
	}
}

// TestTheToolchainFileIsCalledByItsName in what a person is told, whichever of its two names it has.
func TestTheToolchainFileIsCalledByItsName(t *testing.T) {
	for name, files := range map[string]string{"rust-toolchain": "-- rust-toolchain --\n1.80.0\n", "rust-toolchain.toml": ""} {
		r, err := prepared(t, files, nil)
		if err != nil {
			t.Fatal(err)
		}
		f := &fault.Error{What: "rust-toolchain.toml asks for what there is not", Fix: "correct channel in rust-toolchain.toml"}
		if err := r.solve.Explain(f, dockerfile.StageToolchain, ""); err != f || f.What != name+" asks for what there is not" || f.Fix != "correct channel in "+name {
			t.Errorf("%s: %q, %q", name, f.What, f.Fix)
		}
	}
}
