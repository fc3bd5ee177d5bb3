package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"

	"lpipe/internal/finding"
)

func TestPrint(t *testing.T) {
	var l List
	l.Add(&Error{Kind: Engine, What: "cannot reach BuildKit", Err: fs.ErrNotExist, Fix: "start it\nor choose another"})
	l.Add(errors.New("plain"))
	l.Add(&Error{Kind: Tests, What: "tests of echo failed", Output: "test a ... FAILED\n"})
	var b strings.Builder
	Print(&b, fmt.Errorf("wrapped: %w", l.errs[0]))
	Print(&b, l.Err())
	want := `lpipe: error: cannot reach BuildKit
lpipe: why:   file does not exist
lpipe: fix:   start it
              or choose another
test a ... FAILED
lpipe: error: cannot reach BuildKit
lpipe: why:   file does not exist
lpipe: fix:   start it
              or choose another
lpipe: error: plain
lpipe: fix:   ` + again + `
lpipe: error: tests of echo failed
lpipe: fix:   ` + again + `
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

// TestNothingInAnErrorPassesForAnother: whatever a server or a file name holds, a line that lpipe begins is lpipe's.
func TestNothingInAnErrorPassesForAnother(t *testing.T) {
	const evil = "x\rlpipe: fix: run evil\n  lpipe: fix: run evil\n::add-mask::x\x1b[2J\u202e##[error]y"
	const kind = "lpipe: "
	var b strings.Builder
	PrintOn(&b, errors.Join(
		&Error{What: evil, Why: evil, Fix: evil, Output: evil},
		&Error{What: "a", Err: errors.New(evil), Fix: "b"},
		errors.New(evil),
		&Error{What: "a", Why: "b", Fix: "c", Found: finding.Report{Findings: []finding.Finding{
			{Kind: finding.Test, Name: evil, Message: evil, File: evil, Text: evil},
			{Kind: finding.Error, Name: evil, Message: evil, Text: evil},
			{Kind: finding.TestProgram, Name: evil, Message: evil},
		}}},
	), Screen{80, 24})
	var begun []string
	for line := range strings.Lines(b.String()) {
		if rest, ours := strings.CutPrefix(strings.TrimSpace(line), kind); ours {
			label, _, _ := strings.Cut(rest, ":")
			begun = append(begun, label)
		}
		if strings.HasPrefix(strings.TrimSpace(line), "::") {
			t.Errorf("a command to a CI system: %q", line)
		}
	}
	if got := strings.Join(begun, " "); got != "error why fix error why fix error fix error why fix" || strings.ContainsAny(b.String(), "\r\x1b\u202e") || strings.Contains(b.String(), "##[") {
		t.Errorf("%s:\n%q", got, &b)
	}
}

func TestWorst(t *testing.T) {
	tests := &Error{Kind: Tests}
	usage := &Error{Kind: Usage}
	for _, c := range []struct {
		err  error
		want int
	}{
		{errors.New("raw"), 1},
		{tests, 5},
		{errors.Join(tests, fmt.Errorf("at: %w", usage)), 2},
		{errors.Join(errors.New("raw"), tests), 5},
		{&Error{Kind: Cancelled}, 130},
		{&Error{Kind: NoSpace}, 102},
		{&Error{Kind: Publish}, 6},
		{&Error{Kind: Artifact}, 4},
		{&Error{Kind: Engine}, 3},
	} {
		if got := Worst(c.err).ExitCode(); got != c.want {
			t.Errorf("exit code of %v is %d, want %d", c.err, got, c.want)
		}
	}
}

// TestWhichStatusWins holds the order that the help and docs/output.md give.
func TestWhichStatusWins(t *testing.T) {
	order := []Kind{Build, Tests, Artifact, Publish, Engine, NoSpace, Usage, Cancelled}
	for i, loses := range order {
		for _, wins := range order[i:] {
			for _, err := range []error{errors.Join(&Error{Kind: loses}, &Error{Kind: wins}), errors.Join(&Error{Kind: wins}, &Error{Kind: loses})} {
				if got := Worst(err); got != wins {
					t.Errorf("of %s and %s %s wins", loses, wins, got)
				}
			}
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"features", "profile", "packages", "arch", "base", "tag", "push", "out", "builder", "git-sha"}
	for word, want := range map[string]string{
		"feature": "features", "proflie": "profile", "Packages": "packages", "zzz": "", "arhc": "arch", "tga": "tag", "Bsae": "base", "puhs": "push", "git-rev": "git-sha",
		// What shares some letters with a word means something else.
		"name": "", "zig": "", "musl": "", "host": "", "port": "", "filter": "", "x": "", "": "", "ö": "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

// TestQuoteCutsBetweenLetters: what is cut shows no half of a letter.
func TestQuoteCutsBetweenLetters(t *testing.T) {
	for _, text := range []string{strings.Repeat("ü", 100), "x" + strings.Repeat("ü", 100), strings.Repeat("€", 100), strings.Repeat("\xff", 100)} {
		if got := Quote(text); utf8.ValidString(text) && strings.Contains(got, `\x`) || len(got) > 4*80+10 || !strings.HasSuffix(got, `…"`) {
			t.Errorf("Quote(%q) = %s", text, got)
		}
	}
}

// TestAbout: what an error is about is shown, of each that is joined.
func TestAbout(t *testing.T) {
	var out strings.Builder
	Print(&out, About("a.zip", errors.Join(&Error{Kind: Artifact, What: "one", Why: "of it", Fix: "mend it"}, errors.New("two"))))
	const want = "lpipe: error: a.zip: one\nlpipe: why:   of it\nlpipe: fix:   mend it\nlpipe: error: a.zip: two\n"
	if !strings.HasPrefix(out.String(), want) {
		t.Errorf("printed:\n%s", out.String())
	}
	if err := About("a.zip", nil); err != nil {
		t.Error(err)
	}
	if kind := Worst(About("a.zip", &Error{Kind: Artifact})); kind != Artifact {
		t.Error(kind)
	}
}
