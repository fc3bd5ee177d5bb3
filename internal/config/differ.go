package config

import "reflect"

// Differ names the tables and keys in which a and b differ of those that hold for a whole run, whatever it builds: where
// it builds, what it caches, and what it may fetch with whose keys.
func Differ(a, b *Config) []string {
	var names []string
	for _, s := range []struct {
		name string
		a, b any
	}{
		{"engine", a.Engine, b.Engine},
		{"builder", a.Builder, b.Builder},
		{"progress", a.Progress, b.Progress},
		{"[registry]", a.Registry, b.Registry},
		{"[ssh]", a.SSH, b.SSH},
		{"[git]", a.Git, b.Git},
		{"[network]", a.Network, b.Network},
		{"build.warm", a.Warm, b.Warm},
		{"[cache]", a.Cache, b.Cache},
		{"ci.cache-write", a.CacheWrite, b.CacheWrite},
	} {
		if !reflect.DeepEqual(s.a, s.b) {
			names = append(names, s.name)
		}
	}
	return names
}
