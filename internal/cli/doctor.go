package cli

import (
	"github.com/spf13/cobra"

	"lpipe/internal/access"
	"lpipe/internal/build"
	"lpipe/internal/doctor"
	"lpipe/internal/network"
	"lpipe/internal/project"
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
		here, err := a.here()
		if err != nil {
			return doctor.Print(a.Out, []doctor.Check{{Name: "project", Err: err}})
		}
		return doctor.Print(a.Out, doctor.Diagnose(cmd.Context(), here, settings(), *ssh, doctor.Machine{Join: a.join, Engines: a.engineOptions, Log: a.say}))
	}
	return cmd
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
