package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
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
lpipe: error: cannot reach BuildKit
lpipe: why:   file does not exist
lpipe: fix:   start it
              or choose another
lpipe: error: plain
test a ... FAILED
lpipe: error: tests of echo failed
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
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

func TestNearest(t *testing.T) {
	known := []string{"features", "profile", "packages", "arch"}
	for word, want := range map[string]string{
		"feature": "features", "proflie": "profile", "Packages": "packages", "zzz": "", "arhc": "arch",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
