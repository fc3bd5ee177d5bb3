package finding

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/testparts/golden"
)

// read reads all of an output, and returns the lines that belong to no finding.
func read(text string) (r Report, rest []string) {
	var reader Reader
	for line := range strings.SplitSeq(text, "\n") {
		if !reader.Line(line) {
			rest = append(rest, line)
		}
	}
	return reader.Report(), rest
}

// TestReports reads what programs printed: testdata/NAME.txt, with the report and the rest as golden files.
func TestReports(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			report, rest := read(string(text))
			data, err := json.MarshalIndent(report, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			got := string(data) + "\n\nNot in a finding:\n" + strings.Join(rest, "\n")
			golden.Check(t, strings.TrimSuffix(file, ".txt")+".golden", got)
		})
	}
}

func TestWarningsAreReadOnce(t *testing.T) {
	const first = "warning: unused variable: `x`\n --> src/main.rs:9:5\n  |\n9 |     x\n  |     ^\n\n"
	const second = "warning[W1]: odd\n --> src/lib.rs:2:7\n  |\n\n"
	got := Warnings(first + second + first + "warning: 2 warnings emitted\n\n" + "error: it is none\n --> src/a.rs:1:1\n")
	if len(got) != 2 || got[0].Place() != "src/lib.rs:2:7" || got[0].Name != "W1" || got[1].Message != "unused variable: `x`" || got[1].Place() != "src/main.rs:9:5" {
		t.Errorf("%+v", got)
	}
	if got[1].Text != strings.TrimSpace(first) {
		t.Errorf("the text is %q", got[1].Text)
	}
}

// TestWarningsAfterTestsThatFailed: they are printed after a mark, and are no lines of a test.
func TestWarningsAfterTestsThatFailed(t *testing.T) {
	const warning = "warning: unused variable: `x`\n --> src/main.rs:9:5\n  |\n9 |     x\n  |     ^\n\n"
	report, rest := read(warning + "     Running unittests src/main.rs (/target/release/deps/a-0123)\n\nrunning 1 test\ntest t ... FAILED\n\nfailures:\n\n---- t stdout ----\nthread 't' panicked at src/main.rs:3:1:\nno\n\n" +
		"failures:\n    t\n\ntest result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n\nerror: test failed, to rerun pass `--bin a`\n    Warnings of the compiler\n" + warning + "warning: a@0.1.0: old\n")
	if len(report.Findings) != 1 || report.Findings[0].Name != "t" || len(report.Warnings) != 2 || report.Warnings[0].Place() != "src/main.rs:9:5" || report.Warnings[1].Message != "old" {
		t.Errorf("%+v", report)
	}
	if slices.Contains(rest[6:], " --> src/main.rs:9:5") {
		t.Errorf("shown besides: %q", rest)
	}
}

func TestFindingsAreBounded(t *testing.T) {
	var text strings.Builder
	for i := range maxFindings + 3 {
		fmt.Fprintf(&text, "error: %d\n\n", i)
	}
	report, rest := read(text.String())
	if len(report.Findings) != maxFindings || report.More != 3 || len(rest) != 7 {
		t.Errorf("%d findings, %d more, %d lines", len(report.Findings), report.More, len(rest))
	}
	report, rest = read("error: x\n" + strings.Repeat(strings.Repeat("y", 1000)+"\n", 300))
	if size := len(report.Findings[0].Text); size > maxText || len(rest) < 30 {
		t.Errorf("the text has %d bytes, %d lines are left", size, len(rest))
	}
}

// FuzzReader: whatever is printed, no line is lost: it is in a finding, or left for the log, or says what a finding says.
func FuzzReader(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		var reader Reader
		var held []string
		for line := range strings.SplitSeq(text, "\n") {
			if reader.Line(line) {
				held = append(held, strings.TrimRight(line, "\r"))
			}
		}
		report := reader.Report()
		var kept []string
		for _, found := range slices.Concat(report.Findings, report.Warnings) {
			if found.Message == "" && found.Text != "" && strings.TrimSpace(found.Text) == "" {
				t.Errorf("%+v says nothing", found)
			}
			if found.Line < 0 || found.Column < 0 || (found.File == "") != (found.Place() == "") {
				t.Errorf("the place of %+v", found)
			}
			kept = append(kept, strings.Split(found.Text, "\n")...)
		}
		for _, line := range held {
			heading := line == "failures:" || block().MatchString(line) || panics().MatchString(line) || strings.HasPrefix(line, backtraceNote) ||
				slices.ContainsFunc(report.Findings, func(f Finding) bool { return line == "    "+f.Name })
			if !heading && strings.TrimSpace(line) != "" && !slices.ContainsFunc(kept, func(k string) bool { return strings.TrimRight(k, " ") == strings.TrimRight(line, " ") }) {
				t.Errorf("the line %q is lost", line)
			}
		}
	})
}
