package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSuiteOverARealModule runs go test on packages that end in every way there is.
func TestSuiteOverARealModule(t *testing.T) {
	for _, c := range []struct {
		name, source, err string
		want              []string // patterns that the output has
		lacks             []string
	}{
		{
			"pass", `func TestA(t *testing.T) { t.Log("quiet"); fmt.Println("a line") }`, "",
			[]string{`^ok  \tm\t`},
			[]string{"quiet", "a line", "PASS"},
		},
		{
			"skip", `func TestA(t *testing.T) { t.Run("sub", func(t *testing.T) { t.Skip("no runc here") }) }`,
			"skipped, where all parts are required:\n\tm TestA/sub",
			[]string{`no runc here`, `^--- SKIP: TestA/sub`, `^ok  \tm\t`},
			nil,
		},
		{
			"fail", `func TestA(t *testing.T) { t.Run("good", func(t *testing.T) { t.Log("quiet") }); t.Run("bad", func(t *testing.T) { t.Error("wrong") }) }`,
			"a test failed",
			[]string{`x_test.go:[0-9]+: wrong`, `^--- FAIL: TestA/bad`, `^--- FAIL: TestA`, `^FAIL\tm\t`},
			[]string{"quiet"},
		},
		{
			"crash", `func TestA(t *testing.T) { t.Log("before"); go panic("crashed"); select {} }`, "a test failed",
			[]string{`before`, `panic: crashed`, `^FAIL\tm\t`},
			nil,
		},
		{
			"hang", `func TestA(t *testing.T) { fmt.Println("before"); select {} }`, "a test failed",
			[]string{`before`, `panic: test timed out`, `^FAIL\tm\t`},
			nil,
		},
		{
			"no build", `func TestA(t *testing.T) { undefined() }`, "a test failed",
			[]string{`x_test.go:[0-9:]+: undefined: undefined`, `^FAIL\tm \[build failed\]`},
			nil,
		},
		{
			"slow", `func TestA(t *testing.T) { t.Log("left out: it takes long") }`, "",
			[]string{`^ok  \tm\t`, `^left out: m TestA$`},
			nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "go.mod", "module m\n")
			write(t, dir, "x_test.go", "package m\n\nimport (\n\t\"fmt\"\n\t\"testing\"\n)\n\nvar _ = fmt.Sprint\n\n"+c.source+"\n")
			t.Chdir(dir)
			var out strings.Builder
			err := run([]string{"-timeout", "2s", "./..."}, &out)
			if got := text(err); got != c.err {
				t.Errorf("error %q, want %q", got, c.err)
			}
			for _, pattern := range c.want {
				if !regexp.MustCompile("(?m)" + pattern).MatchString(out.String()) {
					t.Errorf("lacks %q", pattern)
				}
			}
			for _, part := range c.lacks {
				if strings.Contains(out.String(), part) {
					t.Errorf("has %q", part)
				}
			}
			if t.Failed() {
				t.Log(out.String())
			}
		})
	}
}

func TestASuiteThatCannotStartFails(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := run([]string{"./..."}, &strings.Builder{}); err == nil {
		t.Error("no module, and no error")
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestWhatTookLongIsNamed: the longest first, and a test with parts only by its parts.
func TestWhatTookLongIsNamed(t *testing.T) {
	var out strings.Builder
	s := newSuite(&out)
	for _, line := range []string{
		`{"Action":"pass","Package":"m","Test":"TestA/one","Elapsed":12}`,
		`{"Action":"pass","Package":"m","Test":"TestA/two","Elapsed":2}`,
		`{"Action":"pass","Package":"m","Test":"TestA","Elapsed":14}`,
		`{"Action":"pass","Package":"m","Test":"TestB","Elapsed":70.4}`,
	} {
		s.line([]byte(line))
	}
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	if want := "took 70 s: m TestB\ntook 12 s: m TestA/one\n"; out.String() != want {
		t.Errorf("it prints %q, want %q", out.String(), want)
	}
}
