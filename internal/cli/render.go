package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"lpipe/internal/build"
	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/redact"
)

func (a *app) renderCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "render [NAME|PATH ...]",
		Short: "Print the Dockerfile that would be solved",
		Long: `Print the Dockerfile that "lpipe build" would solve, byte for byte but for the id of what it keeps for you alone (warm).
An address with a password that [build.env] holds is in it as it is, and a line on standard error says so.
With --contexts, print its other inputs instead: each named context with its files, the build arguments, and the stage.
With --pin, ask the engine for the digest of the base image and write it into lpipe.toml: from then on every build has
that one, and where it was built before, it builds with the registry down.

Flags of "lpipe build" that change nothing of these are taken and not listed.`,
		ValidArgsFunction: a.completeLambdas,
	}
	settings := settingFlags(cmd.Flags(), aboutProject|aboutBase|aboutProgram|aboutEngine, aboutBuild)
	contexts := cmd.Flags().Bool("contexts", false, "list the other inputs of the build")
	all := allFlag(cmd.Flags())
	pin := cmd.Flags().Bool("pin", false, "write the digest of the base image into lpipe.toml")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		here, err := a.here()
		if err != nil {
			return err
		}
		given := settings()
		projects, err := here.Open(args, *all, given)
		if err != nil {
			return err
		}
		if *pin {
			return a.pin(cmd.Context(), here, projects)
		}
		request, err := a.renderRequest(cmd.Context(), here, projects, build.CommitsOf(here, given))
		if err != nil {
			return err
		}
		if *contexts {
			return a.listContexts(request.Targets)
		}
		texts := map[string]bool{}
		for _, t := range request.Targets {
			texts[string(t.Job.Dockerfile)] = true
		}
		first := request.Targets[0]
		if n := len(texts); n > 1 {
			return &fault.Error{
				Kind: fault.Usage, What: fmt.Sprintf("the lambdas need %d different Dockerfiles", n),
				Why: "they differ in settings that the Dockerfile holds", Fix: "name one lambda: lpipe render " + first.Lambda.Name,
			}
		}
		for _, name := range unhidden(first.Lambda) {
			foreign.Fprintf(a.Err, "lpipe: the value of %s holds what looks like a password, and is printed as it is: what a build sees stays in its layers and caches\n", name)
		}
		_, _ = a.Out.Write(first.Job.Dockerfile) // what fails is noticed by Main
		return nil
	}
	return cmd
}

// renderRequest is what would be solved, of which nothing is for this user alone.
func (a *app) renderRequest(ctx context.Context, here *project.Here, projects []*project.Project, commits build.Commits) (*build.Request, error) {
	cfg, err := here.Common(projects)
	if err != nil {
		return nil, err
	}
	joined, joinErr := a.join(cfg)
	key, _ := here.Key(projects)
	return build.Prepare(ctx, here, projects, build.Options{Stage: dockerfile.StageLambda, Key: key, Network: joined, NetworkErr: joinErr, Commits: commits})
}

// pin writes the digests of the base images into lpipe.toml, so that every build has the same ones until somebody
// pins again.
func (a *app) pin(ctx context.Context, here *project.Here, projects []*project.Project) error {
	cfg, err := here.Common(projects)
	if err != nil {
		return err
	}
	eng, err := a.engine(ctx, cfg)
	if err != nil {
		return err
	}
	defer eng.Close()
	logins := build.Logins(cfg, a.env, nil)
	done := map[string]bool{}
	for _, t := range project.Targets(projects) {
		base := t.Lambda.Build.Base
		once := t.ConfigFile() + "\n" + base
		if done[once] {
			continue
		}
		done[once] = true
		pinned, err := build.PinBase(ctx, eng, logins, base)
		switch {
		case err != nil:
			return err
		case pinned == "": // a folder
			continue
		case pinned == base:
			foreign.Fprintf(a.Err, "lpipe: %s is pinned already; take the digest out of lpipe.toml to pin another\n", base)
			continue
		}
		if err := t.Pin(pinned); err != nil {
			return err
		}
		foreign.Fprintf(a.Out, "%s\n", pinned)
	}
	return nil
}

// unhidden are the variables of the build whose values lpipe would not show elsewhere.
func unhidden(l *plan.Lambda) []string {
	var names []string
	for name, value := range l.Build.Env {
		if redact.Text(value) != value {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (a *app) listContexts(targets []build.Target) error {
	for _, t := range targets {
		j := t.Job
		foreign.Fprintf(a.Out, "lambda %s\n  target %s\n  build-arg %s=%s\n  build-arg %s=%s\n",
			j.Label, j.Stage, dockerfile.ArgKind, j.Kind, dockerfile.ArgBin, j.Bin)
		for _, name := range slices.Sorted(maps.Keys(j.Late)) {
			foreign.Fprintf(a.Out, "  build-arg %s=%s\n", dockerfile.ArgLate(name), j.Late[name])
		}
		if j.Base != nil {
			foreign.Fprintf(a.Out, "  context %s=oci-layout://%s@%s\n", dockerfile.BaseContext, j.Base.Dir, j.Base.Digest)
		}
		for _, name := range slices.Sorted(maps.Keys(j.Contexts)) {
			foreign.Fprintf(a.Out, "  context %s\n", name)
			for _, p := range j.Contexts[name].Paths() {
				foreign.Fprintf(a.Out, "    %s\n", p)
			}
		}
	}
	return nil
}
