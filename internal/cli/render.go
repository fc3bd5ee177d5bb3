package cli

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/plan"
	"lpipe/internal/redact"
	"lpipe/internal/solve"
)

func (a *app) renderCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "render [NAME|PATH ...]",
		Short: "Print the Dockerfile that would be solved",
		Long: `Print the Dockerfile that "lpipe build" would solve, byte for byte but for the id of what it keeps for you alone (warm).
An address with a password that [build.env] holds is in it as it is, and a line on standard error says so.
With --contexts, print its other inputs instead: each named context with its files, the build arguments, and the stage.
With --pin, ask the engine for the digest of the base image and write it into lpipe.toml: from then on every build has
that one, and where it was built before, it builds with the registry down.`,
	}
	settings := settingFlags(cmd.Flags())
	contexts := cmd.Flags().Bool("contexts", false, "list the other inputs of the build")
	all := allFlag(cmd.Flags())
	pin := cmd.Flags().Bool("pin", false, "write the digest of the base image into lpipe.toml")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		projects, err := a.open(args, *all, settings())
		if err != nil {
			return err
		}
		r, err := a.newRun(projects, dockerfile.StageLambda)
		if err != nil {
			return err
		}
		if *pin {
			return r.pin(cmd.Context())
		}
		request, err := r.request(cmd.Context())
		if err != nil {
			return err
		}
		if *contexts {
			return a.listContexts(request.Jobs)
		}
		texts := map[string]bool{}
		for _, j := range request.Jobs {
			texts[string(j.Dockerfile)] = true
		}
		if n := len(texts); n > 1 {
			return &fault.Error{
				Kind: fault.Usage, What: fmt.Sprintf("the lambdas need %d different Dockerfiles", n),
				Why: "they differ in settings that the Dockerfile holds", Fix: "name one lambda: lpipe render " + parts(projects)[0].lambda.Name,
			}
		}
		for _, name := range unhidden(r.laid[0].lambda) {
			foreign.Fprintf(a.Err, "lpipe: the value of %s holds what looks like a password, and is printed as it is: what a build sees stays in its layers and caches\n", name)
		}
		_, err = a.Out.Write(request.Jobs[0].Dockerfile)
		return err
	}
	return cmd
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

func (a *app) listContexts(jobs []*solve.Job) error {
	for _, j := range jobs {
		foreign.Fprintf(a.Out, "lambda %s\n  target %s\n  build-arg %s=%s\n  build-arg %s=%s\n",
			j.Label, j.Stage, dockerfile.ArgKind, j.Kind, dockerfile.ArgBin, j.Bin)
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
