package build

import (
	"slices"
	"testing"

	"github.com/moby/buildkit/client"

	"lpipe/internal/config"
	"lpipe/internal/project"
)

func TestSizesAreKeptBesideTheCachesOfBranches(t *testing.T) {
	const main, feature = "reg/app:zip-sizes-main", "reg/app:zip-sizes-feature"
	all := func(ref string) []string { return []string{"type=registry,ref=" + ref} }
	written := func(tag string) []client.CacheOptionsEntry {
		return []client.CacheOptionsEntry{{Type: "registry", Attrs: map[string]string{"ref": "reg/app:" + tag}}}
	}
	for name, c := range map[string]struct {
		from, to []string
		at       project.Checkout
		scope    string
		written  []client.CacheOptionsEntry
		read     []string
		write    []string
	}{
		"of a branch":          {all("reg/app"), all("reg/app"), project.Checkout{Branch: "feature", Main: "main"}, "", written("feature"), []string{main}, []string{feature}},
		"of the main branch":   {all("reg/app"), all("reg/app"), project.Checkout{Branch: "main", Main: "main"}, "", written("main"), []string{main}, []string{main}},
		"of one lambda":        {all("reg/app"), all("reg/app"), project.Checkout{Branch: "feature", Main: "main"}, ":orders", written("orders-feature"), []string{main, "reg/app:zip-sizes-orders-main"}, []string{"reg/app:zip-sizes-orders-feature"}},
		"what is read alone":   {all("reg/app"), nil, project.Checkout{Branch: "feature", Main: "main"}, "", nil, []string{main}, nil},
		"what is not written":  {nil, all("reg/app"), project.Checkout{Branch: "feature", Main: "main"}, "", nil, nil, nil},
		"a tag":                {all("reg/app"), all("reg/app"), project.Checkout{Tag: true, Main: "main"}, "", nil, []string{main}, nil},
		"caches with a tag":    {all("reg/app:x"), all("reg/app:x"), project.Checkout{Branch: "feature", Main: "main"}, "", written("x"), nil, nil},
		"caches of other kind": {[]string{"type=local,src=/x"}, []string{"type=local,dest=/x"}, project.Checkout{Branch: "feature", Main: "main"}, "", nil, nil, nil},
	} {
		cfg := &config.Config{Cache: config.Cache{From: c.from, To: c.to}}
		read, write := sizeNames(cfg, nil, c.at, c.scope, c.written)
		if !slices.Equal(read, c.read) || !slices.Equal(write, c.write) {
			t.Errorf("%s: read %q, write %q", name, read, write)
		}
	}
}
