package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"lpipe/internal/finding"
)

// failing is a run in which one lambda passes, one fails in its tests, and one does not compile.
func failing() Summary {
	test := finding.Finding{Kind: finding.Test, Name: "tests::adds", Package: "api", Suite: "api src/lib.rs", Message: "100% wrong:\n left, right", File: "src/lib.rs", Line: 3, Column: 9, Text: "said\n100% wrong:\n left, right"}
	twin := test
	twin.Suite, twin.Package, twin.File = "shared src/lib.rs", "shared", "/elsewhere/lib.rs"
	return Summary{
		Status: 5, Kind: "tests", Errors: []Error{{Kind: "tests", What: "the tests of api failed", Why: "2 of 4 tests failed", Fix: "correct them", Found: true}, {Kind: "usage", What: "bad, worse", Why: "x", Fix: "y"}},
		Lambdas: []Lambda{
			{Name: "api", Error: "the tests of api failed: 2 of 4 tests failed", Kind: "tests", Failures: []finding.Finding{
				test, twin, {Kind: finding.TestProgram, Name: "--test it", Suite: "it tests/it.rs", Message: "signal: 11"},
			}, Tests: &Tests{Passed: 1, Failed: 3, Ignored: 1}, Cases: []finding.Case{
				{Suite: "api src/lib.rs", Name: "tests::adds", Result: "FAILED"},
				{Suite: "api src/lib.rs", Name: "tests::works", Result: "ok"},
				{Suite: "api src/lib.rs", Name: "tests::slow", Result: "ignored"},
				{Suite: "shared src/lib.rs", Name: "tests::adds", Result: "FAILED"},
			}},
			{Name: "jobs", Error: "jobs does not compile: 1 error", Kind: "build", Failures: []finding.Finding{
				{Kind: finding.Error, Name: "E0308", Message: "mismatched types", File: "jobs/src/main.rs", Line: 7, Column: 2, Text: "error[E0308]: mismatched types\n --> jobs/src/main.rs:7:2"},
			}},
			{Name: "mail", Zip: "z", Tests: &Tests{Passed: 1}, Cases: []finding.Case{{Suite: "mail src/main.rs", Name: "sends", Result: "ok", Try: 2}}},
		},
		CompilerWarnings: []finding.Finding{{Kind: finding.Warning, Message: "unused variable: `x`", File: "mail/src/main.rs", Line: 2, Column: 5, Text: "warning: unused variable: `x`\n --> mail/src/main.rs:2:5"}},
	}
}

func inCheckout(file string) string {
	if strings.HasPrefix(file, "/") {
		return ""
	}
	return file
}

func TestAnnotations(t *testing.T) {
	var b strings.Builder
	Annotations(&b, failing(), inCheckout)
	const want = `::error title=error[usage]::bad, worse: x
::error title=tests%3A%3Aadds,file=src/lib.rs,line=3,col=9::100%25 wrong:%0A left, right
::error title=error[E0308],file=jobs/src/main.rs,line=7,col=2::mismatched types
::error title=tests%3A%3Aadds::100%25 wrong:%0A left, right
::error title=cargo test --test it::signal: 11
::warning title=warning,file=mail/src/main.rs,line=2,col=5::unused variable: ` + "`x`\n"
	if got := b.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestAnnotationsOfOthersAreText: no text of a test begins a command, or ends one.
func TestAnnotationsOfOthersAreText(t *testing.T) {
	const evil = "x,y:z\n::add-mask::x\r\n\x1b[1m##[error]%0A"
	var s Summary
	for range 2 * maxAnnotations {
		f := finding.Finding{Kind: finding.Test, Name: evil + strings.Repeat("x", len(s.Lambdas)), Message: evil, File: evil, Line: 1}
		s.Lambdas = append(s.Lambdas, Lambda{Failures: []finding.Finding{f}})
	}
	var b strings.Builder
	Annotations(&b, s, inCheckout)
	for line := range strings.Lines(b.String()) {
		properties, _, _ := strings.Cut(strings.TrimPrefix(line, "::error "), "::")
		if !strings.HasPrefix(line, "::error title=") || strings.Count(properties, ",") != 2 || strings.ContainsAny(line, "\r\x1b") || strings.Contains(line, "##[") {
			t.Errorf("%q", line)
		}
	}
	if n := strings.Count(b.String(), "\n"); n != maxAnnotations {
		t.Errorf("%d lines", n)
	}
}

func TestCodeQuality(t *testing.T) {
	read := func(s Summary) (all []problem) {
		var b bytes.Buffer
		if err := CodeQuality(&b, s, inCheckout); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b.Bytes(), &all); err != nil || all == nil {
			t.Fatalf("%v: %s", err, &b)
		}
		return all
	}
	s := failing()
	all := read(s)
	var got []string
	seen := map[string]bool{}
	for _, p := range all {
		got = append(got, fmt.Sprintf("%s %s %s:%d", p.Severity, p.CheckName, p.Location.Path, p.Location.Lines.Begin))
		if seen[p.Fingerprint] || len(p.Fingerprint) != 64 || p.Description == "" {
			t.Errorf("%+v", p)
		}
		seen[p.Fingerprint] = true
	}
	if want := "critical tests::adds src/lib.rs:3|critical error[E0308] jobs/src/main.rs:7|minor warning mail/src/main.rs:2"; strings.Join(got, "|") != want {
		t.Errorf("got %q", got)
	}
	s.CompilerWarnings[0].Line = 90
	s.CompilerWarnings = append(s.CompilerWarnings, s.CompilerWarnings[0])
	if again := read(s); again[2].Fingerprint != all[2].Fingerprint || again[3].Fingerprint == all[2].Fingerprint {
		t.Error("a problem that moved is another one, or two are one")
	}
	if len(read(Summary{})) != 0 {
		t.Error("there are problems in nothing")
	}
}

