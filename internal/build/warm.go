package build

import (
	"encoding/hex"

	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/engine"
	"lpipe/internal/project"
	"lpipe/internal/userkey"
)

// warm lets the jobs of the targets start from the dependencies that an earlier build compiled, and keep their own. It
// returns the secrets for their steps.
func warm(targets []Target, o Options) map[string][]byte {
	mode := dockerfile.WarmKeep
	if o.NoCache {
		mode = dockerfile.WarmFresh
	}
	for _, t := range targets {
		t.Job.Dockerfile = dockerfile.OwnWarm(t.Job.Dockerfile, warmOwner(t.Project, o.Key))
	}
	return map[string][]byte{dockerfile.SecretWarm: []byte(mode)}
}

// warmOwner keeps the compiled dependencies of this user and workspace apart from all others: nobody else can guess it.
func warmOwner(p *project.Project, key userkey.Key) string {
	return hex.EncodeToString(key.Derive("warm", p.Dir))
}

// neverWarm says why a build must not start from the dependencies that an earlier one compiled, "" where it may. A
// dependency's build script can plant something there which outlives it, so none of it may reach other projects or users.
// lasting is whether the user has a secret by which they are told apart.
func neverWarm(cfg *config.Config, lasting bool, engines []engine.Chosen, writesCache bool) string {
	switch {
	case cfg.CI != "":
		return "this is CI (" + cfg.CI + ")"
	case writesCache:
		return "the build writes a cache"
	case !local(engines):
		return "only the embedded engine is this user's alone, others may use the one that is configured"
	case !lasting:
		return "no secret of yours is kept"
	}
	return ""
}
