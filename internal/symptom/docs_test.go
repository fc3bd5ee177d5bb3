package symptom

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/testparts/golden"
)

// maxExamples is how many outputs docs/messages.md has for a row.
const maxExamples = 4

// TestDocsListEverySymptom keeps docs/messages.md equal to the table, with the words of the tools that its test has; -update
// rewrites it.
func TestDocsListEverySymptom(t *testing.T) {
	examples := map[int][]string{} // by row
	for _, c := range cases {
		row, line := told(Step{Stage: c.stage, Log: c.log})
		if row >= 0 && len(examples[row]) < maxExamples && !slices.Contains(examples[row], line) {
			examples[row] = append(examples[row], line)
		}
	}
	var b strings.Builder
	b.WriteString("# What tools say when they fail\n\n[All pages](README.md). Written by `go test ./internal/symptom -update`.\n\n" +
		"lpipe says this by itself when a step fails. Search the page for the words of the compiler, the linker, cargo, git, ssh,\n" +
		"pkg-config and others; what stands for a name, a version or a path differs in yours.\n")
	for _, part := range []struct {
		title  string
		stages []string
	}{
		{"In any step", nil},
		{"While the compiler and packages are installed, or crates downloaded", downloading},
		{"While the compiler and packages are installed", installing},
		{"While crates are downloaded", fetching},
		{"While code is compiled and tested", compiling},
	} {
		fmt.Fprintf(&b, "\n## %s\n", part.title)
		for i, r := range table {
			if !slices.Equal(r.stages, part.stages) {
				continue
			}
			name := strings.NewReplacer("$1", "NAME", "$2", "NAME").Replace
			fmt.Fprintf(&b, "\n### %s\n\n```text\n%s\n```\n\n- why: %s\n- fix: %s\n", name(r.what), strings.Join(examples[i], "\n"), name(r.why), name(r.fix))
			if examples[i] == nil {
				t.Errorf("%q has no output in the test that is told by it", r.what)
			}
		}
	}
	golden.Check(t, "../../docs/messages.md", b.String())
}

// told is the row by which a step is explained, and the line of its output that has the words.
func told(s Step) (row int, line string) {
	lines := linesOf(s)
	for i, r := range table {
		if r.stages != nil && !slices.Contains(r.stages, s.Stage) {
			continue
		}
		for _, line := range lines {
			if r.words().MatchString(line) {
				return i, line
			}
		}
	}
	return -1, ""
}
