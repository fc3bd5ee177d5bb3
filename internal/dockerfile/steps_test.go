package dockerfile

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"lpipe"
)

// lines returns the part of the template from the line that begins with first to the one that begins with last.
func lines(t testing.TB, first, last string) string {
	t.Helper()
	_, rest, ok := strings.Cut(lpipe.Dockerfile, "\n"+first)
	part, end, ends := strings.Cut(first+rest, "\n"+last)
	if first == last {
		part, end, ends = "", rest, true
	}
	if !ok || !ends {
		t.Fatalf("the template has no lines from %q to %q", first, last)
	}
	end, _, _ = strings.Cut(end, "\n")
	return strings.TrimPrefix(part+"\n"+last+end+"\n", "\n")
}

// part is a file that the template includes.
func part(t testing.TB, name string) string {
	t.Helper()
	text, err := include(name)
	if err != nil {
		t.Fatal(err)
	}
	return text + "\n"
}

// inFolder runs a part of the template with the folders of a step below dir.
func inFolder(t testing.TB, shell, dir, script string) error {
	t.Helper()
	for _, folder := range []string{"tmp", "out"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
		script = strings.ReplaceAll(script, "/"+folder+"/", dir+"/"+folder+"/")
	}
	return exec.CommandContext(t.Context(), shell, "-euc", script).Run()
}

// testLine is what cargo's tests end with.
var testLine = regexp.MustCompile(`^test result: [a-zA-Z]+\. ([0-9]+) passed; ([0-9]+) failed; ([0-9]+) ignored; `)

// FuzzTestCounts: whatever tests print, the step "test" writes the sum of the lines that cargo's tests end with.
func FuzzTestCounts(f *testing.F) {
	for _, seed := range []string{
		"", "test a ... ok\n\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n",
		"test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\ntest result: FAILED. 2 passed; 5 failed; 0 ignored; x\n",
		"test result: ok. 1e999 passed; nan failed; 0x10 ignored; \n", "test result: ok. -1 passed; 0 failed; 0 ignored; 0\n",
		"test result: ok. 99999999999999999999 passed; 0 failed; 0 ignored; 0\n", "x test result: ok. 1 passed; 0 failed; 0 ignored; 0\n",
		"test result: ok. 9999999999 passed; 0 failed; 0 ignored; 0\n",
		"test result: ok. 1 passed; 0 failed; 0 ignored; \r\n\x00\xff", "test result: ok.  1 passed; 0 failed; 0 ignored; 0\n",
	} {
		f.Add(seed)
	}
	script := part(f, "test.sh") + "count_tests t '' u\n"
	f.Fuzz(func(t *testing.T, printed string) {
		if strings.Contains(printed, "\x00") {
			return // where a line ends for an awk differs
		}
		dir := t.TempDir()
		want := [3]int64{}
		for line := range strings.SplitSeq(printed, "\n") {
			m := testLine.FindStringSubmatch(line)
			if m == nil || max(len(m[1]), len(m[2]), len(m[3])) > 15 {
				continue
			}
			for i := range want {
				n, err := strconv.ParseInt(m[i+1], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				if want[i] += n; want[i] > 1<<53 {
					return // awk adds them as floating-point numbers
				}
			}
		}
		if err := os.MkdirAll(filepath.Join(dir, "out"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "out/printed"), []byte(printed), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := inFolder(t, "sh", dir, script); err != nil {
			t.Fatal(err)
		}
		written, err := os.ReadFile(filepath.Join(dir, "out/tests.json"))
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Passed, Failed, Ignored *int64 }
		if err := json.Unmarshal(written, &got); err != nil || got.Passed == nil || got.Failed == nil || got.Ignored == nil {
			t.Fatalf("%q: %v", written, err)
		}
		if sum := [3]int64{*got.Passed, *got.Failed, *got.Ignored}; sum != want {
			t.Errorf("of %q the step counts %v, want %v", printed, sum, want)
		}
	})
}

// FuzzExecutable: whatever stands between cargo's messages, the step "build" takes the program that they name, and
// nothing where they name several or none.
func FuzzExecutable(f *testing.F) {
	for _, seed := range []string{"", "noise\n", `{"reason":"x"}` + "\n", `{"executable":null}` + "\n", `{"a":"\"executable\":\"/etc/passwd\""}` + "\n"} {
		f.Add(seed)
	}
	script := lines(f, `grep -e '"executable"`, "printf '{\"reason\":\"lpipe-program\"")
	f.Fuzz(func(t *testing.T, noise string) {
		dir := t.TempDir()
		for _, folder := range []string{"tmp", "out", "target"} {
			if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		program := filepath.Join(dir, "target", "program")
		if err := os.WriteFile(program, []byte("the program"), 0o755); err != nil {
			t.Fatal(err)
		}
		messages := noise + "\n" + `{"reason":"compiler-artifact","executable":"` + program + `"}` + "\n" + `{"reason":"build-finished","success":true}` + "\n"
		if err := os.WriteFile(filepath.Join(dir, "tmp/messages"), []byte(messages), 0o644); err != nil {
			t.Fatal(err)
		}
		err := inFolder(t, "sh", dir, script)
		taken, _ := os.ReadFile(filepath.Join(dir, "out/bootstrap"))
		named := strings.Contains(noise, `"executable":"`) || strings.ContainsAny(noise, "\x00")
		if !named && (err != nil || string(taken) != "the program") {
			t.Errorf("%v, taken is %q", err, taken)
		}
		if err == nil && string(taken) != "the program" {
			t.Errorf("a program was taken that no message names: %q", taken)
		}
	})
}
