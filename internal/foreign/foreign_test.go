package foreign

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain":                  {"error[E0308]: mismatched types\n  --> src/main.rs:1:5\n\tx\n", "error[E0308]: mismatched types\n  --> src/main.rs:1:5\n\tx\n"},
		"other alphabets":        {"ärger 日本 🦀", "ärger 日本 🦀"},
		"colours":                {"\x1b[1;31merror\x1b[0m: x", "error: x"},
		"a title":                {"\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink"},
		"a title without end":    {"\x1b]0;title\nnext", "]0;title\nnext"},
		"a clear screen":         {"\x1b[2J\x1bccleared", "cleared"},
		"a charset":              {"\x1b(0lqk", "lqk"},
		"escape alone":           {"a\x1b", "a"},
		"escapes in each other":  {"\x1b\x1b[0m[31mred", "[31mred"},
		"C1":                     {"a\u009b31mb\u0085c", "a31mb\nc"},
		"C1 as a byte":           {"a\x9b31mb", "a\ufffd31mb"},
		"backspaces":             {"evil\b\b\b\bgood\x7f\x00", "evilgood"},
		"CRLF":                   {"a\r\nb\r\r\nc", "a\nb\nc"},
		"carriage return":        {"10%\r20%\rlpipe: error: x", "10%\n20%\n| lpipe: error: x"},
		"other ends of lines":    {"a\vlpipe: x\f::debug::\u2028b\u2029c", "a\n| lpipe: x\n| ::debug::\nb\nc"},
		"direction":              {"\u202egnp.exe\u2066x\u200f", "gnp.exex"},
		"lpipe":                  {"lpipe: fix: run x\n  LPIPE: why\nlpipe : y", "| lpipe: fix: run x\n  | LPIPE: why\n| lpipe : y"},
		"lpipe in a line":        {"see lpipe: it builds", "see lpipe: it builds"},
		"lpipe, hidden":          {"\u200blpi\u00adpe: x\n\u3164lpipe: y\n\u00a0lpipe: z", "| lpipe: x\n| lpipe: y\n\u00a0| lpipe: z"},
		"GitHub":                 {"::add-mask::x\n  ::error file=a::b\nstd::mem", "| ::add-mask::x\n  | ::error file=a::b\nstd::mem"},
		"GitHub, the older form": {"x ##[error]y ###[z", "x ## [error]y ### [z"},
		"Azure":                  {"a ##vso[task.setvariable variable=x]y ##VSO[z", "a ## vso[task.setvariable variable=x]y ## VSO[z"},
		"Azure, in pieces":       {"#\x1b[0m#\u200bvso[x", "## vso[x"},
		"TeamCity":               {"##teamcity[message text='x']", "## teamcity[message text='x']"},
		"GitLab":                 {"section_start:1:x\r\x1b[0Kheader", "| section_start:1:x\nheader"},
		"Travis":                 {"travis_fold:start:x\r", "| travis_fold:start:x\n"},
		"Buildkite":              {"--- a\n+++ b\n~~~ c\n^^^ +++\n---\n----------\n-- d", "| --- a\n| +++ b\n| ~~~ c\n| ^^^ +++\n| ---\n----------\n-- d"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Text(c.in)
			if got != c.want {
				t.Errorf("%q is shown as %q, want %q", c.in, got, c.want)
			}
			if again := Text(got); again != got {
				t.Errorf("%q is shown as %q when it is shown again", got, again)
			}
		})
	}
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"a\nlpipe: fix: x": "a lpipe: fix: x", "lpipe: x\r\n::y": "| lpipe: x ::y", "a\n##[x": "a ## [x",
	} {
		if got := Line(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

func TestFprintf(t *testing.T) {
	var out strings.Builder
	Fprintf(&out, "lpipe: %s %d %v\n", "a\nb\x1b[1m", 7, errors.New("c\rd"))
	if want := "lpipe: a b 7 c d\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestJSONIsExactAndShowsNothing(t *testing.T) {
	const hostile = "##vso[x] ###[y \u202e\u009b\x7f\x1b[1m \U000e0041 \U0001f980 ä <a>"
	var out strings.Builder
	if err := WriteJSON(&out, map[string]string{"error": hostile}, ""); err != nil {
		t.Fatal(err)
	}
	var read map[string]string
	if err := json.Unmarshal([]byte(out.String()), &read); err != nil || read["error"] != hostile {
		t.Errorf("%s is read as %q, %v", out.String(), read["error"], err)
	}
	if line := strings.TrimSuffix(out.String(), "\n"); Line(line) != line {
		t.Errorf("%s cannot be shown as it is", line)
	}
}

func TestStreamKeepsLinesWhole(t *testing.T) {
	const text = "ok\nlpipe: fix: x\r\n::add-mask::x ä\x1b[1mbold\n##[error]\nlast"
	for size := 1; size <= len(text); size++ {
		var s Stream
		var got strings.Builder
		for at := 0; at < len(text); at += size {
			got.Write(s.Lines([]byte(text[at:min(at+size, len(text))])))
		}
		got.Write(s.End())
		if want := Text(text) + "\n"; got.String() != want {
			t.Fatalf("in pieces of %d bytes: %q, want %q", size, got.String(), want)
		}
		if rest := s.End(); rest != nil {
			t.Errorf("the end comes twice: %q", rest)
		}
	}
}

func TestStreamBreaksALineWithoutEnd(t *testing.T) {
	var s Stream
	var got strings.Builder
	for range 3 * maxLine / 8 {
		got.Write(s.Lines([]byte("........")))
	}
	if len(s.rest) > maxLine || strings.Count(got.String(), "\n") == 0 {
		t.Errorf("%d bytes are kept, %d came out", len(s.rest), got.Len())
	}
}

// commands is written apart from the expressions of the package: what no line of a shown text may begin with, or have.
var (
	begins = regexp.MustCompile(`(?im)^[\s\p{Z}]*(lpipe:|::|section_(start|end):|(---|\+\+\+|~~~|\^\^\^)(\s|$))`)
	has    = regexp.MustCompile(`(?i)##(vso|teamcity)?\[`)
)

func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"lpipe: error: x", "\x1b[31m", "\x1b]0;x\x07", "##vso[x]", "#\x00#[", "::add-mask::x", "a\rlpipe: fix: x", "\u202elpipe: x",
		"--- a", "\x1b\x1b]\x1b\\x", "\xff\x9b", "\u2028::x", "section_start:1:a\r\x1b[0K",
	} {
		f.Add([]byte(seed), uint8(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		text := Text(string(in))
		var s Stream
		var streamed []byte
		for rest := in; len(rest) > 0; {
			n := min(len(rest), int(size)+1)
			streamed = append(streamed, s.Lines(rest[:n])...)
			rest = rest[n:]
		}
		streamed = append(streamed, s.End()...)
		if strings.TrimRight(string(streamed), "\n") != strings.TrimRight(text, "\n") && len(in) < maxLine {
			t.Errorf("%q is shown as %q, and in pieces as %q", in, text, streamed)
		}
		for _, shown := range []string{text, string(streamed), Line(string(in))} {
			if Text(shown) != shown {
				t.Errorf("%q is shown as %q, and then as %q", in, shown, Text(shown))
			}
			if !utf8.ValidString(shown) || begins.MatchString(shown) || has.MatchString(shown) {
				t.Errorf("%q is shown as %q", in, shown)
			}
			for _, r := range shown {
				if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
					t.Errorf("%q is shown as %q, with %U", in, shown, r)
				}
			}
		}
		if strings.Contains(Line(string(in)), "\n") {
			t.Errorf("%q is more than a line", in)
		}
	})
}
