package build

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/moby/buildkit/client"

	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/engine"
	"lpipe/internal/project"
	"lpipe/internal/solve"
	"lpipe/internal/testparts"
)

// TestSeveralEnginesHaveTheirOwnCaches: what one has written, the other does not replace.
func TestSeveralEnginesHaveTheirOwnCaches(t *testing.T) {
	at := func(address string) engine.Chosen { return engine.Chosen{Choice: engine.Choice{Address: address}} }
	if got := suffixes([]engine.Chosen{at("tcp://a:1")}); got != nil {
		t.Errorf("one engine has the suffixes %q", got)
	}
	chosen := []engine.Chosen{at("tcp://a:1"), at("tcp://b:1"), {Err: errors.New("unknown")}}
	r := &Request{suffixes: suffixes(chosen)}
	r.solve.CacheTo = []client.CacheOptionsEntry{{Type: "registry", Attrs: map[string]string{"ref": "r.example.com/c:main"}}}
	on := func(address string, platforms ...string) solve.Engine {
		return r.on(engine.Description{Choice: engine.Choice{Address: address}, Platforms: platforms})
	}
	first, second := on("tcp://a:1", "linux/arm64", "linux/amd64"), on("tcp://b:1")
	if first.Platform != "linux/arm64" || second.Platform != "" || first.Name != "tcp://a:1" {
		t.Errorf("%+v, %+v", first, second)
	}
	mine, others := first.CacheTo[0].Attrs["ref"], second.CacheTo[0].Attrs["ref"]
	if mine != "r.example.com/c:main" || others == mine {
		t.Errorf("the caches are %s and %s", mine, others)
	}
	// The suffix is that of the address, whichever engines there are beside it and whether they can be used.
	swapped := suffixes([]engine.Chosen{{Err: errors.New("gone")}, at("tcp://b:1")})
	if swapped["tcp://b:1"] != r.suffixes["tcp://b:1"] || swapped["tcp://b:1"] == "" {
		t.Errorf("%q, %q", swapped, r.suffixes)
	}
}

// TestTheEnvironmentWinsOverTheFile: also where the variable is BuildKit's own.
func TestTheEnvironmentWinsOverTheFile(t *testing.T) {
	dir := t.TempDir()
	testparts.Unpack(t, dir, "-- lpipe.toml --\nengine = 'tcp://file:1'\n[registry.'r.example.com']\nca = 'ca.pem'\nhttp = true\n-- ca.pem --\n")
	here := &project.Here{Dir: dir, Disk: disk.Disk{FS: os.DirFS("/")}}
	cfg, err := here.Config(nil)
	if err != nil {
		t.Fatal(err)
	}
	o := EngineOptions(cfg, map[string]string{"LPIPE_ENGINE_ROOT": "/state"})
	if r := o.Registries["r.example.com"]; o.Engine != "tcp://file:1" || o.Root != "/state" || !r.HTTP || len(r.CA) != 1 || r.CA[0] != filepath.Join(dir, "ca.pem") {
		t.Errorf("%+v", o)
	}
	if o := EngineOptions(cfg, map[string]string{"BUILDKIT_HOST": "tcp://env:1"}); o.Engine != "" || o.Getenv("BUILDKIT_HOST") != "tcp://env:1" {
		t.Errorf("%+v", o)
	}
	cfg, err = here.Config([]config.Setting{{Key: "engine", Values: []string{"tcp://flag:1"}, Flag: "--engine"}})
	if err != nil {
		t.Fatal(err)
	}
	if o := EngineOptions(cfg, map[string]string{"BUILDKIT_HOST": "tcp://env:1"}); o.Engine != "tcp://flag:1" {
		t.Errorf("a flag has lost: %q", o.Engine)
	}
}
