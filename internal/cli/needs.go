package cli

import (
	"context"
	"fmt"
	"slices"

	"lpipe/internal/engine"
	"lpipe/internal/fault"
	"lpipe/internal/solve"
)

// embeddedCaches are the types of caches that the embedded engine has. The others would bring in the libraries of
// three clouds.
var embeddedCaches = []string{"registry", "local", "inline"}

// check refuses what the engine cannot do, before it begins.
func check(ctx context.Context, eng *engine.Engine, request *solve.Request) error {
	if eng.Description().Kind == engine.Embedded {
		var l fault.List
		for _, e := range slices.Concat(request.CacheFrom, request.CacheTo) {
			if !slices.Contains(embeddedCaches, e.Type) {
				l.Add(&fault.Error{
					Kind: fault.Engine, What: fmt.Sprintf("the embedded engine has no cache of type %s", e.Type), Why: "buildkitd and Docker Engine have",
					Fix: "use another engine (--engine docker, or the address of a buildkitd), or a cache in a registry",
				})
			}
		}
		return l.Err()
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
