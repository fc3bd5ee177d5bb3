package doctor

import (
	"context"

	"lpipe/internal/build"
	"lpipe/internal/config"
	"lpipe/internal/engine"
	"lpipe/internal/network"
	"lpipe/internal/project"
	"lpipe/internal/publish"
)

// Machine is how a build on this machine reaches what it uses.
type Machine struct {
	Join    func(*config.Config) (network.Joined, error)                 // the network
	Engines func(*config.Config, network.Joined) (engine.Options, error) // that the configuration names
	Log     func(line string)                                            // what is said while one waits
}

// Diagnose checks what a build of the projects here would use, with the settings and the values of --ssh: engines, base images, caches,
// images that are pushed, and what private repositories are fetched with. Where there is no project that can be read, it is the engines.
func Diagnose(ctx context.Context, here *project.Here, settings []config.Setting, ssh []string, m Machine) []Check {
	projects, err := here.Open(nil, false, settings)
	var cfg *config.Config
	if err == nil {
		cfg, err = here.Common(projects)
	}
	if err != nil {
		return append(m.engines(ctx, &config.Config{}), Check{Name: "project", Err: err})
	}
	checks := append(m.engines(ctx, cfg), m.images(ctx, here, projects, cfg)...)
	joined, err := m.Join(cfg)
	if err != nil {
		return append(checks, Check{Name: "ssh", Err: err})
	}
	granted, _, err := build.Credentials(here, projects, build.CredentialOptions{Network: joined, SSH: ssh})
	if err != nil {
		return append(checks, Check{Name: "ssh", Err: err})
	}
	return append(checks, Access(ctx, granted)...)
}

// engines checks the engines that the configuration names.
func (m Machine) engines(ctx context.Context, cfg *config.Config) []Check {
	joined, err := m.Join(cfg)
	if err != nil {
		return []Check{{Name: "engine", Err: err}}
	}
	o, err := m.Engines(cfg, joined)
	if err != nil {
		return []Check{{Name: "engine", Err: err}}
	}
	return Engines(ctx, o)
}

// images asks the registries for the base images, the caches and the images that would be pushed: for the first by way of the engine,
// which pulls them.
func (m Machine) images(ctx context.Context, here *project.Here, projects []*project.Project, cfg *config.Config) []Check {
	joined, err := m.Join(cfg)
	if err != nil {
		return []Check{{Name: "registry", Err: err}}
	}
	logins := build.Logins(cfg, joined.Env, m.Log)
	var ask func(context.Context, string) (string, error)
	if o, err := m.Engines(cfg, joined); err == nil {
		opened, _, err := engine.OpenEach(ctx, o, engine.ChooseEach(o), nil)
		if err == nil { // else the check of the engines says why
			for _, e := range opened {
				defer e.Close()
			}
			ask = func(ctx context.Context, base string) (string, error) {
				digest, err := build.AskBase(ctx, opened[0], logins, base)
				return digest.String(), err
			}
		}
	}
	checks := BaseImages(ctx, projects, ask)
	pusher := &publish.Pusher{Logins: logins, Registries: build.Registries(cfg), Log: m.Log}
	read := func(ctx context.Context, name string) error { return pusher.Ask(ctx, name, false) }
	write := func(ctx context.Context, name string) error { return pusher.Ask(ctx, name, true) }
	from, to := build.CacheImages(cfg, joined.Env)
	checks = append(checks, Images(ctx, "cache from", from, read)...)
	checks = append(checks, Images(ctx, "cache to", to, write)...)
	for _, t := range project.Targets(projects) {
		if !t.Config.Push {
			continue
		}
		names, err := build.ImageNames(ctx, here, t)
		if err != nil {
			checks = append(checks, Check{Name: "image", Err: err})
		}
		checks = append(checks, Images(ctx, "image", names, write)...)
	}
	return checks
}
