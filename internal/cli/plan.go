package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"lpipe/internal/foreign"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/since"
)

const sinceUsage = "only the lambdas whose sources, dependencies or settings differ from the git `REV`ision"

func (a *app) planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan [NAME|PATH ...]",
		Short: "List the lambdas that would be built, and why",
		Long: `List the lambdas that "lpipe build" would build with the same arguments. With --since, only those that differ from
a git revision, each with what differs: its sources and those of the local packages it uses, the dependencies that
Cargo.lock names for it, or its settings. Files that git does not track count as sources. Others are compared with what
git stores: one that git rewrites when it checks it out (line ends, Git LFS) counts as changed.`,
	}
	settings := settingFlags(cmd.Flags())
	all := allFlag(cmd.Flags())
	rev := cmd.Flags().String("since", "", sinceUsage)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		here, err := a.here()
		if err != nil {
			return err
		}
		projects, err := here.Open(args, *all, settings())
		if err != nil {
			return err
		}
		var why map[*plan.Lambda][]string
		if *rev != "" {
			if projects, why, err = since.Changed(cmd.Context(), here, projects, *rev, settings()); err != nil {
				return err
			}
		}
		return a.listPlan(here, projects, why, *asJSON)
	}
	return cmd
}

// planned is one lambda in the JSON of "lpipe plan", whose shape is versioned like that of the report.
type planned struct {
	Name    string   `json:"name"`
	Arch    string   `json:"arch"`
	Target  string   `json:"target"`
	Package string   `json:"package"`
	Dir     string   `json:"dir"`               // of the package, relative to the workspace root
	Project string   `json:"project,omitempty"` // the workspace root, where there are several
	Changed []string `json:"changed,omitempty"`
}

func (a *app) listPlan(here *project.Here, projects []*project.Project, why map[*plan.Lambda][]string, asJSON bool) error {
	list := struct {
		Version int       `json:"version"`
		Lambdas []planned `json:"lambdas"`
		Notes   []string  `json:"notes,omitempty"` // what has no effect, and other decisions that the user may want to know of
	}{1, []planned{}, planNotes(projects, "")}
	for _, t := range project.Targets(projects) {
		l := t.Lambda
		one := planned{
			Name: l.Label(), Arch: l.Arch, Target: l.Build.TargetFor(l.Arch), Package: l.Package.Name, Dir: l.Package.Dir, Changed: why[l],
		}
		if len(projects) > 1 {
			one.Project = here.Show(t.Dir)
		}
		list.Lambdas = append(list.Lambdas, one)
	}
	if asJSON {
		return foreign.WriteJSON(a.Out, list, "")
	}
	for _, l := range list.Lambdas {
		foreign.Fprintf(a.Out, "%s  %s  %s\n", l.Name, l.Target, strings.Join(l.Changed, ", "))
	}
	for _, note := range list.Notes {
		foreign.Fprintf(a.Err, "note: %s\n", note)
	}
	return nil
}
