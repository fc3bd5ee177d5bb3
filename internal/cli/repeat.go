package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"lpipe/internal/emulator"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/measure"
	"lpipe/internal/report"
	"lpipe/internal/runnable"
)

// repeating is how often lpipe invoke calls a lambda.
type repeating struct {
	count, concurrency int
}

// repeatFlags declares the flags for many calls; the function returns what they say.
func repeatFlags(f *pflag.FlagSet) func() (repeating, error) {
	count := f.Int("repeat", 1, "invoke it `N` times, and print a table of the times in place of the answers")
	concurrency := f.Int("concurrency", 1, "with --repeat, `N` calls at a time, each with a process of its own")
	return func() (repeating, error) {
		var l fault.List
		if *count < 1 {
			l.Addf(fmt.Sprintf("--repeat %d invokes nothing", *count), "", "give 1 or more")
		}
		switch {
		case *concurrency < 1:
			l.Addf(fmt.Sprintf("--concurrency %d invokes nothing", *concurrency), "", "give 1 or more")
		case *concurrency > *count && *count >= 1:
			l.Addf(fmt.Sprintf("--concurrency %d is more than all calls", *concurrency), "there are "+report.Count(*count, "call", "calls"),
				fmt.Sprintf("add --repeat with %d or more", *concurrency))
		}
		return repeating{*count, *concurrency}, l.Err()
	}
}

// repeat invokes the program as often as r says, and prints how long that took.
func (a *app) repeat(ctx context.Context, program emulator.Program, event emulator.Event, r repeating) error {
	f := emulator.NewFunction(program, r.concurrency)
	defer f.Close()
	stats, err := measure.Repeat(ctx, f, event, r.count, r.concurrency)
	if stats.Calls() > 0 {
		writeStats(a.Out, stats)
	}
	if err != nil {
		return runnable.CannotRun(program.Name, err)
	}
	failed := 0
	for _, n := range stats.Errors {
		failed += n
	}
	if failed == 0 {
		return nil
	}
	return &fault.Error{
		Kind: fault.Build, What: fmt.Sprintf("%d of %s of %s failed", failed, report.Count(stats.Calls(), "call", "calls"), program.Name),
		Why: "the first answered " + foreign.Line(string(stats.Failed.Payload)), Fix: "lpipe invoke without --repeat shows one call",
	}
}

// writeStats writes a table: a line for each kind of time, and one for each kind of error.
func writeStats(w io.Writer, s measure.Stats) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tcalls\tmin\tp50\tp99\tmax\t")
	for _, row := range []struct {
		name  string
		times []time.Duration
	}{{"init", s.Init}, {"cold", s.Cold}, {"warm", s.Warm}} {
		if len(row.times) == 0 {
			continue
		}
		fmt.Fprintf(table, "%s\t%d\t", row.name, len(row.times))
		for _, share := range []float64{0, 0.5, 0.99, 1} {
			fmt.Fprintf(table, "%.2f ms\t", float64(measure.Percentile(row.times, share))/float64(time.Millisecond))
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush() // the writer keeps its errors
	fmt.Fprintf(w, "%s in %.2fs, %.0f a second\n", report.Count(s.Calls(), "call", "calls"), s.Took.Seconds(), float64(s.Calls())/s.Took.Seconds())
	if s.Memory > 0 {
		fmt.Fprintf(w, "%d MB of memory\n", s.Memory)
	}
	for _, kind := range slices.Sorted(maps.Keys(s.Errors)) {
		fmt.Fprintf(w, "%s: %s\n", foreign.Line(kind), report.Count(s.Errors[kind], "error", "errors"))
	}
}
