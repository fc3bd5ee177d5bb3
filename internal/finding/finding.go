// Package finding reads what cargo, rustc and Rust's tests print: which tests failed, what does not compile, what the
// compiler warns of, and where in the sources that is.
//
// All of it is text of others, as exact as it was read: who shows it does so by way of package foreign.
package finding

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Kind is what a finding is about.
type Kind string

// The kinds of findings.
const (
	Test        Kind = "test"         // a test that failed
	TestProgram Kind = "test-program" // a program of tests that ended without a word on which test failed
	Error       Kind = "error"        // what the compiler or the linker refused
	Warning     Kind = "warning"      // of the compiler
	BuildScript Kind = "build-script" // a build script that failed
)

// Finding is one thing that a person has to look at.
type Finding struct {
	Kind    Kind   `json:"kind"`
	Name    string `json:"name,omitempty"`    // of the test, of the test program as cargo's flags, of the error such as E0308, or of the package of the build script
	Package string `json:"package,omitempty"` // where cargo said which
	Suite   string `json:"suite,omitempty"`   // the program of tests, as of [Case]
	Message string `json:"message"`
	// File is a path as the compiler wrote it: relative to the root of the workspace, or absolute for what lies elsewhere. The
	// place is unset where nothing named one, or one of the standard library.
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Text   string `json:"text,omitempty"` // all that was printed about it
}

// Title says in a few words what the finding is about.
func (f Finding) Title() string {
	switch f.Kind {
	case Test:
		return f.Name
	case TestProgram:
		return "cargo test " + f.Name
	case BuildScript:
		return "the build script of " + f.Name
	case Error, Warning:
		if f.Name != "" {
			return string(f.Kind) + "[" + f.Name + "]"
		}
	}
	return string(f.Kind)
}

// Place is the finding's place as compilers write it, "" if there is none.
func (f Finding) Place() string {
	if f.File == "" {
		return ""
	}
	place := f.File
	for _, n := range []int{f.Line, f.Column} {
		if n == 0 {
			break
		}
		place += fmt.Sprintf(":%d", n)
	}
	return place
}

// Case is one test that ran, or was ignored.
type Case struct {
	Suite  string // the program of tests that it is part of
	Name   string
	Result string // "ok", "FAILED" or "ignored"
	Try    int    `json:",omitempty"` // of nextest, in which a test passed that had failed before, else 0
}

// Unit is something that did not compile.
type Unit struct {
	Package string
	Target  string // as cargo names it, such as `bin "api" test`; "" where it did not
}

// Report is all that was read.
type Report struct {
	Findings                []Finding
	More                    int       // how many findings there were beyond those
	Passed, Failed, Ignored int       // tests
	Warnings                []Finding // of build scripts, and of the compiler where tests failed
	Cases                   []Case
	Units                   []Unit // that did not compile
}

// Warnings reads what the compiler warned of, as rustc renders it: each warning once, in the order of their places.
func Warnings(text string) []Finding {
	r := &Reader{warnings: true}
	for line := range strings.SplitSeq(text, "\n") {
		r.Line(line)
	}
	return Distinct(r.Report().Findings)
}

// Distinct returns each finding once, in the order of their places.
func Distinct(all []Finding) []Finding {
	slices.SortStableFunc(all, comparePlaces)
	return slices.CompactFunc(all, func(a, b Finding) bool { return a.Text == b.Text && a.File == b.File })
}

// Cases reads the tests that passed from their lines, and those with which cargo names their programs.
func Cases(text string) []Case {
	var r Reader
	for line := range strings.SplitSeq(text, "\n") {
		r.Line(line)
	}
	return r.Report().Cases
}

// Errors is how many findings keep the project from being compiled.
func (r Report) Errors() (n int) {
	for _, f := range r.Findings {
		if f.Kind == Error || f.Kind == BuildScript {
			n++
		}
	}
	return n
}

// Script names a build script that failed, "" if none did.
func (r Report) Script() string {
	for _, f := range r.Findings {
		if f.Kind == BuildScript {
			return f.Title()
		}
	}
	return ""
}

// Macro reports whether a procedural macro panicked, in the compiler's words.
func (r Report) Macro() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Kind == Error && ofMacro().MatchString(f.Message) })
}

// Uncompiled says whether a program or library does not compile, and whether one with its unit tests does not: what is in
// folders of tests and benchmarks is neither.
func (r Report) Uncompiled() (program, unitTests bool) {
	for _, u := range r.Units {
		name, asTest := strings.CutSuffix(u.Target, " test")
		switch kind, _, _ := strings.Cut(name, " "); kind {
		case "lib", "bin", "example":
			program, unitTests = program || !asTest, unitTests || asTest
		}
	}
	return program, unitTests
}

func comparePlaces(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Text, b.Text))
}
