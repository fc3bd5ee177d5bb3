package build

import (
	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/engine"
	"lpipe/internal/project"
	"lpipe/internal/userkey"
)

// warming is how builds start from the dependencies that an earlier one compiled, and keep their own.
type warming struct {
	mode  string   // dockerfile.WarmKeep or dockerfile.WarmFresh; "" where they do not
	notes []string // for the report
}

// chooseWarm decides that for a run.
func chooseWarm(cfg *config.Config, o Options, writesCache bool) warming {
	if !cfg.Warm {
		return warming{}
	}
	why, at := neverWarm(cfg, o.Key.Lasting(), o.Engines, writesCache), cfg.Origin("build.warm")
	switch {
	case why != "" && at != config.Origin{}:
		return warming{notes: []string{"warm (" + at.String() + ") has no effect: " + why}}
	case why != "":
		return warming{}
	case o.NoCache:
		return warming{mode: dockerfile.WarmFresh}
	}
	return warming{mode: dockerfile.WarmKeep}
}

// secrets are those of the steps.
func (w warming) secrets() map[string][]byte {
	if w.mode == "" {
		return nil
	}
	return map[string][]byte{dockerfile.SecretWarm: []byte(w.mode)}
}

// own returns the Dockerfile of a project with a place for its dependencies that no other project and no other user has.
func (w warming) own(text []byte, p *project.Project, key userkey.Key) []byte {
	if w.mode == "" {
		return text
	}
	return dockerfile.OwnWarm(text, warmOwner(p.Dir, key))
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
