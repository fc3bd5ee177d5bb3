package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"lpipe/internal/artifact"
	"lpipe/internal/fault"
	"lpipe/internal/report"
)

// writeOutputs writes what the run did to where other programs read it: the files of --metadata-file, --dotenv, --junit and
// --code-quality, and the summary and the outputs of a job of GitHub Actions. ci is the CI system, and failed how the run ended.
func (a *app) writeOutputs(summary report.Summary, push pushing, ci string, failed error) error {
	var l fault.List
	if push.metadata != "" {
		var text bytes.Buffer
		l.Add(report.Metadata(&text, summary))
		l.Add(artifact.Replace(push.metadata, text.Bytes()))
	}
	if push.dotenv != "" {
		var text bytes.Buffer
		report.Dotenv(&text, summary)
		l.Add(artifact.Replace(push.dotenv, text.Bytes()))
	}
	if push.junit != "" {
		var text bytes.Buffer
		l.Add(report.JUnit(&text, summary))
		l.Add(artifact.Replace(push.junit, text.Bytes()))
	}
	if push.codeQuality != "" {
		var text bytes.Buffer
		l.Add(report.CodeQuality(&text, summary, a.inCheckout()))
		l.Add(artifact.Replace(push.codeQuality, text.Bytes()))
	}
	if ci == "" {
		return l.Err()
	}
	l.Add(a.extend("GITHUB_STEP_SUMMARY", func(w io.Writer) {
		var text strings.Builder
		if failed != nil {
			fault.Print(&text, failed)
		}
		report.Markdown(w, summary, text.String())
	}))
	l.Add(a.extend("GITHUB_OUTPUT", func(w io.Writer) {
		for _, p := range report.Outputs(summary) {
			fmt.Fprintf(w, "%s=%s\n", p.Name, p.Value)
		}
	}))
	return l.Err()
}

// annotate has GitHub Actions show what went wrong, and what the compiler warned of, beside the lines of a change.
func (a *app) annotate(summary report.Summary) {
	if a.env["GITHUB_ACTIONS"] == "true" {
		report.Annotations(a.Err, summary, a.inCheckout())
	}
}

// inCheckout returns the path of a file in the checkout of a CI job, or in the current folder where there is no job; "" for
// one elsewhere. Files are relative to the current folder.
func (a *app) inCheckout() func(file string) string {
	here, _ := os.Getwd()
	root := cmp.Or(a.env["GITHUB_WORKSPACE"], a.env["CI_PROJECT_DIR"], here)
	if resolved, err := filepath.EvalSymlinks(root); err == nil {
		root = resolved
	}
	if resolved, err := filepath.EvalSymlinks(here); err == nil {
		here = resolved
	}
	return func(file string) string {
		if !filepath.IsAbs(file) {
			file = filepath.Join(here, file)
		}
		rel, err := filepath.Rel(root, file)
		if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			return ""
		}
		return filepath.ToSlash(rel)
	}
}

// jobFiles are the variables that name files of a job of GitHub Actions.
var jobFiles = []string{"GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"}

// checkJobFiles refuses files of a job that cannot be written. ci is the CI system, "" for none.
func (a *app) checkJobFiles(ci string) error {
	var l fault.List
	for _, variable := range jobFiles {
		if ci != "" {
			l.Add(a.extend(variable, func(io.Writer) {}))
		}
	}
	return l.Err()
}

// extend appends to the file that a variable names, which other steps of the job write too; an empty one names none.
func (a *app) extend(variable string, write func(io.Writer)) error {
	name := a.env[variable]
	if name == "" {
		return nil
	}
	var text bytes.Buffer
	write(&text)
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.Write(text.Bytes())
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return &fault.Error{
			Kind: fault.Usage, What: "the file of " + variable + " cannot be written", Err: err, Fix: "unset " + variable + ", or have it name a file that can be written",
		}
	}
	return nil
}
