package cli

import (
	"context"

	"github.com/spf13/cobra"

	"lpipe/internal/access"
	"lpipe/internal/build"
	"lpipe/internal/config"
	"lpipe/internal/doctor"
	"lpipe/internal/engine"
	"lpipe/internal/foreign"
	"lpipe/internal/network"
	"lpipe/internal/project"
	"lpipe/internal/publish"
)

func (a *app) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Tell what works here, what does not, and the fix",
		Long: `Check what a build of this project needs of this machine: the engine, the base image, caches and images in
registries, and for private git dependencies the SSH agent or keys, the pinned host keys, and which key each repository is
fetched with. Registries are asked whether the image is there, and whether you may read and write; an upload that was begun
for that is cancelled. Nothing is built, and no git server is contacted; lpipe hostkeys verify does that.

Flags of "lpipe build" that change nothing of this are taken and not listed.`,
		Args: cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
	}
	settings := settingFlags(cmd.Flags(), aboutProject|aboutBase|aboutEngine|aboutCache, aboutBuild)
	ssh := listFlag(cmd.Flags(), "ssh", sshUsage)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return doctor.Print(a.Out, a.diagnose(cmd.Context(), settings(), *ssh))
	}
	return cmd
}

func (a *app) diagnose(ctx context.Context, settings []config.Setting, ssh []string) []doctor.Check {
	here, err := a.here()
	if err != nil {
		return []doctor.Check{{Name: "project", Err: err}}
	}
	projects, err := here.Open(nil, false, settings)
	var cfg *config.Config
	if err == nil {
		cfg, err = here.Common(projects)
	}
	if err != nil {
		return append(a.diagnoseEngines(ctx, &config.Config{}), doctor.Check{Name: "project", Err: err})
	}
	checks := append(a.diagnoseEngines(ctx, cfg), a.diagnoseImages(ctx, here, projects, cfg)...)
	_, granted, err := a.credentials(here, projects, ssh)
	if err != nil {
		return append(checks, doctor.Check{Name: "ssh", Err: err})
	}
	return append(checks, doctor.Access(ctx, granted)...)
}

// diagnoseImages asks the registries for the base images, the caches and the images that would be pushed: for the first by
// way of the engine, which pulls them.
func (a *app) diagnoseImages(ctx context.Context, here *project.Here, projects []*project.Project, cfg *config.Config) []doctor.Check {
	say := func(line string) { foreign.Fprintf(a.Err, "lpipe: %s\n", line) }
	joined, err := a.join(cfg)
	if err != nil {
		return []doctor.Check{{Name: "registry", Err: err}}
	}
	logins := build.Logins(cfg, joined.Env, say)
	var ask func(context.Context, string) (string, error)
	if o, err := a.engineOptions(cfg, joined); err == nil {
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
	checks := doctor.BaseImages(ctx, projects, ask)
	pusher := &publish.Pusher{Logins: logins, Registries: build.Registries(cfg), Log: say}
	read := func(ctx context.Context, name string) error { return pusher.Ask(ctx, name, false) }
	write := func(ctx context.Context, name string) error { return pusher.Ask(ctx, name, true) }
	from, to := build.CacheImages(cfg, joined.Env)
	checks = append(checks, doctor.Images(ctx, "cache from", from, read)...)
	checks = append(checks, doctor.Images(ctx, "cache to", to, write)...)
	for _, t := range project.Targets(projects) {
		if !t.Config.Push {
			continue
		}
		names, err := build.ImageNames(ctx, here, t)
		if err != nil {
			checks = append(checks, doctor.Check{Name: "image", Err: err})
		}
		checks = append(checks, doctor.Images(ctx, "image", names, write)...)
	}
	return checks
}

// diagnoseEngines checks the engines that the configuration names.
func (a *app) diagnoseEngines(ctx context.Context, cfg *config.Config) []doctor.Check {
	joined, err := a.join(cfg)
	if err != nil {
		return []doctor.Check{{Name: "engine", Err: err}}
	}
	o, err := a.engineOptions(cfg, joined)
	if err != nil {
		return []doctor.Check{{Name: "engine", Err: err}}
	}
	return doctor.Engines(ctx, o)
}

// credentials are what the fetch steps of the projects may fetch, and with what.
func (a *app) credentials(here *project.Here, projects []*project.Project, ssh []string) (network.Joined, *access.Access, error) {
	cfg, err := here.Common(projects)
	if err != nil {
		return network.Joined{}, nil, err
	}
	joined, err := a.join(cfg)
	if err != nil {
		return joined, nil, err
	}
	granted, _, err := build.Credentials(here, projects, build.CredentialOptions{Network: joined, SSH: ssh})
	return joined, granted, err
}
