package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"lpipe/internal/finding"
	"lpipe/internal/foreign"
)

// maxAnnotations is how many GitHub Actions shows of a level for one step.
const maxAnnotations = 10

// Annotations writes what GitHub Actions shows beside the lines of a change: failures and errors, and the compiler's warnings.
// inCheckout returns the path of a finding's file in the checkout, "" for one that is not there.
//
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message
func Annotations(w io.Writer, s Summary, inCheckout func(file string) string) {
	var errors []finding.Finding
	for _, e := range s.Errors {
		if !e.Found {
			errors = append(errors, finding.Finding{Kind: finding.Error, Name: e.Kind, Message: strings.TrimSuffix(e.What+": "+e.Why, ": ")})
		}
	}
	errors = append(errors, failures(s)...)
	for _, level := range []struct {
		name string
		all  []finding.Finding
	}{{"error", errors}, {"warning", s.CompilerWarnings}} {
		for _, f := range level.all[:min(len(level.all), maxAnnotations)] {
			properties := []string{"title=" + property(f.Title())}
			if file := inCheckout(f.File); f.File != "" && file != "" {
				properties = append(properties, fmt.Sprintf("file=%s,line=%d", property(file), max(f.Line, 1)))
				if f.Column > 0 {
					properties = append(properties, fmt.Sprintf("col=%d", f.Column))
				}
			}
			fmt.Fprintf(w, "::%s %s::%s\n", level.name, strings.Join(properties, ","), data(f.Message))
		}
	}
}

// failures are those of all lambdas, each once: first one of each lambda, so that of few that are shown none has them all.
func failures(s Summary) (all []finding.Finding) {
	seen := map[finding.Finding]bool{}
	for i, more := 0, true; more; i++ {
		more = false
		for _, l := range s.Lambdas {
			if i >= len(l.Failures) {
				continue
			}
			more = true
			key := l.Failures[i]
			if key.Text = ""; !seen[key] {
				seen[key] = true
				all = append(all, l.Failures[i])
			}
		}
	}
	return all
}

// data writes text of others as the message of a command.
func data(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(foreign.Text(text))
}

// property writes text of others as the value of a command's property.
func property(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data(text))
}

// problem is one of GitLab's report on the quality of code.
type problem struct {
	Description string `json:"description"`
	CheckName   string `json:"check_name"`
	Fingerprint string `json:"fingerprint"` // tells whether another report has the same problem
	Severity    string `json:"severity"`
	Location    struct {
		Path  string `json:"path"`
		Lines struct {
			Begin int `json:"begin"`
		} `json:"lines"`
	} `json:"location"`
}

// CodeQuality writes failures and the compiler's warnings, as far as they have a place, as GitLab reads them. inCheckout is as
// of [Annotations].
//
// https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
func CodeQuality(w io.Writer, s Summary, inCheckout func(file string) string) error {
	all := []problem{}
	seen := map[string]int{}
	for _, f := range append(failures(s), s.CompilerWarnings...) {
		file := inCheckout(f.File)
		if f.File == "" || file == "" {
			continue
		}
		p := problem{Description: foreign.Text(f.Message), CheckName: f.Title(), Severity: "critical"}
		if f.Kind == finding.Warning {
			p.Severity = "minor"
		}
		p.Location.Path, p.Location.Lines.Begin = file, max(f.Line, 1)
		// Not of the line, which an edit above moves; equal problems of a file are counted.
		key := strings.Join([]string{string(f.Kind), f.Name, file, f.Message}, "\x00")
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, seen[key]))
		seen[key]++
		p.Fingerprint = hex.EncodeToString(sum[:])
		all = append(all, p)
	}
	return foreign.WriteJSON(w, all, "  ")
}

// The elements of JUnit's XML that CI systems read: https://github.com/testmoapp/junitxml
type (
	junitSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		junitCounts
		Suites []*junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		junitCounts
		Cases []junitCase `xml:"testcase"`
	}
	junitCounts struct {
		Name     string `xml:"name,attr"`
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Skipped  int    `xml:"skipped,attr"`
	}
	junitCase struct {
		Class   string       `xml:"classname,attr"`
		Name    string       `xml:"name,attr"`
		File    string       `xml:"file,attr,omitempty"`
		Line    int          `xml:"line,attr,omitempty"`
		Failure *junitFailed `xml:"failure"`
		Flaky   *junitFailed `xml:"flakyFailure"` // of Maven's Surefire, which Jenkins and others read
		Error   *junitFailed `xml:"error"`
		Skipped *struct{}    `xml:"skipped"`
	}
	junitFailed struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the tests of all lambdas, one suite for each program of tests of each lambda. A lambda whose tests do not tell
// why there is no result has a suite with one error.
func JUnit(w io.Writer, s Summary) error {
	all := &junitSuites{junitCounts: junitCounts{Name: "lpipe"}}
	for _, l := range s.Lambdas {
		suites := map[string]*junitSuite{}
		add := func(name string, c junitCase) {
			suite := suites[name]
			if suite == nil {
				suite = &junitSuite{junitCounts: junitCounts{Name: foreign.Text(strings.TrimSpace(l.Name + " " + name))}}
				suites[name], all.Suites = suite, append(all.Suites, suite)
			}
			c.Class, c.Name = suite.Name, foreign.Text(c.Name)
			suite.Cases = append(suite.Cases, c)
			for _, counts := range []*junitCounts{&suite.junitCounts, &all.junitCounts} {
				counts.count(c)
			}
		}
		failed := map[finding.Case]finding.Finding{}
		told := false
		for _, f := range l.Failures {
			switch f.Kind {
			case finding.Test:
				failed[finding.Case{Suite: f.Suite, Name: f.Name, Result: "FAILED"}] = f
			case finding.TestProgram:
				told = true
				add(f.Suite, junitCase{Name: f.Title(), Failure: &junitFailed{Message: foreign.Text(f.Message)}})
			}
		}
		for _, c := range l.Cases {
			one := junitCase{Name: c.Name}
			switch c.Result {
			case "FAILED":
				told = true
				f := failed[finding.Case{Suite: c.Suite, Name: c.Name, Result: c.Result}]
				one.File, one.Line = f.File, f.Line
				one.Failure = &junitFailed{Message: foreign.Text(cmp.Or(f.Message, "it failed")), Text: foreign.Text(f.Text)}
			case "ignored":
				one.Skipped = &struct{}{}
			}
			if c.Try > 0 {
				one.Flaky = &junitFailed{Message: fmt.Sprintf("it passed in try %d", c.Try)}
			}
			add(c.Suite, one)
		}
		if l.Error != "" && !told {
			var texts []string
			for _, f := range l.Failures {
				texts = append(texts, cmp.Or(f.Text, f.Message))
			}
			add("", junitCase{Name: "build", Error: &junitFailed{Message: foreign.Text(l.Error), Text: foreign.Text(strings.Join(texts, "\n\n"))}})
		}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (n *junitCounts) count(c junitCase) {
	n.Tests++
	switch {
	case c.Failure != nil:
		n.Failures++
	case c.Error != nil:
		n.Errors++
	case c.Skipped != nil:
		n.Skipped++
	}
}
