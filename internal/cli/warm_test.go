package cli

import (
	"testing"

	"lpipe/internal/config"
	"lpipe/internal/engine"
	"lpipe/internal/userkey"
)

func TestCompiledDependenciesAreKeptForThisUserAlone(t *testing.T) {
	local := engine.Choice{Kind: engine.Embedded, Address: "/var/lib/lpipe"}
	at := func(kind engine.Kind, address string) []engine.Choice {
		return []engine.Choice{local, {Kind: kind, Address: address}}
	}
	for name, c := range map[string]struct {
		ci          string
		writesCache bool
		forgets     bool
		engines     []engine.Choice
		want        bool
	}{
		"at home":               {engines: []engine.Choice{local}, want: true},
		"in CI":                 {ci: "GitLab CI", engines: []engine.Choice{local}},
		"with a cache to write": {writesCache: true, engines: []engine.Choice{local}},
		"without a secret":      {forgets: true, engines: []engine.Choice{local}},
		"elsewhere":             {engines: at(engine.Address, "tcp://build.example.com:1234")},
		"buildkitd here":        {engines: at(engine.Address, "unix:///run/buildkit/buildkitd.sock")},
		"Docker here":           {engines: at(engine.Docker, "unix:///run/docker.sock")},
		"Docker elsewhere":      {engines: at(engine.Docker, "ssh://me@build.example.com")},
		"a container here":      {engines: at(engine.Address, "docker-container://buildkit")},
	} {
		if why := neverWarm(&config.Config{CI: c.ci}, !c.forgets, c.engines, c.writesCache); (why == "") != c.want {
			t.Errorf("%s: %q", name, why)
		}
	}
}

func TestKeptDependenciesHaveOneOwner(t *testing.T) {
	a, b := &project{dir: "/home/me/api"}, &project{dir: "/home/me/other/api"}
	one, _ := userkey.Load(map[string]string{"HOME": t.TempDir()})
	two, _ := userkey.Load(map[string]string{"HOME": t.TempDir()})
	if a.warmOwner(one) == b.warmOwner(one) || a.warmOwner(one) == a.warmOwner(two) || a.warmOwner(one) != (&project{dir: a.dir}).warmOwner(one) {
		t.Error(a.warmOwner(one), b.warmOwner(one), a.warmOwner(two))
	}
}
