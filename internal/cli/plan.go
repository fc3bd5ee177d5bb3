package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/plan"
	"lpipe/internal/since"
)

const sinceUsage = "only the lambdas whose sources, dependencies or settings differ from the git `REV`ision"

func (a *app) planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan [NAME|PATH ...]",
		Short: "List the lambdas that would be built, and why",
		Long: `List the lambdas that "lpipe build" would build with the same arguments. With --since, only those that differ from
a git revision, each with what differs: its sources and those of the local packages it uses, the dependencies that
Cargo.lock names for it, or its settings. Files that git does not track count as sources.`,
	}
	settings := settingFlags(cmd.Flags())
	rev := cmd.Flags().String("since", "", sinceUsage)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := a.open(args, settings())
		if err != nil {
			return err
		}
		why := map[string][]string{}
		if *rev != "" {
			if why, err = a.onlySince(cmd.Context(), p, *rev, settings()); err != nil {
				return err
			}
		}
		return a.listPlan(p, why, *asJSON)
	}
	return cmd
}

// planned is one lambda in the JSON of "lpipe plan", whose shape is versioned like that of the report.
type planned struct {
	Name    string   `json:"name"`
	Arch    string   `json:"arch"`
	Target  string   `json:"target"`
	Package string   `json:"package"`
	Dir     string   `json:"dir"` // of the package, relative to the workspace root
	Changed []string `json:"changed,omitempty"`
}

func (a *app) listPlan(p *project, why map[string][]string, asJSON bool) error {
	list := struct {
		Version int       `json:"version"`
		Lambdas []planned `json:"lambdas"`
	}{1, []planned{}}
	for _, l := range p.plan.Lambdas() {
		list.Lambdas = append(list.Lambdas, planned{
			Name: l.Label(), Arch: l.Arch, Target: l.Build.TargetFor(l.Arch),
			Package: l.Package.Name, Dir: l.Package.Dir, Changed: why[l.Label()],
		})
	}
	if asJSON {
		return json.NewEncoder(a.Out).Encode(list)
	}
	for _, l := range list.Lambdas {
		fmt.Fprintf(a.Out, "%s  %s  %s\n", l.Name, l.Target, strings.Join(l.Changed, ", "))
	}
	return nil
}

// onlySince reduces the project's plan to the lambdas that differ from rev, and returns what differs, by label.
func (a *app) onlySince(ctx context.Context, p *project, rev string, settings []config.Setting) (map[string][]string, error) {
	disk, err := since.Revision(ctx, os.DirFS("/"), p.dir, rev)
	if err != nil {
		return nil, err
	}
	var before map[string]since.Fingerprint
	// A project that was not there, or could not be planned, has no lambda that is still the same.
	if old, err := a.openOn(disk, p.dir, nil, settings); err == nil {
		before, _ = fingerprints(old)
	}
	now, err := fingerprints(p)
	if err != nil {
		return nil, err
	}
	why := map[string][]string{}
	for label, f := range now {
		if old, known := before[label]; !known {
			why[label] = []string{"new"}
		} else if changed := f.Changes(old); len(changed) > 0 {
			why[label] = changed
		}
	}
	p.plan.Keep(func(l *plan.Lambda) bool { return len(why[l.Label()]) > 0 })
	return why, nil
}

func fingerprints(p *project) (map[string]since.Fingerprint, error) {
	all := map[string]since.Fingerprint{}
	for _, v := range p.plan.Variants {
		text, err := dockerfile.Render(v)
		if err != nil {
			return nil, err
		}
		for _, l := range v.Lambdas {
			f, err := since.Of(p.plan.Workspace, l, text)
			if err != nil {
				return nil, err
			}
			all[l.Label()] = f
		}
	}
	return all, nil
}
