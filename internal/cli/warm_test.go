package cli

import (
	"testing"

	"github.com/moby/buildkit/client"

	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/engine"
	"lpipe/internal/solve"
)

func TestCompiledDependenciesAreKeptForThisMachineAlone(t *testing.T) {
	local, socket := engine.Choice{Kind: engine.Embedded, Address: "/var/lib/lpipe"}, engine.Choice{Kind: engine.Docker, Address: "unix:///run/docker.sock"}
	export := []client.CacheOptionsEntry{{Type: "local"}}
	for name, c := range map[string]struct {
		cfg     config.Config
		noCache bool
		to      []client.CacheOptionsEntry
		engines []engine.Choice
		want    string
	}{
		"at home":               {cfg: config.Config{Warm: true}, engines: []engine.Choice{local}, want: dockerfile.WarmKeep},
		"Docker here":           {cfg: config.Config{Warm: true}, engines: []engine.Choice{socket}, want: dockerfile.WarmKeep},
		"without the cache":     {cfg: config.Config{Warm: true}, noCache: true, engines: []engine.Choice{local}, want: dockerfile.WarmFresh},
		"turned off":            {engines: []engine.Choice{local}},
		"in CI":                 {cfg: config.Config{Warm: true, CI: "GitLab CI"}, engines: []engine.Choice{local}},
		"with a cache to write": {cfg: config.Config{Warm: true}, to: export, engines: []engine.Choice{local}},
		"one engine elsewhere":  {cfg: config.Config{Warm: true}, engines: []engine.Choice{local, {Kind: engine.Address, Address: "tcp://build.example.com:1234"}}},
		"Docker elsewhere":      {cfg: config.Config{Warm: true}, engines: []engine.Choice{{Kind: engine.Docker, Address: "ssh://me@build.example.com"}}},
	} {
		if got := warm(&c.cfg, c.noCache, c.engines, &solve.Request{CacheTo: c.to}); string(got) != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
