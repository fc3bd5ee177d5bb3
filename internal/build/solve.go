package build

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/moby/buildkit/client"

	"lpipe/internal/engine"
	"lpipe/internal/fault"
	"lpipe/internal/progress"
	"lpipe/internal/report"
	"lpipe/internal/solve"
	"lpipe/internal/trace"
)

// Display is where and how the steps of a build are shown.
type Display struct {
	Out     io.Writer
	Mode    string // one of [progress.Modes]
	Term    string // as of [progress.Options]
	NoColor bool   // likewise
}

// Result is what became of a request.
type Result struct {
	Built    []Built  // in the order of the targets
	Warnings []string // what went wrong and did not matter for the lambdas
	// CacheErr is set when everything was built and the cache could not be exported.
	CacheErr      error
	Steps, Cached int          // how many steps there were, and how many of them were cached
	Kept          *report.Kept // what later builds need not do again; nil if that is nothing
}

// Built is what became of a target.
type Built struct {
	Target
	solve.Outcome
	Base string // the base image, with the digest that was used when it is known
}

// Solve has the engines solve the request. The error is about the run as a whole, as of [solve.Run]; failures of single
// lambdas are in the result.
func Solve(ctx context.Context, engines []*engine.Engine, r *Request, d Display) (*Result, error) {
	var unfit fault.List
	for _, e := range engines { // which would say so only in the middle of the build
		unfit.Add(e.Check(ctx, r.needs()))
	}
	if err := unfit.Err(); err != nil {
		return nil, err
	}
	options := progress.Options{Out: d.Out, Mode: d.Mode, Term: d.Term, NoColor: d.NoColor, Last: func() map[string]int { return readTimes(r.times) }}
	for _, t := range r.Targets {
		options.Lambdas = append(options.Lambdas, t.Job.Label)
	}
	display, err := progress.Start(ctx, options)
	if err != nil {
		return nil, err
	}
	r.lines.start(display)
	end := r.solve.Trace.Begin("solve")
	solved, err := solveOn(ctx, engines, r, display)
	display.Wait()
	end()
	for _, s := range display.Steps() {
		span := trace.Span{Group: trace.Steps, Name: s.Name, Start: s.Start, End: s.End, Args: map[string]any{"cached": s.Cached}, ID: s.ID, After: s.After}
		for _, c := range s.Compiled {
			span.Parts = append(span.Parts, trace.Part(c))
		}
		r.solve.Trace.Add(span)
	}
	if err != nil {
		return nil, err
	}
	times(display.Took()).write(r.times)
	result := r.result(solved)
	result.Kept = kept(display.Steps())
	result.Steps, result.Cached = display.Count()
	return result, nil
}

// result is what was solved, by target.
func (r *Request) result(solved *solve.Result) *Result {
	result := &Result{Warnings: solved.Warnings, CacheErr: solved.CacheErr}
	located := map[*fault.Error]bool{} // lambdas share the fault of a step that they share
	for i, t := range r.Targets {
		var f *fault.Error
		if errors.As(solved.Outcomes[i].Err, &f) && !located[f] {
			located[f] = true
			f.Found.Findings, f.Found.Warnings = t.Located(f.Found.Findings), t.Located(f.Found.Warnings)
		}
		result.Built = append(result.Built, Built{t, solved.Outcomes[i], resolvedBase(t, solved.Bases)})
	}
	return result
}

// needs is what the request asks of an engine.
func (r *Request) needs() engine.Needs {
	n := engine.Needs{OCILayout: slices.ContainsFunc(r.Targets, func(t Target) bool { return t.Job.Base != nil })}
	for _, e := range r.solve.CacheTo {
		n.CacheExports = append(n.CacheExports, e.Type)
	}
	return n
}

// solveOn solves on the one engine, or spreads the lambdas over several.
func solveOn(ctx context.Context, engines []*engine.Engine, r *Request, d *progress.Display) (*solve.Result, error) {
	if len(engines) == 1 && r.suffixes == nil {
		request := r.solve
		request.Renew = renewal(engines[0])
		return solve.Run(ctx, engines[0].Client(), request, d)
	}
	var all []solve.Engine
	for _, e := range engines {
		one := r.on(e.Description())
		one.Client, one.Renew = e.Client(), renewal(e)
		all = append(all, one)
	}
	return solve.Spread(ctx, all, r.solve, d)
}

// renewal replaces the engine by a new one, with its cache or an empty one, and returns the one that there is then; nil where
// it is not this user's own.
func renewal(e *engine.Engine) func(context.Context, bool) (*client.Client, error) {
	if !e.Renewable() {
		return nil
	}
	return func(ctx context.Context, empty bool) (*client.Client, error) {
		err := e.Renew(ctx, empty)
		return e.Client(), err
	}
}

// cacheFault is the failure to export the cache for those who asked that it be one; for all others it is a warning.
func (r *Request) cacheFault(err error) error {
	for _, e := range r.solve.CacheTo {
		if e.Attrs["ignore-error"] != "true" && err != nil {
			return &fault.Error{
				Kind: fault.Build, What: "the cache was not exported; the zips are complete", Err: err, Fix: "leave out ignore-error=false to go on without",
			}
		}
	}
	return nil
}

// lines hands lines to a display that starts later than what writes them.
type lines struct {
	mu      sync.Mutex
	display *progress.Display
}

func (l *lines) start(d *progress.Display) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.display = d
}

func (l *lines) say(line string) {
	l.mu.Lock()
	d := l.display
	l.mu.Unlock()
	if d != nil {
		d.Say("%s", line)
	}
}
