package solve

import (
	"fmt"
	"strings"

	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/progress"
	"lpipe/internal/report"
)

const correctScript = "correct what the build script says above; it may need packages, env or features in [build] of lpipe.toml"

// quote puts into the fault of a failed step what was found in the step's output or, where that is nothing, the output's last
// lines. Those are few if all of them are further up, between the output of other steps.
func quote(f *fault.Error, o progress.Output, status uint32, d *progress.Display) {
	setup := o.Stage == dockerfile.StageTest && status == dockerfile.ExitSetup // is no compiler, whatever it prints
	if !setup {
		f.Found = o.Found
	}
	switch {
	case len(f.Found.Findings) > 0:
	case d.ShowsLines() && len(o.Found.Findings) == 0:
		f.Output = lastLines(o.Log, 10)
	default:
		f.Output = lastLines(o.Log, outputLines)
	}
}

// blame says in the fault of a failed step which part of the project failed, by what was found in the step's output.
func blame(f *fault.Error, labels, stage string) {
	found := f.Found
	if len(found.Findings) == 0 {
		return
	}
	if f.Kind == fault.Tests {
		if f.Why = "the run of the tests found failures, which are above"; found.Failed > 0 {
			f.Why = fmt.Sprintf("%d of %s failed", found.Failed, report.Count(found.Passed+found.Failed, "test", "tests"))
		}
		return
	}
	if !strings.HasSuffix(f.Why, "; its output is above") {
		return // it is known better
	}
	f.Why = report.Count(found.Errors(), "error", "errors")
	switch script := found.Script(); {
	case script != "":
		f.What, f.Fix = script+" failed, which is needed for "+labels, correctScript
	case found.Macro():
		f.What = "a macro panicked while it was compiling " + labels
	case stage == dockerfile.StageTest:
		switch program, unitTests := found.Uncompiled(); {
		case program:
			f.What = labels + " does not compile"
		case unitTests:
			f.What = labels + " or the unit tests do not compile"
		}
	}
}
