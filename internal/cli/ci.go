package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"lpipe/internal/artifact"
	"lpipe/internal/fault"
	"lpipe/internal/report"
)

// writeOutputs writes what the run did to where other programs read it: the files of --metadata-file and --dotenv, and the
// summary and the outputs of a job of GitHub Actions. ci is the CI system, and failed how the run ended.
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
