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
-- orders/data.csv --
-- orders/.env.local --
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
		"data.csv: does not exist": "orders/data.csv exists here and was not sent: .dockerignore:1 excludes it",
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
