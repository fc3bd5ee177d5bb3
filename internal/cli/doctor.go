package cli

import (
	"context"

	"github.com/spf13/cobra"

	"lpipe/internal/access"
	"lpipe/internal/build"
	"lpipe/internal/config"
	"lpipe/internal/doctor"
	"lpipe/internal/network"
	"lpipe/internal/project"
)

func (a *app) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Tell what works here, what does not, and the fix",
		Long: `Check what a build of this project needs of this machine: the engine, the base image, and for private git
dependencies the SSH agent or keys, the pinned host keys, and which key each repository is fetched with. Nothing is
built, and no git server is contacted; lpipe hostkeys verify does that.`,
		Args: cobra.NoArgs,
	}
	settings := settingFlags(cmd.Flags())
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
	checks := a.diagnoseEngines(ctx, cfg)
	checks = append(checks, doctor.BaseImages(projects)...)
	_, granted, err := a.credentials(here, projects, ssh)
	if err != nil {
		return append(checks, doctor.Check{Name: "ssh", Err: err})
	}
	return append(checks, doctor.Access(ctx, granted)...)
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
