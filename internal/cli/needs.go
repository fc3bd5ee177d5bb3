package cli

import (
	"context"
	"slices"

	"lpipe/internal/engine"
	"lpipe/internal/fault"
	"lpipe/internal/solve"
)

// check refuses what the engine cannot do, before it begins.
func check(ctx context.Context, eng *engine.Engine, request *solve.Request) error {
	if eng.Description().Kind == engine.Embedded { // which does all
		return nil
	}
	needs := engine.Needs{OCILayout: slices.ContainsFunc(request.Jobs, func(j *solve.Job) bool { return j.Base != nil })}
	for _, e := range request.CacheTo {
		needs.CacheExports = append(needs.CacheExports, e.Type)
	}
	return eng.Check(ctx, needs)
}

// cacheFault is the failure of a cache export for those who asked that it be one; for all others it is a warning.
func cacheFault(request *solve.Request, err error) error {
	for _, e := range request.CacheTo {
		if e.Attrs["ignore-error"] != "true" && err != nil {
			return &fault.Error{
				Kind: fault.Build, What: "the cache was not exported; the zips are complete", Err: err, Fix: "leave out ignore-error=false to go on without",
			}
		}
	}
	return nil
}
