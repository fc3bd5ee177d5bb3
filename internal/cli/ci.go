package cli

import (
	"errors"

	"lpipe/internal/report"
)

// writeOutputs writes what the run did to where other programs read it: files, and the page and the outputs of a job. ci is the CI
// system, "" for none, and failed how the run ended.
func (a *app) writeOutputs(summary report.Summary, files report.Files, ci string, failed error) error {
	err := files.Write(summary, report.InCheckout(a.env))
	if ci == "" {
		return err
	}
	return errors.Join(err, report.WriteJob(a.env, summary, failed))
}

// checkJob refuses files of a job that cannot be written.
func (a *app) checkJob(ci string) error {
	if ci == "" {
		return nil
	}
	return report.CheckJob(a.env)
}

// annotate has GitHub Actions show what went wrong, and what the compiler warned of, beside the lines of a change.
func (a *app) annotate(summary report.Summary) {
	if a.env["GITHUB_ACTIONS"] == "true" {
		report.Annotations(a.Err, summary, report.InCheckout(a.env))
	}
}
