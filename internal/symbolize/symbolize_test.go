package symbolize

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lpipe/internal/testparts/require"
)

// tracedC prints the addresses that its calls return to, as Rust's standard library does.
const tracedC = `#include <stdio.h>
static int n;
static void say(void *at) { printf("%4d:     %p - <unknown>\n", n++, at); }
__attribute__((noinline)) int inner(int x) { say(__builtin_return_address(0)); return x + n; }
static inline int hidden(int x) { return inner(x) + 2; }
__attribute__((noinline)) int middle(int x) { int y = hidden(x) + 1; say(__builtin_return_address(0)); return y; }
__attribute__((noinline)) int outer(int (*f)(int)) { int y = f(4) + 1; say(__builtin_return_address(0)); return y; }
int main(int argc, char **argv) { int (*volatile f)(int) = middle; return outer(f) + outer(f) == 0; }
`

// traced compiles the program and returns it with its symbols, without them, and what it prints.
func traced(t testing.TB, flags ...string) (debug, stripped []byte, printed string) {
	t.Helper()
	for _, name := range []string{"gcc", "strip"} {
		_, err := exec.LookPath(name)
		require.Part(t, err == nil, name, "apt-get install gcc")
	}
	dir := t.TempDir()
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return string(out)
	}
	if err := os.WriteFile(filepath.Join(dir, "traced.c"), []byte(tracedC), 0o644); err != nil {
		t.Fatal(err)
	}
	run("gcc", append(flags, "-O1", "-g", "-fno-optimize-sibling-calls", "-Wl,--build-id=sha1", "-o", "traced", "traced.c")...)
	run("strip", "-s", "-o", "stripped", "traced")
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	return read("traced"), read("stripped"), "thread 'main' panicked at x.rs:1:2:\nstack backtrace:\n" + run("./stripped") + "and more\n"
}

// TestAddressesBecomeLines wherever the kernel loads the program: as one at a fixed place, and as one that may lie anywhere.
func TestAddressesBecomeLines(t *testing.T) {
	for _, kind := range []string{"-pie", "-no-pie", "-static-pie"} {
		debug, stripped, printed := traced(t, kind)
		p, err := Open(debug)
		if err != nil {
			t.Fatal(err)
		}
		r := p.Text(printed)
		for _, want := range []string{
			`(?m)^   0: hidden\n +at .*traced\.c:5\n +middle\n +at .*traced\.c:6$`, `(?m)^   1: outer\n +at .*traced\.c:7$`, `(?m)^   2: main\n +at .*traced\.c:8$`,
			`^thread 'main' panicked at x\.rs:1:2:\nstack backtrace:\n`, `and more\n$`,
		} {
			if !regexp.MustCompile(want).MatchString(r.Text) {
				t.Errorf("%s: %s is not in\n%s\n%v of\n%s", kind, want, r.Text, r.Notes, printed)
			}
		}
		bare, err := Open(stripped)
		if err != ErrStripped || bare.BuildID() == "" || bare.BuildID() != p.BuildID() {
			t.Errorf("%s: %v, build-id %s and %s", kind, err, bare.BuildID(), p.BuildID())
		}
	}
}

func TestWhatCannotBeTold(t *testing.T) {
	debug, _, printed := traced(t, "-pie")
	p, err := Open(debug)
	if err != nil {
		t.Fatal(err)
	}
	first := regexp.MustCompile(`0x[0-9a-f]+`).FindString(printed)
	for want, text := range map[string]string{
		"RUST_BACKTRACE=full": "stack backtrace:\nnote: Some details are omitted\n", "no backtrace": "words\n",
		"needed": "   0:     " + first + " - <unknown>\n",
		"is of another one": "   0:     0x7f0000000123 - <unknown>\n   1:     0x7f1000000456 - <unknown>\n   2:     0x7f2000000789 - <unknown>\n" +
			"   3:     0x7f3000000abc - <unknown>\n   4:     0x7f4000000def - <unknown>\n   5:     0x7f5000000135 - <unknown>\n",
	} {
		r := p.Text(text)
		if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], want) || r.Text != text {
			t.Errorf("%s: %q, %q", want, r.Notes, r.Text)
		}
	}
	// A JSON log has the backtrace on one line.
	if r := p.Text(`{"message":"` + strings.ReplaceAll(printed, "\n", `\n`) + `"}`); !strings.Contains(r.Text, "middle") {
		t.Errorf("%s, %q", r.Text, r.Notes)
	}
}

func TestCallsOfX86(t *testing.T) {
	for code, want := range map[string]bool{
		"\xe8\x00\x00\x00\x00": true, "\xff\xd0": true, "\x41\xff\xd4": true, "\xff\x50\x18": true, "\xff\x14\x24": true, "\xff\x15\x01\x02\x03\x04": true,
		"\xff\x94\x24\x01\x02\x03\x04": true, "\xff\x54\x24\x08": true, "\xff\x14\x25\x01\x02\x03\x04": true, "\x90\x90": false, "\xff\xe0": false, "": false, "\xff": false,
	} {
		if got := callX86([]byte(code)); got != want {
			t.Errorf("%x: %t", code, got)
		}
	}
}

// FuzzOpen: whatever the file is, its addresses can be asked about.
func FuzzOpen(f *testing.F) {
	debug, stripped, _ := traced(f, "-static-pie")
	f.Add(debug, uint64(0x1200))
	f.Add(stripped, uint64(0x1200))
	f.Add([]byte("\x7fELF"), uint64(1))
	f.Fuzz(func(t *testing.T, data []byte, at uint64) {
		p, err := Open(data)
		if p == nil {
			return
		}
		if err == nil {
			p.At(at)
		}
		_, _, _ = p.Base([]uint64{at, at + 1})
		p.BuildID()
	})
}

// FuzzText: whatever a log holds, no line of it that is no frame is lost.
func FuzzText(f *testing.F) {
	debug, _, printed := traced(f, "-pie")
	p, err := Open(debug)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(printed)
	f.Add("0: 0x0 - \n1:\t0xffffffffffffffff - x\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := p.Text(text)
		if r.Backtraces == 0 && r.Text != text && !strings.Contains(text, `\n`) {
			t.Errorf("%q became %q", text, r.Text)
		}
	})
}
