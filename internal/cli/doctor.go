package cli

import (
	"context"

	"github.com/spf13/cobra"

	"lpipe/internal/config"
	"lpipe/internal/doctor"
	"lpipe/internal/engine"
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
	projects, err := a.open(nil, false, settings)
	var cfg *config.Config
	if err == nil {
		cfg, err = common(projects)
	}
	if err != nil {
		o, optionsErr := a.engineOptions(&config.Config{})
		if optionsErr != nil {
			return []doctor.Check{{Name: "engine", Err: optionsErr}}
		}
		return append(doctor.Engine(ctx, o), doctor.Check{Name: "project", Err: err})
	}
	var checks []doctor.Check
	o, err := a.engineOptions(cfg)
	if err != nil {
		checks = append(checks, doctor.Check{Name: "engine", Err: err})
	} else {
		for _, one := range engine.Each(o) {
			checks = append(checks, doctor.Engine(ctx, one)...)
		}
	}
	seen := map[string]bool{}
	for _, p := range projects {
		for _, v := range p.plan.Variants {
			if seen[v.Base] {
				continue
			}
			seen[v.Base] = true
			layout, err := baseLayout(v)
			detail := v.Base + ", which the engine pulls when a build needs it"
			if layout != nil {
				detail = v.Base + ", " + layout.Digest.String()
			}
			checks = append(checks, doctor.Check{Name: "base image", Detail: detail, Err: err})
		}
	}
	granted, _, err := a.access(projects, ssh, nil, nil)
	if err != nil {
		return append(checks, doctor.Check{Name: "ssh", Err: err})
	}
	return append(checks, doctor.Access(ctx, granted)...)
}
