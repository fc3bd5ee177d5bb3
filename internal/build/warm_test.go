package build

import (
	"testing"

	"lpipe/internal/config"
	"lpipe/internal/engine"
	"lpipe/internal/project"
	"lpipe/internal/userkey"
)

func TestCompiledDependenciesAreKeptForThisUserAlone(t *testing.T) {
	own := engine.Chosen{Choice: engine.Choice{Kind: engine.Embedded, Address: "/var/lib/lpipe", Local: true}}
	// What resolves an address need not know of this to be kept out of it.
	at := func(kind engine.Kind, address string) []engine.Chosen {
		return []engine.Chosen{own, {Choice: engine.Choice{Kind: kind, Address: address}}}
	}
	for name, c := range map[string]struct {
		ci          string
		writesCache bool
		forgets     bool
		engines     []engine.Chosen
		want        bool
	}{
		"at home":               {engines: []engine.Chosen{own}, want: true},
		"in CI":                 {ci: "GitLab CI", engines: []engine.Chosen{own}},
		"with a cache to write": {writesCache: true, engines: []engine.Chosen{own}},
		"without a secret":      {forgets: true, engines: []engine.Chosen{own}},
		"elsewhere":             {engines: at(engine.Address, "tcp://build.example.com:1234")},
		"buildkitd here":        {engines: at(engine.Address, "unix:///run/buildkit/buildkitd.sock")},
		"Docker here":           {engines: at(engine.Docker, "unix:///run/docker.sock")},
		"Docker elsewhere":      {engines: at(engine.Docker, "ssh://me@build.example.com")},
		"a container here":      {engines: at(engine.Address, "docker-container://buildkit")},
		"a container elsewhere": {engines: at(engine.Address, "docker-container://buildkit?context=far")},
		"a new kind":            {engines: at(engine.Embedded, "vm://builder")},
		"no engine":             {},
	} {
		if why := neverWarm(&config.Config{CI: c.ci}, !c.forgets, c.engines, c.writesCache); (why == "") != c.want {
			t.Errorf("%s: %q", name, why)
		}
	}
}

func TestSharedKeysTellProjectsApart(t *testing.T) {
	a, b := &project.Project{Dir: "/mono/orders"}, &project.Project{Dir: "/mono/users"}
	one, _ := userkey.Load(map[string]string{"HOME": t.TempDir()})
	two, _ := userkey.Load(map[string]string{"HOME": t.TempDir()})
	if sharedKey(a, one) == sharedKey(b, one) || sharedKey(a, one) == sharedKey(a, two) || sharedKey(a, one) != sharedKey(&project.Project{Dir: a.Dir}, one) {
		t.Error(sharedKey(a, one), sharedKey(b, one), sharedKey(a, two))
	}
}
