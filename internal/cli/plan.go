package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/foreign"
	"lpipe/internal/git"
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
Cargo.lock names for it, or its settings. Files that git does not track count as sources. Others are compared with what
git stores: one that git rewrites when it checks it out (line ends, Git LFS) counts as changed.`,
	}
	settings := settingFlags(cmd.Flags())
	all := allFlag(cmd.Flags())
	rev := cmd.Flags().String("since", "", sinceUsage)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		projects, err := a.open(args, *all, settings())
		if err != nil {
			return err
		}
		var why map[*plan.Lambda][]string
		if *rev != "" {
			if why, err = a.onlySince(cmd.Context(), projects, *rev, settings()); err != nil {
				return err
			}
		}
		return a.listPlan(projects, why, *asJSON)
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

func (a *app) listPlan(projects []*project, why map[*plan.Lambda][]string, asJSON bool) error {
	list := struct {
		Version int       `json:"version"`
		Lambdas []planned `json:"lambdas"`
	}{1, []planned{}}
	for _, part := range parts(projects) {
		l := part.lambda
		one := planned{
			Name: l.Label(), Arch: l.Arch, Target: l.Build.TargetFor(l.Arch), Package: l.Package.Name, Dir: l.Package.Dir, Changed: why[l],
		}
		if len(projects) > 1 {
			one.Project = shown(part.dir)
		}
		list.Lambdas = append(list.Lambdas, one)
	}
	if asJSON {
		return foreign.WriteJSON(a.Out, list, "")
	}
	for _, l := range list.Lambdas {
		foreign.Fprintf(a.Out, "%s  %s  %s\n", l.Name, l.Target, strings.Join(l.Changed, ", "))
	}
	return nil
}

// onlySince reduces the projects' plans to the lambdas that differ from rev, and returns what differs.
func (a *app) onlySince(ctx context.Context, projects []*project, rev string, settings []config.Setting) (map[*plan.Lambda][]string, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("finding the current folder: %w", err)
	}
	d := a.allowed(inFS(cwd), settings)
	d.Foreign = nil                           // the files of a revision have no owner
	revisions := map[string]*since.Revision{} // by repository
	why := map[*plan.Lambda][]string{}
	for _, p := range projects {
		repository, err := git.Open(ctx, p.dir, a.env)
		if err != nil {
			return nil, err
		}
		revision := revisions[repository.Top]
		if revision == nil {
			if revision, err = since.At(ctx, os.DirFS("/"), repository, rev); err != nil {
				return nil, err
			}
			defer revision.Close()
			revisions[repository.Top] = revision
		}
		before := map[string]since.Fingerprint{}
		// A project that was not there, or could not be planned, has no lambda that is still the same.
		d.FS = revision
		o := &opening{app: a, disk: d, cwd: withoutLinks(cwd), settings: settings}
		var wants []plan.Want
		if p.plan.All {
			wants = []plan.Want{{All: true}}
		}
		if old, err := o.projects([]string{withoutLinks("/" + p.from)}, wants, false); err == nil {
			if before, err = fingerprints(ctx, old[0]); err != nil {
				before = nil
			}
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err := revision.Err(); err != nil {
			return nil, err
		}
		now, err := fingerprints(ctx, p)
		if err != nil {
			return nil, err
		}
		for _, l := range p.plan.Lambdas() {
			f := now[l.Folder()]
			if old, known := before[l.Folder()]; !known {
				why[l] = []string{"new"}
			} else if changed := f.Changes(old); len(changed) > 0 {
				why[l] = changed
			}
		}
		p.plan.Keep(func(l *plan.Lambda) bool { return len(why[l]) > 0 })
	}
	return why, nil
}

// withoutLinks is an absolute path as a revision has it: without symbolic links, and as a file system rooted at "/" has it.
func withoutLinks(abs string) string {
	if real, err := filepath.EvalSymlinks(filepath.FromSlash(abs)); err == nil {
		abs = real
	}
	return inFS(abs)
}

// fingerprints are those of the project's lambdas, by their folders.
func fingerprints(ctx context.Context, p *project) (map[string]since.Fingerprint, error) {
	all := map[string]since.Fingerprint{}
	for _, v := range p.plan.Variants {
		text, err := dockerfile.Render(v)
		if err != nil {
			return nil, err
		}
		for _, l := range v.Lambdas {
			if all[l.Folder()], err = since.Of(ctx, p.plan.Workspace, p.plan.Reach, l, text); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}
