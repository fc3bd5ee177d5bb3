package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"lpipe/internal/build"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/report"
	"lpipe/internal/since"
)

const sinceUsage = "only the lambdas whose sources, dependencies or settings differ from the git revision `REV`"

func (a *app) planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan [NAME|PATH ...]",
		Short: "List the lambdas that would be built, and why",
		Long: `List the lambdas that "lpipe build" would build with the same arguments. With --since, only those that differ from
a git revision, each with what differs and what makes the difference: files of its sources and of the local packages it
uses, crates that Cargo.lock names for it or whose features another package changes, or settings. Files that git does not
track count as sources. Others are compared with what git stores: one that git rewrites when it checks it out (line ends,
Git LFS) counts as changed. With --why they are compared with the last build of each lambda in its output folder instead. A base image in a
registry is compared by its name: which digest it has is known only when it is pulled.

What has no effect on a build, and what is sent or left out against a list, is noted here as in the report of a build.

Flags of "lpipe build" that change nothing of a plan are taken and not listed.`,
		ValidArgsFunction: a.completeLambdas,
	}
	settings := settingFlags(cmd.Flags(), aboutProject|aboutBase|aboutProgram, aboutBuild)
	all := allFlag(cmd.Flags())
	rev := cmd.Flags().String("since", "", sinceUsage)
	last := cmd.Flags().Bool("why", false, "what differs from the last build here, of each lambda: settings, files, crates, the base image")
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		here, err := a.here()
		if err != nil {
			return err
		}
		projects, broken, err := here.OpenMost(args, *all, settings())
		defer func() { err = errors.Join(broken, err) }()
		if err != nil {
			return err
		}
		if *last && *rev != "" {
			return &fault.Error{Kind: fault.Usage, What: "--why and --since cannot be combined", Fix: "leave one of them out"}
		}
		var why map[*plan.Lambda][]since.Change
		if *last {
			if why, err = build.SinceLast(here, projects); err != nil {
				return err
			}
		}
		if *rev != "" {
			if projects, why, err = build.Changed(cmd.Context(), here, projects, *rev, settings()); err != nil {
				return err
			}
		}
		notes := planNotes(projects, "")
		for _, p := range projects {
			said, warnings, err := build.Notes(p)
			if err != nil {
				return err
			}
			notes = slices.Concat(notes, said, warnings)
		}
		if err := a.listPlan(here, projects, why, distinct(notes), broken, *asJSON); err != nil {
			return err
		}
		if *last && len(why) == 0 {
			foreign.Fprintf(a.Err, "nothing differs from the last build\n")
		}
		if *rev != "" && len(why) == 0 {
			foreign.Fprintf(a.Err, "%s\n", differing(0, *rev))
		}
		return nil
	}
	return cmd
}

// differing says how many lambdas differ from a revision.
func differing(count int, rev string) string {
	switch count {
	case 0:
		return "no lambda differs from " + rev
	case 1:
		return "1 lambda differs from " + rev
	default:
		return fmt.Sprintf("%d lambdas differ from %s", count, rev)
	}
}

// planned is one lambda in the JSON of "lpipe plan", whose shape is versioned like that of the report.
type planned struct {
	Name    string   `json:"name"`
	Arch    string   `json:"arch"`
	Target  string   `json:"target"`
	Package string   `json:"package"`
	Dir     string   `json:"dir"`               // of the package, relative to the workspace root
	Project string   `json:"project,omitempty"` // the workspace root, where there are several
	Changed []string `json:"changed,omitempty"` // "new", "settings", "sources", "dependencies"
	Causes  []cause  `json:"causes,omitempty"`  // what made the difference
}

// cause is one setting, file or crate that made a difference.
type cause struct {
	Kind string `json:"kind"` // as in Changed
	Name string `json:"name"`
}

func (a *app) listPlan(here *project.Here, projects []*project.Project, why map[*plan.Lambda][]since.Change, notes []string, broken error, asJSON bool) error {
	list := struct {
		Version int       `json:"version"`
		Lambdas []planned `json:"lambdas"`
		Notes   []string  `json:"notes,omitempty"` // what has no effect, and other decisions that the user may want to know of
		// Status and Errors are set where one of several projects has mistakes, of which the lambdas are not in the list.
		Status int            `json:"status,omitempty"`
		Errors []report.Error `json:"errors,omitempty"`
	}{Version: 1, Lambdas: []planned{}, Notes: notes}
	if broken != nil {
		var s report.Summary
		s.End(broken)
		list.Status, list.Errors = s.Status, s.Errors
		if asJSON {
			a.annotate(s)
		}
	}
	for _, t := range project.Targets(projects) {
		l := t.Lambda
		one := planned{
			Name: l.Label(), Arch: l.Arch, Target: l.Build.TargetFor(l.Arch), Package: l.Package.Name, Dir: l.Package.Dir,
		}
		for _, c := range why[l] {
			one.Changed = append(one.Changed, c.Kind)
			for _, name := range c.Names {
				one.Causes = append(one.Causes, cause{c.Kind, name})
			}
		}
		if len(projects) > 1 {
			one.Project = here.Show(t.Dir)
		}
		list.Lambdas = append(list.Lambdas, one)
	}
	if asJSON {
		a.told = true
		return foreign.WriteJSON(a.Out, list, "")
	}
	name, target := 0, 0
	for _, l := range list.Lambdas {
		name, target = max(name, utf8.RuneCountInString(l.Name)), max(target, len(l.Target))
	}
	for _, l := range list.Lambdas {
		line := foreign.Sprintf("%-*s  %-*s  %s", name, l.Name, target, l.Target, l.why())
		foreign.Fprintf(a.Out, "%s\n", strings.TrimRight(line, " "))
	}
	report.Notes(a.Err, list.Notes)
	return nil
}

// maxCauses is how many causes of a kind a line of "lpipe plan" names.
const maxCauses = 3

// why is what differs, in words.
func (l planned) why() string {
	var all []string
	for _, kind := range l.Changed {
		var names []string
		for _, c := range l.Causes {
			if c.Kind == kind {
				names = append(names, c.Name)
			}
		}
		more := len(names) - maxCauses
		if more > 0 {
			names = names[:maxCauses]
		}
		text := kind
		if len(names) > 0 {
			text += ": " + strings.Join(names, ", ")
		}
		if more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}
