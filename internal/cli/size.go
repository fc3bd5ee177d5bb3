package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"lpipe/internal/bloat"
	"lpipe/internal/debuginfo"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
)

func (a *app) sizeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "size NAME|FILE",
		Short: "List what a program consists of: crates and functions by bytes",
		Long: `List the crates and the functions of a program by their bytes, and with --diff those that grew and shrank since another zip or
program. NAME is a lambda that was built here, FILE a program, a bootstrap.debug or a zip. The program needs its symbols: those
in it, or in a bootstrap.debug beside it, which debug = "split" in [build] puts there.

A function of a generic type counts for the crate that wrote it, a method of a trait for the crate of the type. What has no crate
is C, assembly, and data without a name.`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeLambda,
	}
	diff := cmd.Flags().String("diff", "", "`FILE` to compare with: a zip, a program or a bootstrap.debug")
	top := cmd.Flags().Int("top", 20, "how many crates and functions are listed, `N` of each")
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object, with all of them")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if *top < 1 {
			return &fault.Error{Kind: fault.Usage, What: fmt.Sprintf("--top %d lists nothing", *top), Fix: "give a number from 1 on"}
		}
		here, err := a.here()
		if err != nil {
			return err
		}
		file, err := debuginfo.File(here, args[0])
		if err != nil {
			return err
		}
		now, err := debuginfo.Sizes(file)
		if err != nil {
			return err
		}
		var before *bloat.Report
		if *diff != "" {
			old, err := debuginfo.Sizes(here.Abs(*diff))
			if err != nil {
				return err
			}
			before = &old
		}
		if *asJSON {
			return foreign.WriteJSON(a.Out, struct {
				Version int           `json:"version"`
				File    string        `json:"file"`
				Now     bloat.Report  `json:"now"`
				Before  *bloat.Report `json:"before,omitempty"`
			}{1, here.Show(file), now, before}, "")
		}
		if before == nil {
			foreign.Fprintf(a.Out, "%s: %s loaded\n", here.Show(file), kibi(int64(now.Total)))
			for _, part := range []struct {
				title string
				all   map[string]uint64
			}{{"sections", now.Sections}, {"crates", now.Crates}, {"functions and variables", now.Symbols}} {
				foreign.Fprintf(a.Out, "%s\n", part.title)
				for _, l := range bloat.Largest(part.all, *top) {
					foreign.Fprintf(a.Out, "  %12s  %5.1f%%  %s\n", kibi(l.Bytes), 100*float64(l.Bytes)/float64(max(now.Total, 1)), named(l.Name))
				}
			}
			return nil
		}
		foreign.Fprintf(a.Out, "%s: %s loaded, %s than %s\n", here.Show(file), kibi(int64(now.Total)), change(int64(now.Total)-int64(before.Total)), *diff)
		for _, part := range []struct {
			title       string
			before, now map[string]uint64
		}{{"sections", before.Sections, now.Sections}, {"crates", before.Crates, now.Crates}, {"functions and variables", before.Symbols, now.Symbols}} {
			foreign.Fprintf(a.Out, "%s\n", part.title)
			for _, l := range bloat.Changed(part.before, part.now, *top) {
				foreign.Fprintf(a.Out, "  %+13.1f KiB  %s\n", float64(l.Change)/1024, named(l.Name))
			}
		}
		return nil
	}
	return cmd
}

func kibi(n int64) string { return fmt.Sprintf("%.1f KiB", float64(n)/1024) }

func change(n int64) string {
	if n < 0 {
		return kibi(-n) + " less"
	}
	return kibi(n) + " more"
}

func named(name string) string {
	if name == "" {
		return "(no crate)"
	}
	return name
}
