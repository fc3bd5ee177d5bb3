package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lpipe/internal/engine"
	"lpipe/internal/examples"
	"lpipe/internal/plan"
	"lpipe/internal/progress"
	"lpipe/internal/project"
	"lpipe/internal/runnable"
	"lpipe/internal/scaffold"
)

// flagValues are the values of flags that have a few, or begin with them.
var flagValues = map[string][]string{
	"arch":     {"x86_64", "arm64"},
	"platform": {"linux/amd64", "linux/arm64"},
	"link":     {"static", "dynamic"},
	"network":  {"none", "default"},

	"isolate-network": runnable.Networks,

	"engine":     engine.Names(),
	"progress":   progress.Modes,
	"ssh":        {"default"},
	"provenance": {"true", "false"},
	"sbom":       {"true", "false"},
	"log-format": logFormats,
	"log-type":   logTypes,
}

// completeFlags has the shell complete the values of the flags of all verbs below cmd.
func (a *app) completeFlags(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		a.completeFlags(c)
	}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		var values cobra.CompletionFunc
		known := flagValues[f.Name]
		for _, q := range scaffold.Questions {
			if q.Flag == f.Name && (cmd.Name() == "new" || cmd.Name() == "init") {
				known = q.Choices
			}
		}
		switch {
		case known != nil:
			values = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
				return known, cobra.ShellCompDirectiveNoFileComp
			}
		case f.Name == "data-example":
			values = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
				return examples.Names(), cobra.ShellCompDirectiveNoFileComp
			}
		case f.Name == "profile" && cmd.LocalFlags().Lookup("endpoint-url") != nil:
			return // AWS's
		case f.Name == "profile":
			values = a.fromProjects(profiles)
		case f.Name == "features":
			values = a.fromProjects(features)
		default:
			return
		}
		_ = cmd.RegisterFlagCompletionFunc(f.Name, values) // the flag is there
	})
}

// completeLambdas completes the names of lambdas, beside which a folder may be named too.
func (a *app) completeLambdas(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	names, _ := a.fromProjects(func(p *project.Project) []string {
		var names []string
		for _, v := range p.Plan.Variants {
			for _, l := range v.Lambdas {
				names = append(names, l.Name)
			}
		}
		return names
	})(cmd, args, begun)
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(args, name) })
	if strings.ContainsAny(begun, "/.") {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeLambda completes the name of the one lambda that a verb takes; what may follow is the name of a file.
func (a *app) completeLambda(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	switch {
	case len(args) == 0:
		return a.completeLambdas(cmd, args, begun)
	case cmd.Args(cmd, append(slices.Clone(args), "file")) == nil:
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// fromProjects completes with what the projects here have. Where they cannot be read there is nothing.
func (a *app) fromProjects(of func(*project.Project) []string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		here, err := a.here()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		projects, _, err := here.OpenMost(nil, true, nil)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var all []string
		for _, p := range projects {
			all = append(all, of(p)...)
		}
		slices.Sort(all)
		return slices.Compact(all), cobra.ShellCompDirectiveNoFileComp
	}
}

// profiles are those of cargo that a project may be built with.
func profiles(p *project.Project) []string {
	return append(p.Plan.Workspace.Profiles(), plan.OwnProfiles...)
}

// features are those of the packages of lambdas.
func features(p *project.Project) (all []string) {
	for _, v := range p.Plan.Variants {
		for _, l := range v.Lambdas {
			for name := range l.Package.Features {
				all = append(all, name)
			}
		}
	}
	return all
}