func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	if err := JUnit(&b, failing()); err != nil {
		t.Fatal(err)
	}
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="lpipe" tests="7" failures="3" errors="1" skipped="1">
  <testsuite name="api it tests/it.rs" tests="1" failures="1" errors="0" skipped="0">
    <testcase classname="api it tests/it.rs" name="cargo test --test it">
      <failure message="signal: 11"></failure>
    </testcase>
  </testsuite>
  <testsuite name="api api src/lib.rs" tests="3" failures="1" errors="0" skipped="1">
    <testcase classname="api api src/lib.rs" name="tests::adds" file="src/lib.rs" line="3">
      <failure message="100% wrong:&#xA; left, right">said&#xA;100% wrong:&#xA; left, right</failure>
    </testcase>
    <testcase classname="api api src/lib.rs" name="tests::works"></testcase>
    <testcase classname="api api src/lib.rs" name="tests::slow">
      <skipped></skipped>
    </testcase>
  </testsuite>
  <testsuite name="api shared src/lib.rs" tests="1" failures="1" errors="0" skipped="0">
    <testcase classname="api shared src/lib.rs" name="tests::adds" file="/elsewhere/lib.rs" line="3">
      <failure message="100% wrong:&#xA; left, right">said&#xA;100% wrong:&#xA; left, right</failure>
    </testcase>
  </testsuite>
  <testsuite name="jobs" tests="1" failures="0" errors="1" skipped="0">
    <testcase classname="jobs" name="build">
      <error message="jobs does not compile: 1 error">error[E0308]: mismatched types&#xA; --&gt; jobs/src/main.rs:7:2</error>
    </testcase>
  </testsuite>
  <testsuite name="mail mail src/main.rs" tests="1" failures="0" errors="0" skipped="0">
    <testcase classname="mail mail src/main.rs" name="sends">
      <flakyFailure message="it passed in try 2"></flakyFailure>
    </testcase>
  </testsuite>
</testsuites>
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestJUnitIsXML whatever a test is called and says.
func TestJUnitIsXML(t *testing.T) {
	const evil = "a\x00b\x1b[1m<![CDATA[]]>&\xff\ufffe\"'"
	s := Summary{Lambdas: []Lambda{{
		Name: evil, Error: evil, Failures: []finding.Finding{{Kind: finding.Test, Suite: evil, Name: evil, Message: evil, Text: evil}},
		Cases: []finding.Case{{Suite: evil, Name: evil, Result: "FAILED"}},
	}}}
	var b bytes.Buffer
	if err := JUnit(&b, s); err != nil {
		t.Fatal(err)
	}
	var read junitSuites
	if err := xml.Unmarshal(b.Bytes(), &read); err != nil || len(read.Suites) != 1 || read.Failures != 1 {
		t.Errorf("%v: %s", err, &b)
	}
}

func TestFailuresInJSON(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, failing()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"status":5,"kind":"tests","errors":[{"kind":"tests","what":"the tests of api failed","why":"2 of 4 tests failed","fix":"correct them"},`,
		`"error":"the tests of api failed: 2 of 4 tests failed","kind":"tests","failures":[{"kind":"test","name":"tests::adds","package":"api","suite":"api src/lib.rs",` +
			`"message":"100% wrong:\n left, right","file":"src/lib.rs","line":3,"column":9,"text":`,
		`"tests":{"passed":1,"failed":3,"ignored":1}`,
		`"compilerWarnings":[{"kind":"warning","message":"unused variable: ` + "`x`" + `","file":"mail/src/main.rs","line":2,"column":5,`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s is not in\n%s", want, &b)
		}
	}
}

func TestCompilerWarningsAreShownAndCounted(t *testing.T) {
	s := failing()
	s.CompilerWarnings = append(s.CompilerWarnings, finding.Finding{Kind: finding.Warning, Message: "quiet"})
	var b strings.Builder
	Text(&b, s)
	if got := b.String(); !strings.HasPrefix(got, "warning: unused variable: `x`\n --> mail/src/main.rs:2:5\n\napi: no result") || !strings.HasSuffix(got, "0 steps, 0 cached, 2 compiler warnings, 0s\n") {
		t.Errorf("got\n%s", got)
	}
	b.Reset()
	Markdown(&b, s, "")
	if !strings.Contains(b.String(), "\n0 steps, 0 cached, 2 compiler warnings, 0s\n") {
		t.Errorf("got\n%s", &b)
	}
}

// TestEachLambdaIsAnnotated: of many failures of one lambda those of another are shown too, and errors that nothing was found for.
func TestEachLambdaIsAnnotated(t *testing.T) {
	s := Summary{Lambdas: []Lambda{{Name: "a"}, {Name: "b", Failures: []finding.Finding{{Kind: finding.Error, Name: "E0425", Message: "of b"}}}}}
	for i := range 50 {
		s.Lambdas[0].Failures = append(s.Lambdas[0].Failures, finding.Finding{Kind: finding.Test, Name: fmt.Sprintf("t%d", i), Message: "of a"})
	}
	s.Errors = []Error{{Kind: "artifact", What: "of c"}}
	var b strings.Builder
	Annotations(&b, s, func(file string) string { return file })
	for _, want := range []string{"title=t0::of a", "title=error[E0425]::of b", "::of c"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}
