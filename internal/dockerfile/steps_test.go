package dockerfile

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lpipe"
	"lpipe/internal/finding"
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

// FuzzNextest: what nextest writes of tests is read as if cargo test had run them, whatever a test printed, and whatever else is written.
func FuzzNextest(f *testing.F) {
	for _, seed := range []string{
		"", "said\n\nthread 'x' (1) panicked at a/src/lib.rs:4:47:\nit is \"wrong\"\n", "\x1b[1mbold\\n\\\\n\\u001b\r\n\x00\x01", "ä\u2028\t", `\\\`, `"}`, "{}\n",
		"test fails - should panic ... FAILED\n\nfailures:\n\n---- fails stdout ----\nnote: test did not panic\n\nfailures:\n    fails\n\ntest result: FAILED. 0 passed; 1 failed\n",
	} {
		f.Add(seed, seed)
	}
	script := part(f, "nextest.sh") + "as_cargo_test /out/events >/out/suites 2>/dev/null\n"
	f.Fuzz(func(t *testing.T, printed, noise string) {
		if strings.Contains(noise, `"type"`) || strings.Contains(noise, "\x00") {
			return
		}
		printed = strings.ToValidUTF8(printed, "?")
		events := noise + "\n" + `{"type":"test","event":"started","name":"a-b::it$works"}
{"type":"test","event":"started","name":"a-b::it$slow"}
{"type":"test","event":"started","name":"c::c$m::fails"}
{"type":"test","event":"failed","name":"c::c$m::fails#2","exec_time":0.1,"stdout":"` + escape(printed) + `"}
` + noise + "\n" + `{"type":"test","event":"ok","name":"a-b::it$works#3","exec_time":1}
`
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "out"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "out/events"), []byte(events), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := inFolder(t, "sh", dir, script); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "out/suites"))
		if err != nil {
			t.Fatal(err)
		}
		var r finding.Reader
		for line := range strings.SplitSeq(string(text), "\n") {
			r.Line(line)
		}
		got := r.Report()
		// A test can print what ends the list of its program's failures, under cargo test as well.
		for _, word := range []string{"failures:", "----", "test result", "error: ", "Warnings of the compiler"} {
			if strings.Contains(printed, word) {
				return
			}
		}
		want := []finding.Case{{Suite: "a-b::it", Name: "works", Result: "ok", Try: 3}, {Suite: "a-b::it", Name: "slow", Result: "ignored"}, {Suite: "c::c", Name: "m::fails", Result: "FAILED"}}
		if !slices.Equal(got.Cases, want) || got.Passed != 1 || got.Failed != 1 || got.Ignored != 1 {
			t.Fatalf("%+v of\n%s", got, text)
		}
		if len(got.Findings) != 1 || got.Findings[0].Name != "m::fails" || got.Findings[0].Package != "c" || got.Findings[0].Suite != "c::c" {
			t.Fatalf("%+v of\n%s", got.Findings, text)
		}
		for line := range strings.SplitSeq(got.Findings[0].Text, "\n") {
			if line != "it failed, and printed nothing" && !strings.Contains(visible(printed), strings.TrimRight(line, " ")) {
				t.Errorf("%q is nothing that was printed: %q", line, printed)
			}
		}
	})
}

// escape is a text in JSON as nextest writes it.
func escape(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		short, ok := map[byte]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`}[c]
		switch {
		case ok:
			b.WriteString(short)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// visible is what of a text the step keeps.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if r == 0x7f || r < ' ' && r != '\n' && r != '\t' && r != '\x1b' {
			return -1
		}
		return r
	}, text)
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
