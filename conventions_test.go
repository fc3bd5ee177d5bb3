package lpipe_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)\w+)\(`)
	testName     = regexp.MustCompile("`((?:Test|Fuzz)\\w+|[a-z][\\w-]*\\.txtar)`")
)

// TestDocsNameTests: a table of docs says which tests show what it promises, and each of them is there.
func TestDocsNameTests(t *testing.T) {
	tests := map[string]bool{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.HasSuffix(name, ".txtar") && strings.HasPrefix(name, "testdata/script/"):
			tests[d.Name()] = true
		case strings.HasSuffix(name, "_test.go"):
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			for _, match := range testFunction.FindAllStringSubmatch(string(data), -1) {
				tests[match[1]] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"docs/conventions.md", "docs/security.md"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		named := 0
		for line := range strings.Lines(string(data)) {
			names := testName.FindAllStringSubmatch(line, -1)
			if row := strings.HasPrefix(line, "| ") && file == "docs/conventions.md"; row && len(names) == 0 && !strings.HasPrefix(line, "| convention") {
				t.Errorf("%s: no test shows %s", file, line)
			}
			for _, name := range names {
				named++
				if !tests[name[1]] {
					t.Errorf("%s: there is no test %s", file, name[1])
				}
			}
		}
		if named == 0 {
			t.Errorf("%s names no tests", file)
		}
	}
}
