// Package fault is how lpipe tells a person what went wrong: what happened, why, and what to do about it.
//
// An [Error] carries the three sentences and a [Kind]; the kind alone decides the exit code. Errors without a
// kind are bugs or raw errors of a library; they count as [Build]. What failed in the project itself, such as a test, comes
// with the error as findings. Nothing here writes to a terminal: package cli prints with [Print].
package fault

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/agext/levenshtein"

	"lpipe/internal/finding"
)

// Kind groups errors by what the caller of lpipe can do about them.
type Kind int

// The kinds, in the order in which a run with several errors prefers them for its exit code: see [Worst].
const (
	Build     Kind = iota // a step of the build failed, such as a compile error
	Tests                 // the lambda's own tests failed
	Artifact              // the program was built and would not run on Lambda
	Publish               // the zip exists; pushing or exporting the image, or deploying, failed
	Engine                // no usable BuildKit, or it went away
	NoSpace               // a disk is full, here or on the engine
	Usage                 // a flag, lpipe.toml or a manifest is wrong
	Cancelled             // interrupted by the user
)

// kinds are the names of the kinds in JSON.
var kinds = [...]string{
	Build: "build", Tests: "tests", Artifact: "artifact", Publish: "publish", Engine: "engine", NoSpace: "no-space", Usage: "usage", Cancelled: "cancelled",
}

func (k Kind) String() string { return kinds[k] }

// ExitCode returns the exit status that the command's help documents for the kind.
func (k Kind) ExitCode() int {
	switch k {
	case Tests:
		return 5
	case Artifact:
		return 4
	case Publish:
		return 6
	case Engine:
		return 3
	case NoSpace:
		return 102
	case Usage:
		return 2
	case Cancelled:
		return 130
	default:
		return 1
	}
}

// Error is a mistake or failure in words for the person who ran lpipe: lower case, no full stop.
type Error struct {
	Kind Kind
	What string // what failed: "cannot reach BuildKit at tcp://build.internal:1234"
	Why  string // the cause; the text of Err when empty
	Fix  string // what to do; a command or a key where there is one
	// Output is text of another program (a compiler, a test run), printed before the message as package foreign shows it.
	Output string
	Found  finding.Report // what was read from the output of the step that failed, printed after Output
	Err    error          // the cause, for errors.Is and errors.As
}

func (e *Error) Error() string {
	if why := e.Reason(); why != "" {
		return e.What + ": " + why
	}
	return e.What
}

func (e *Error) Unwrap() error { return e.Err }

// Reason is why it failed, "" if nothing says so.
func (e *Error) Reason() string {
	if e.Why != "" {
		return e.Why
	}
	if e.Err != nil {
		return e.Err.Error()
	}
	return ""
}

// List collects mistakes, so that one run reports all of them. The zero value is empty and ready to use.
type List struct{ errs []error }

// Add appends err; nil adds nothing. A joined error is added as its parts.
func (l *List) Add(err error) {
	l.errs = append(l.errs, Parts(err)...)
}

// Addf appends a [Usage] error made of the three sentences.
func (l *List) Addf(what, why, fix string) {
	l.Add(&Error{Kind: Usage, What: what, Why: why, Fix: fix})
}

// Err returns nil when nothing was added, the error itself when there is one, and all of them joined otherwise.
func (l *List) Err() error {
	if len(l.errs) == 1 {
		return l.errs[0]
	}
	return errors.Join(l.errs...)
}

// Parts returns the errors that err joins, at any depth; err itself when it joins none; nothing for nil.
func Parts(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, Parts(e)...)
	}
	return all
}

// About says of each part of err what it is about, which a wrapped error would not show.
func About(subject string, err error) error {
	var l List
	for _, e := range Parts(err) {
		var f *Error
		if errors.As(e, &f) {
			about := *f
			about.What = subject + ": " + f.What
			e = &about
		} else {
			e = fmt.Errorf("%s: %w", subject, e)
		}
		l.Add(e)
	}
	return l.Err()
}

// Worst returns the kind that decides the exit code of a run that ended with err, which may join several
// errors: the one whose remedy comes first, so a wrong config outranks a failed test.
func Worst(err error) Kind {
	worst := Build
	for _, e := range Parts(err) {
		var f *Error
		if errors.As(e, &f) {
			worst = max(worst, f.Kind)
		}
	}
	return worst
}

// Quote returns s in quotes with control characters escaped, cut to a length that fits a message.
func Quote(s string) string {
	const most = 80
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%q", s[:end]+"…")
}

// Nearest returns the entry of known that is most like word, or "" when none is close: a third of its letters may differ, one
// more where both begin alike, one letter of a short word, or two neighbours may have changed places.
func Nearest(word string, known []string) string {
	const long = 6
	word = strings.ToLower(word)
	letters := utf8.RuneCountInString(word)
	best, bestCost := "", letters
	for _, k := range known {
		name := strings.ToLower(k)
		most := max(letters/3, 1)
		if letters >= long && strings.HasPrefix(name, word[:len(word)/2]) {
			most++
		}
		if c := distance(word, name); c <= most && c < bestCost {
			best, bestCost = k, c
		}
	}
	return best
}

// distance is how many letters differ; two that changed places count as one.
func distance(a, b string) int {
	for i := 1; len(a) == len(b) && i < len(a); i++ {
		if a[i-1] != a[i] && a[i-1] == b[i] && a[i] == b[i-1] && a[:i-1] == b[:i-1] && a[i+1:] == b[i+1:] {
			return 1
		}
	}
	return levenshtein.Distance(a, b, nil)
}
