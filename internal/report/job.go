package report

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"lpipe/internal/fault"
)

// The variables that name files of a job of GitHub Actions.
const (
	summaryVariable = "GITHUB_STEP_SUMMARY"
	outputVariable  = "GITHUB_OUTPUT"
)

// CheckJob refuses files of a CI job that cannot be written. env is the environment of the job.
func CheckJob(env map[string]string) error {
	var l fault.List
	for _, variable := range []string{summaryVariable, outputVariable} {
		l.Add(extend(env, variable, func(io.Writer) {}))
	}
	return l.Err()
}

// WriteJob writes the summary for the page of a CI job, and its outputs. failed is how the run ended.
func WriteJob(env map[string]string, s Summary, failed error) error {
	var l fault.List
	l.Add(extend(env, summaryVariable, func(w io.Writer) {
		var text strings.Builder
		if failed != nil {
			fault.Print(&text, failed)
		}
		Markdown(w, s, text.String())
	}))
	l.Add(extend(env, outputVariable, func(w io.Writer) {
		for _, p := range Outputs(s) {
			fmt.Fprintf(w, "%s=%s\n", p.Name, p.Value)
		}
	}))
	return l.Err()
}

// extend appends to the file that a variable names, which other steps of the job write too; an empty one names none.
func extend(env map[string]string, variable string, write func(io.Writer)) error {
	name := env[variable]
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

// InCheckout returns the function that returns the path of a file in the checkout of a CI job, or in the current folder where there is
// no job; "" for one elsewhere. Files are relative to the current folder.
func InCheckout(env map[string]string) func(file string) string {
	here, _ := os.Getwd()
	root := cmp.Or(env["GITHUB_WORKSPACE"], env["CI_PROJECT_DIR"], here)
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
