package cli

import (
	"errors"
	"os"
	"time"

	"github.com/spf13/pflag"

	"lpipe/internal/artifact"
	"lpipe/internal/fault"
	"lpipe/internal/page"
	"lpipe/internal/program"
	"lpipe/internal/project"
	"lpipe/internal/report"
	"lpipe/internal/trace"
)

// timingsName is the file of --timings without a value, beside the folders of the lambdas.
const timingsName = "timings.html"

// timings is what --timings asks for.
type timings struct {
	app     *app
	asked   bool
	name    string // "" for the default
	command string
	began   time.Time
	file    *os.File
}

// timingsFlag declares --timings. The function begins to record when it was given.
func timingsFlag(f *pflag.FlagSet) func(a *app, command string) *timings {
	const byDefault = "\x00"
	name := f.String("timings", "", "write where the time went to `FILE`, as a page for a browser; without a value to "+timingsName+" in target/lambda")
	f.Lookup("timings").NoOptDefVal = byDefault
	return func(a *app, command string) *timings {
		t := &timings{app: a, asked: f.Changed("timings"), command: command, began: time.Now()}
		if *name != byDefault {
			t.name = *name
		}
		if t.asked && a.trace == nil {
			a.trace = &trace.Recorder{}
		}
		return t
	}
}

// open makes the file before anything is built.
func (t *timings) open(here *project.Here, targets []project.Target) (err error) {
	if !t.asked {
		return nil
	}
	if err := report.CheckName("--timings", t.name); err != nil {
		return err
	}
	if t.name != "" {
		t.file, err = os.Create(here.Abs(t.name))
	} else if len(targets) > 0 {
		t.file, err = targets[0].CreateBeside(timingsName)
	}
	if err != nil {
		return &fault.Error{Kind: fault.Usage, What: "the file of --timings cannot be written", Err: err, Fix: "name a file in a folder that is there and can be written to: --timings=FILE"}
	}
	return nil
}

// finish writes the page once, whatever became of the run.
func (t *timings) finish(failed bool) error {
	if t.file == nil {
		return nil
	}
	defer func() { t.file = nil }()
	lpipe, _ := program.Versions()
	shown := page.Timings{Command: t.command, Version: lpipe, Began: t.began, Ended: time.Now(), Failed: failed, Work: page.Work(t.app.trace), Steps: page.Steps(t.app.trace)}
	if err := errors.Join(page.WriteTimings(t.file, shown), t.file.Close()); err != nil {
		return artifact.WriteFault(t.file.Name(), err)
	}
	return nil
}
