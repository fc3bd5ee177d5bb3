package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

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
		var files []templateFile
		for _, name := range args {
			files = append(files, templateFile{file: here.Abs(name)})
		}
		if len(args) == 0 {
			files = templates(projects)
		}
		if len(files) == 0 {
			return &fault.Error{Kind: fault.Usage, What: "there is no template to check", Fix: "name one, or write template = \"template.yaml\" into lpipe.toml"}
		}
		agree, notes, err := checkTemplates(here, projects, files, true)
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

// templateFile is a template, its path absolute.
type templateFile struct {
	file string
	by   *project.Project // whose lpipe.toml names it; nil for a file that the user names

	stack string // that names it, as messages call it; "" where a person does
}

// read reads the file. One that lpipe.toml names has to be within the bound of the project.
func (n templateFile) read(limit int64) ([]byte, error) {
	if n.by == nil {
		return disk.ReadFile(n.file, limit)
	}
	data, err := disk.Read(n.by.Plan.Workspace.FS, strings.TrimPrefix(filepath.ToSlash(n.file), "/"), limit)
	if out := disk.Outside(err); out != nil {
		return nil, out
	}
	return data, err
}

// unread is the fault of a template that cannot be read.
func unread(here *project.Here, file string, err error, fix string) error {
	if out := disk.Outside(err); out != nil {
		fix = out.Fix()
	}
	return &fault.Error{Kind: fault.Usage, What: "reading the template " + here.Show(file), Err: err, Fix: fix}
}

// templates are those of the projects' configuration.
func templates(projects []*project.Project) (files []templateFile) {
	for _, p := range projects {
		for _, file := range p.Config.Templates {
			if !slices.ContainsFunc(files, func(n templateFile) bool { return n.file == file }) {
				files = append(files, templateFile{file: file, by: p})
			}
		}
	}
	return files
}

// checkTemplates compares templates with the lambdas of the projects, which are all that there are or some, and those of the stacks in them.
func checkTemplates(here *project.Here, projects []*project.Project, files []templateFile, all bool) (agree []template.Agreement, notes []string, err error) {
	built := template.Built{All: all}
	for _, t := range project.Functions(projects) {
		l := t.Lambda
		deployed := t.Config.Deploy(l.Name, l.Arch)
		built.Lambdas = append(built.Lambdas, template.Lambda{
			Name: l.Name, Arch: l.Arch, Runtime: l.Build.Runtime, Zip: filepath.ToSlash(filepath.Join(t.OutputDir(), artifact.ZipName)),
			Memory: deployed.Memory, Timeout: deployed.Timeout,
		})
	}
	var l fault.List
	files = slices.Clone(files)
	for i := 0; i < len(files); i++ {
		n := files[i]
		data, err := n.read(template.PlanLimit)
		if n.stack != "" && errors.Is(err, fs.ErrNotExist) { // something may yet write it
			notes = append(notes, n.stack+" has the template "+foreign.Line(here.Show(n.file))+", which is not there: its functions are not compared")
			continue
		}
		if err != nil {
			l.Add(unread(here, n.file, err, "name a template that is there: template in lpipe.toml, or lpipe template check FILE"))
			continue
		}
		checked, err := template.Check(foreign.Line(here.Show(n.file)), filepath.ToSlash(filepath.Dir(n.file)), data, built)
		l.Add(err)
		agree = append(agree, checked.Agree...)
		for _, note := range checked.Notes {
			notes = append(notes, foreign.Line(note))
		}
		for _, nested := range checked.Nested {
			file := filepath.FromSlash(nested.File)
			if !slices.ContainsFunc(files, func(known templateFile) bool { return known.file == file }) {
				files = append(files, templateFile{file: file, by: n.by, stack: foreign.Line(nested.Stack)})
			}
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
