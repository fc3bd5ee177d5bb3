package cli

import (
	"bytes"
	"cmp"
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
		l.Add(replace(push.metadata, text.Bytes()))
	}
	if push.dotenv != "" {
		var text bytes.Buffer
		report.Dotenv(&text, summary)
		l.Add(replace(push.dotenv, text.Bytes()))
	}
	if push.junit != "" {
		var text bytes.Buffer
		l.Add(report.JUnit(&text, summary))
		l.Add(replace(push.junit, text.Bytes()))
	}
	if push.codeQuality != "" {
		var text bytes.Buffer
		l.Add(report.CodeQuality(&text, summary, a.inCheckout()))
		l.Add(replace(push.codeQuality, text.Bytes()))
	}
	if ci == "" {
		return l.Err()
	}
	l.Add(extend(a.env["GITHUB_STEP_SUMMARY"], func(w io.Writer) {
		var text strings.Builder
		if failed != nil {
			fault.Print(&text, failed)
		}
		report.Markdown(w, summary, text.String())
	}))
	l.Add(extend(a.env["GITHUB_OUTPUT"], func(w io.Writer) {
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

// replace writes a file that appears complete or not at all.
func replace(name string, data []byte) error {
	return artifact.Write(filepath.Dir(name), artifact.File{Name: filepath.Base(name), Data: data, Mode: 0o644})
}

// extend appends to a file that other steps of the job write too; "" is no file.
func extend(name string, write func(io.Writer)) error {
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("writing for GitHub Actions: %w", err)
	}
	var text bytes.Buffer
	write(&text)
	_, err = f.Write(text.Bytes())
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("writing for GitHub Actions: %w", err)
	}
	return nil
}
