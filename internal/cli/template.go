package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/report"
	"lpipe/internal/stack"
)

func (a *app) templateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "template check",
		Short: "Compare deployment templates with what is built",
		Args:  cobra.NoArgs,
	}
	check := &cobra.Command{
		Use:   "check [FILE ...]",
		Short: "Compare the functions of deployment templates with what lpipe builds",
		Long: `Compare handler, architecture, runtime and path of the code with what lpipe builds, and memory and timeout with what Lambda takes
and with [deploy] in lpipe.toml.
A FILE is a SAM or CloudFormation template, or a plan of Terraform as JSON: terraform show -json PLAN. Without one those of
template in lpipe.toml are compared, as "lpipe build" does before it builds. What is wrong is said with its line and what to write
there; the functions that were compared go to standard output.`,
	}
	settings := settingFlags(check.Flags(), aboutProject, aboutBuild)
	out := outFlag(check.Flags())
	check.RunE = func(_ *cobra.Command, args []string) error {
		here, projects, err := a.open(nil, true, out, settings())
		if err != nil {
			return err
		}
		files := stack.Files(projects)
		if len(args) > 0 {
			files = nil
		}
		for _, name := range args {
			files = append(files, stack.File{Path: here.Abs(name)})
		}
		if len(files) == 0 {
			return &fault.Error{Kind: fault.Usage, What: "there is no template to check", Fix: "name one, or write template = \"template.yaml\" into lpipe.toml"}
		}
		agree, notes, err := stack.Check(here, projects, files, true)
		report.Notes(a.Err, distinct(notes))
		if err == nil && len(agree) == 0 {
			err = &fault.Error{
				Kind: fault.Usage, What: "there is no function to compare", Why: "a function is for a lambda by the path of its zip, or by its name",
				Fix: "name another template, or give a function the name of a lambda; lpipe plan lists them",
			}
		}
		if err != nil {
			return err
		}
		for _, one := range agree {
			fmt.Fprintf(a.Out, "%s is %s\n", foreign.Line(one.Function), one.Lambda)
		}
		return nil
	}
	cmd.AddCommand(check)
	return cmd
}
