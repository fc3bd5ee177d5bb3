package build

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/moby/buildkit/client"

	"lpipe/cache"
	"lpipe/internal/config"
	"lpipe/internal/engine"
	"lpipe/internal/solve"
)

// EngineOptions are those by which the configuration and the environment pick engines.
func EngineOptions(cfg *config.Config, env map[string]string) engine.Options {
	o := engine.Options{
		Engine: cfg.Engine, Builder: cfg.Builder, Getenv: func(name string) string { return env[name] },
		Root: env["LPIPE_ENGINE_ROOT"], Registries: map[string]engine.Registry{},
	}
	// The environment wins over lpipe.toml, also where the variable is BuildKit's own.
	if cfg.Origin("engine").File != "" && env["BUILDKIT_HOST"] != "" {
		o.Engine = ""
	}
	for host, r := range cfg.Registry {
		reached := engine.Registry{Mirrors: r.Mirrors, HTTP: r.HTTP}
		if r.CA != "" {
			reached.CA = []string{r.CA}
		}
		o.Registries[host] = reached
	}
	return o
}

// on is one of several engines, with the caches that are its own.
func (r *Request) on(e engine.Description) solve.Engine {
	own := solve.Engine{
		Name: e.Address, CacheFrom: withSuffix(r.solve.CacheFrom, r.suffixes[e.Address]), CacheTo: withSuffix(r.solve.CacheTo, r.suffixes[e.Address]),
	}
	if len(e.Platforms) > 0 {
		own.Platform = e.Platforms[0]
	}
	return own
}

// suffixes are those of the caches that several engines keep, by their addresses; nil where there is one engine.
//
// Each engine writes and reads its own, where its lambdas are again in the next run. One cache would hold what the last
// engine built, and an engine that read all could take the dependencies that another has compiled, on which none of its
// own lambdas is based. The suffix of the first engine is "", so that who has one engine finds that cache.
func suffixes(engines []engine.Chosen) map[string]string {
	if len(engines) <= 1 {
		return nil
	}
	all := map[string]string{}
	for i, e := range engines {
		if e.Err != nil { // it is left out
			continue
		}
		sum := sha256.Sum256([]byte(e.Address))
		if all[e.Address] = hex.EncodeToString(sum[:4]); i == 0 {
			all[e.Address] = ""
		}
	}
	return all
}

// withSuffix are the caches with a suffix of one engine.
func withSuffix(all []client.CacheOptionsEntry, suffix string) []client.CacheOptionsEntry {
	if suffix == "" {
		return all
	}
	suffixed := make([]client.CacheOptionsEntry, len(all))
	for i, e := range all {
		of := cache.Entry{Type: e.Type, Attrs: e.Attrs}.Scope(suffix)
		suffixed[i] = client.CacheOptionsEntry{Type: of.Type, Attrs: of.Attrs}
	}
	return suffixed
}
