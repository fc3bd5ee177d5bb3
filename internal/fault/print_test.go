package fault

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"lpipe/internal/finding"
	"lpipe/internal/testparts/golden"
)

// failed is a test that failed at a line of its own.
func failed(n int, message, text string) finding.Finding {
	return finding.Finding{
		Kind: finding.Test, Name: fmt.Sprintf("tests::number_%d_adds_up", n), Package: "api", File: "src/lib.rs", Line: n, Column: 9, Message: message, Text: text,
	}
}

func tests(label string, found ...finding.Finding) *Error {
	return &Error{
		Kind: Tests, What: "the tests of " + label + " failed", Why: fmt.Sprintf("%d of 40 tests failed", len(found)), Fix: "correct the tests that failed, or what they test; lpipe test runs them alone",
		Found: finding.Report{Findings: found},
	}
}

// TestTheLastLinesNameWhatFailed holds what is on a screen, as golden files: all of what is printed, with a rule where the
// screen begins.
func TestTheLastLinesNameWhatFailed(t *testing.T) {
	const assertion = "assertion `left == right` failed\n  left: 4\n right: 5"
	mismatch := finding.Finding{
		Kind: finding.Error, Name: "E0308", File: "src/main.rs", Line: 7, Column: 22, Message: "mismatched types",
		Text: "error[E0308]: mismatched types\n --> src/main.rs:7:22\n  |\n7 | fn broken() -> u8 { \"text\" }\n  |                --   ^^^^^^ expected `u8`, found `&str`\n  |                |\n  |                expected `u8` because of return type",
	}
	var many, few []finding.Finding
	for n := range 40 {
		many = append(many, failed(n+1, assertion, "said before\n\n"+assertion))
	}
	few = append(few, many[:4]...)
	few[1].Message = strings.Repeat("a long message ", 20)
	few[1].Text = few[1].Message
	killed := finding.Finding{Kind: finding.TestProgram, Name: "-p api --test it", Package: "api", Message: "signal: 11, SIGSEGV: invalid memory reference"}
	same := many[0]
	same.Package, same.File = "jobs", "jobs/src/lib.rs"
	script := finding.Finding{
		Kind: finding.BuildScript, Name: "ffi v0.1.0", Package: "ffi", File: "ffi/build.rs", Line: 3, Column: 5, Message: "no clang",
		Text: "error: failed to run custom build command for `ffi v0.1.0 (/src/ffi)`\n\nCaused by:\n" + strings.Repeat("  it says much\n", 40) + "  no clang",
	}
	for name, err := range map[string]error{
		"one-test":     tests("api", many[0]),
		"four-tests":   tests("api", few...),
		"many-tests":   tests("api", many...),
		"equal-names":  tests("api", many[0], same, killed),
		"compile":      &Error{What: "api does not compile", Why: "1 error", Fix: "correct the errors above; --progress plain shows the output from its start", Found: finding.Report{Findings: []finding.Finding{mismatch}}},
		"build-script": &Error{What: "the build script of ffi v0.1.0 failed, which is needed for api", Why: "1 error", Fix: "correct it", Found: finding.Report{Findings: []finding.Finding{script}}},
		"lambdas":      errors.Join(tests("api", many[0], many[1]), tests("jobs", many[0], killed, many[2]), &Error{Kind: Build, What: "mail does not compile", Why: "1 error", Found: finding.Report{Findings: []finding.Finding{mismatch}}}),
	} {
		for _, s := range []Screen{{80, 24}, {200, 50}, {}} {
			file := fmt.Sprintf("testdata/%s-%dx%d.golden", name, s.Columns, s.Rows)
			t.Run(file, func(t *testing.T) {
				var b strings.Builder
				PrintOn(&b, err, s)
				got := b.String()
				if s.Rows > 0 {
					got = onScreen(got, s)
				}
				golden.Check(t, file, got)
			})
		}
	}
}

// onScreen puts a rule before the lines that are on the screen when all is printed.
func onScreen(text string, s Screen) string {
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	rows, i := 1, len(lines)
	for ; i > 0; i-- {
		if rows += s.height(strings.TrimSuffix(lines[i-1], "\n") + "\n"); rows > s.Rows {
			break
		}
	}
	return strings.Join(lines[:i], "") + strings.Repeat("=", s.Columns) + "\n" + strings.Join(lines[i:], "") + "\n"
}
