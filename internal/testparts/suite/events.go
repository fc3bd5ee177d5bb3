package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"lpipe/internal/testparts/require"
)

// event is a line of go test -json: https://pkg.go.dev/cmd/test2json
type event struct {
	Action        string // of a test or a package: "output", "pass", "fail", "skip", …
	Package, Test string
	Output        string
}

// suite is what the events so far say.
type suite struct {
	out           io.Writer
	output        map[string]*strings.Builder // of what has not ended, by package and test
	skipped, slow []string
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
		if strings.Contains(e.Output, require.LeftOut) && e.Test != "" {
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

// end names what did not run. The error says that a test failed or skipped.
func (s *suite) end() error {
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
