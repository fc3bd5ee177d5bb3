package solve

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"

	"lpipe/internal/fault"
	"lpipe/internal/progress"
)

// importFailed ends an attempt that may succeed without imported caches.
type importFailed struct{ why error }

func (e *importFailed) Error() string { return e.why.Error() }
func (e *importFailed) Unwrap() error { return e.why }

// attempt runs the jobs once. The error is an [importFailed] where another attempt without imports is worth it, and a
// [damaged] where one without the engine's cache is.
func attempt(ctx context.Context, c *client.Client, r Request, opt client.SolveOpt, d *progress.Display) (*Result, error) {
	w := newWatch(d.Runs)
	w.mask.secrets = r.Hidden
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go w.guard(inner, cancel, c, r.StallTimeout)
	status := make(chan *client.SolveStatus)
	relayed := make(chan struct{})
	go func() {
		defer close(relayed)
		w.relay(status, d.Status())
	}()

	result := &Result{Outcomes: make([]Outcome, len(r.Jobs))}
	f := &frontend{images: newImages()}
	if len(r.CacheFrom) == 0 { // what to import is part of a request, and no part of a graph
		f.graphs = r.Graphs
	}
	var built bool
	var failed *importFailed
	opt.FrontendAttrs = map[string]string{}
	opt.CacheImports = r.CacheFrom
	end := r.Trace.Begin("open the session")
	_, err := c.Build(inner, opt, "lpipe", func(ctx context.Context, g gateway.Client) (*gateway.Result, error) {
		end()
		defer func() { end = r.Trace.Begin("close the session") }()
		f.gateway, f.opts = g, g.BuildOpts().Opts
		if r.NoCache || r.rerun != "" {
			f.opts["no-cache"] = r.rerun // of all stages when it is empty
		}
		if len(r.CacheFrom) > 0 {
			r.CacheFrom, result.Warnings = reachable(ctx, g, r.CacheFrom, importLimit(r.StallTimeout))
			if err := setImports(f.opts, r.CacheFrom); err != nil {
				return nil, err
			}
		}
		f.setDrafts(r.Jobs)
		refs, err := solveAll(ctx, f, r, d, result)
		built = err == nil
		errors.As(err, &failed)
		return refs, err
	}, status)
	end()
	<-relayed
	d.Flush() // the last words of the steps that failed
	stall := stallOf(inner)
	ofRun := err
	if built { // then it is about the export
		ofRun = nil
	}
	if found := damage(ofRun, r.Jobs, result.Outcomes, d); found != nil && found.curable(r) && failed == nil && stall == nil && ctx.Err() == nil {
		return nil, found
	}
	explain(r, result.Outcomes, d)
	result.Bases = f.images.digests()
	result.Warnings = append(result.Warnings, w.imports...)
	switch {
	case ctx.Err() != nil:
		return nil, cancelled(ctx)
	case err == nil:
		if len(w.exports) > 0 { // those with ignore-error, which BuildKit mentions nowhere else
			result.CacheErr = errors.New(strings.Join(w.exports, "; "))
		}
		return result, nil
	case built && len(r.CacheTo) > 0:
		result.CacheErr = err
		if stall != nil {
			result.CacheErr = stall
		}
		return result, nil
	case stall != nil && !stall.frozen && len(r.CacheFrom) > 0:
		return nil, &importFailed{stall}
	case stall != nil:
		return nil, stallFault(stall)
	case failed != nil:
		return nil, failed
	default:
		return nil, engineError(err)
	}
}

// importFailure returns the first failure that an imported cache may be to blame for: it has layers that the registry
// lost, or that are garbled, which BuildKit notices when a step needs them. A program that ran and failed, and a base
// image that is not there, have nothing to do with it.
func importFailure(r Request, outcomes []Outcome) *importFailed {
	if len(r.CacheFrom) == 0 {
		return nil
	}
	for _, o := range outcomes {
		if o.Err == nil || gone(o.Err) || full(o.Err.Error()) || aboutBase(o.Err) || errors.As(o.Err, new(*gatewaypb.ExitError)) || errors.As(o.Err, new(*fault.Error)) {
			continue
		}
		return &importFailed{o.Err}
	}
	return nil
}

// withoutImports says in the report what happened to the imported caches.
func withoutImports(err error) string {
	return fmt.Sprintf("an imported cache could not be used, so the build went on without: %s", err)
}
