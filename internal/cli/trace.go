package cli

import (
	"errors"
	"os"

	"github.com/spf13/pflag"

	"lpipe/internal/artifact"
	"lpipe/internal/fault"
	"lpipe/internal/report"
	"lpipe/internal/trace"
)

// traceFlag declares --trace. The function begins to record when it was given; finish writes the file, whatever became
// of the run.
func traceFlag(f *pflag.FlagSet) func(a *app) (finish func() error, err error) {
	name := f.String("trace", "", "write where the time went to `FILE`, for ui.perfetto.dev or chrome://tracing")
	return func(a *app) (func() error, error) {
		if *name == "" {
			return func() error { return nil }, nil
		}
		if err := report.CheckName("--trace", *name); err != nil {
			return nil, err
		}
		file, err := os.Create(*name)
		if err != nil {
			return nil, &fault.Error{Kind: fault.Usage, What: "the file of --trace cannot be written", Err: err, Fix: "name a file in a folder that is there and can be written to"}
		}
		a.trace = &trace.Recorder{}
		return func() error {
			if err := errors.Join(a.trace.Write(file), file.Close()); err != nil {
				return artifact.WriteFault(*name, err)
			}
			return nil
		}, nil
	}
}
