package cli

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"lpipe/internal/artifact"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/project"
	"lpipe/internal/report"
	"lpipe/internal/template"
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
		here, err := a.here()
		if err != nil {
			return err
		}
		if err := out(a, here); err != nil {
			return err
		}
		projects, err := here.Open(nil, true, settings())
		if err != nil {
			return err
		}
		var files []string
		for _, name := range args {
			if !filepath.IsAbs(name) {
				name = filepath.Join(here.Dir, name)
			}
			files = append(files, filepath.Clean(name))
		}
		if len(args) == 0 {
			files = templates(projects)
		}
		if len(files) == 0 {
			return &fault.Error{Kind: fault.Usage, What: "there is no template to check", Fix: "name one, or write template = \"template.yaml\" into lpipe.toml"}
		}
		agree, notes, err := checkTemplates(here, projects, files)
		report.Notes(a.Err, notes)
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

// templates are those of the projects' configuration.
func templates(projects []*project.Project) (files []string) {
	for _, p := range projects {
		for _, file := range p.Config.Templates {
			if !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	return files
}

// checkTemplates compares templates with the lambdas of the projects.
func checkTemplates(here *project.Here, projects []*project.Project, files []string) (agree []template.Agreement, notes []string, err error) {
	var lambdas []template.Lambda
	for _, t := range project.Functions(projects) {
		l := t.Lambda
		deployed := t.Config.Deploy(l.Name, l.Arch)
		lambdas = append(lambdas, template.Lambda{
			Name: l.Name, Arch: l.Arch, Runtime: l.Build.Runtime, Zip: filepath.ToSlash(filepath.Join(t.OutputDir(), artifact.ZipName)),
			Memory: deployed.Memory, Timeout: deployed.Timeout,
		})
	}
	var l fault.List
	for _, file := range files {
		data, err := disk.ReadFile(file, template.PlanLimit)
		if err != nil {
			l.Add(&fault.Error{Kind: fault.Usage, What: "reading the template", Err: err, Fix: "name a template that is there: template in lpipe.toml, or lpipe template check FILE"})
			continue
		}
		one, said, err := template.Check(foreign.Line(here.Show(file)), filepath.ToSlash(filepath.Dir(file)), data, lambdas)
		l.Add(err)
		agree = append(agree, one...)
		for _, note := range said {
			notes = append(notes, foreign.Line(note))
		}
	}
	for _, t := range project.Functions(projects) {
		name := t.Lambda.Name
		if l.Err() == nil && !slices.ContainsFunc(agree, func(one template.Agreement) bool { return one.Lambda == name }) {
			notes = append(notes, "no template has a function for "+name)
		}
	}
	return agree, distinct(notes), l.Err()
}
