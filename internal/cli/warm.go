package cli

import (
	"slices"

	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/engine"
	"lpipe/internal/solve"
)

// warm returns [dockerfile.SecretWarm], nil where a build must neither start from the dependencies that an earlier one
// compiled nor keep its own. A dependency's build script can plant something there which outlives it, so none of it may
// reach others: it is for an engine of this machine, with no cache to write, and not for CI.
func warm(cfg *config.Config, noCache bool, engines []engine.Choice, request *solve.Request) []byte {
	switch {
	case !cfg.Warm || cfg.CI != "" || len(request.CacheTo) > 0 || slices.ContainsFunc(engines, engine.Choice.Elsewhere):
		return nil
	case noCache:
		return []byte(dockerfile.WarmFresh)
	default:
		return []byte(dockerfile.WarmKeep)
	}
}
