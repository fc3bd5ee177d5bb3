package cli

import (
	"slices"

	"lpipe/internal/dockerfile"
	"lpipe/internal/engine"
	"lpipe/internal/solve"
)

// warm lets the build start from the dependencies that the last one compiled, and keeps what it compiles itself. A
// dependency's build script can plant something there which outlives it, so none of it may reach others: it is for an
// engine of this machine, with no cache to write, and not for CI.
func (r *run) warm(engines []*engine.Engine, request *solve.Request) {
	elsewhere := slices.ContainsFunc(engines, func(e *engine.Engine) bool { return e.Description().Elsewhere() })
	switch {
	case !r.cfg.Warm || r.cfg.CI != "" || elsewhere || len(request.CacheTo) > 0:
	case r.noCache:
		r.secrets[dockerfile.SecretWarm] = []byte(dockerfile.WarmFresh)
	default:
		r.secrets[dockerfile.SecretWarm] = []byte(dockerfile.WarmKeep)
	}
}
