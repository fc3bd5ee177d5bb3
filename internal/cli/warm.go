package cli

import (
	"fmt"
	"slices"

	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/engine"
	"lpipe/internal/solve"
)

// warm lets the jobs start from the dependencies that an earlier build compiled, and keep their own, where that is safe;
// choices are the engines of the run.
func (r *run) warm(choices []engine.Choice, request *solve.Request) {
	if !r.cfg.Warm {
		return
	}
	if why := neverWarm(r.cfg, r.key.Lasting(), choices, len(request.CacheTo) > 0); why != "" {
		if at := r.cfg.Origin("build.warm"); at != (config.Origin{}) {
			r.notes = append(r.notes, fmt.Sprintf("warm (%s) has no effect: %s", at, why))
		}
		return
	}
	mode := dockerfile.WarmKeep
	if r.noCache {
		mode = dockerfile.WarmFresh
	}
	r.secrets[dockerfile.SecretWarm] = []byte(mode)
	for i, part := range r.laid {
		job := request.Jobs[i]
		job.Dockerfile = dockerfile.OwnWarm(job.Dockerfile, part.warmOwner(r.key))
	}
}

// neverWarm says why a build must not start from the dependencies that an earlier one compiled, "" where it may. A
// dependency's build script can plant something there which outlives it, so none of it may reach other projects or users.
// lasting is whether the user has a secret by which they are told apart.
func neverWarm(cfg *config.Config, lasting bool, engines []engine.Choice, writesCache bool) string {
	switch {
	case cfg.CI != "":
		return "this is CI (" + cfg.CI + ")"
	case writesCache:
		return "the build writes a cache"
	case slices.ContainsFunc(engines, func(c engine.Choice) bool { return c.Kind != engine.Embedded }):
		return "only the embedded engine is this user's alone, others may use the one that is configured"
	case !lasting:
		return "no secret of yours is kept"
	}
	return ""
}
