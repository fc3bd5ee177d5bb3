package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"lpipe/internal/testparts/require"
)

// event is a line of go test -json: https://pkg.go.dev/cmd/test2json
type event struct {
	Action        string // of a test or a package: "output", "pass", "fail", "skip", …
	Package, Test string
	Output        string
	Elapsed       float64 // seconds, of what ended
}

// leftOut is how a test or a script says that it is left out, and not what a program under test says in such words.
var leftOut = regexp.MustCompile(`(?m)^\s*(\S+\.go:\d+|stop): ` + regexp.QuoteMeta(require.LeftOut))

// A test that took as long as this is named at the end, so that a person sees where a long run went.
const long = 10 * time.Second

// A took is a test and how long it ran, its waits for others that ran beside it included.
type took struct {
	name string
	time time.Duration
}

// suite is what the events so far say.
type suite struct {
	out           io.Writer
	output        map[string]*strings.Builder // of what has not ended, by package and test
	skipped, slow []string
	long          []took
	failed        bool
}

func newSuite(out io.Writer) *suite { return &suite{out: out, output: map[string]*strings.Builder{}} }

// line takes a line of go test -json. One that is no event is shown as it is.
func (s *suite) line(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		_, _ = s.out.Write(line)
		return
	}
	name := strings.TrimSpace(e.Package + " " + e.Test)
	switch e.Action {
	case "build-output":
		fmt.Fprint(s.out, e.Output)
	case "output":
		if s.output[name] == nil {
			s.output[name] = &strings.Builder{}
		}
		s.output[name].WriteString(e.Output)
		if leftOut.MatchString(e.Output) && e.Test != "" && !slices.Contains(s.slow, name) {
			s.slow = append(s.slow, name)
		}
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.ended(e)
			return
		}
		if e.Action == "skip" {
			s.skipped = append(s.skipped, name)
		}
		if elapsed := time.Duration(e.Elapsed * float64(time.Second)); elapsed >= long {
			s.long = append(s.long, took{name, elapsed})
		}
		if e.Action != "pass" {
			s.show(name)
		}
		delete(s.output, name)
	}
}

// ended is the end of a package. What its program was at when it crashed has no end of its own.
func (s *suite) ended(e event) {
	for _, name := range slices.Sorted(maps.Keys(s.output)) {
		if !strings.HasPrefix(name, e.Package+" ") {
			continue
		}
		if e.Action == "fail" {
			s.show(name)
		}
		delete(s.output, name)
	}
	if e.Action == "fail" {
		s.failed = true
		s.show(e.Package)
	} else if text := s.output[e.Package]; text != nil {
		// The last line is the result, the others are what the package printed outside of tests.
		lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
		fmt.Fprintln(s.out, lines[len(lines)-1])
	}
	delete(s.output, e.Package)
}

func (s *suite) show(name string) {
	if text := s.output[name]; text != nil {
		fmt.Fprint(s.out, text)
	}
}

// end names what took long and what did not run. The error says that a test failed or skipped.
func (s *suite) end() error {
	slices.SortStableFunc(s.long, func(a, b took) int { return cmp.Compare(b.time, a.time) })
	for _, t := range s.long {
		if !slices.ContainsFunc(s.long, func(other took) bool { return strings.HasPrefix(other.name, t.name+"/") }) {
			fmt.Fprintf(s.out, "took %.0f s: %s\n", t.time.Seconds(), t.name)
		}
	}
	for _, name := range s.slow {
		fmt.Fprintln(s.out, require.LeftOut+name)
	}
	switch {
	case len(s.skipped) > 0:
		return fmt.Errorf("skipped, where all parts are required:\n\t%s", strings.Join(s.skipped, "\n\t"))
	case s.failed:
		return errors.New("a test failed")
	}
	return nil
}
