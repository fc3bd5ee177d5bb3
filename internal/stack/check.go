package stack

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"lpipe/internal/artifact"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/project"
	"lpipe/internal/template"
)

// Check compares templates with the lambdas of the projects, which are all that there are or some, and the templates of the stacks
// in them. agree are the functions that are what is built; the error joins all that differs.
func Check(here *project.Here, projects []*project.Project, files []File, all bool) (agree []template.Agreement, notes []string, err error) {
	built := template.Built{Lambdas: lambdas(projects), All: all}
	var l fault.List
	files = slices.Clone(files)
	for i := 0; i < len(files); i++ {
		f := files[i]
		data, err := f.read(template.PlanLimit)
		if f.stack != "" && errors.Is(err, fs.ErrNotExist) { // something may yet write it
			notes = append(notes, f.stack+" has the template "+foreign.Line(here.Show(f.Path))+", which is not there: its functions are not compared")
			continue
		}
		if err != nil {
			l.Add(unread(here, f.Path, err, "name a template that is there: template in lpipe.toml, or lpipe template check FILE"))
			continue
		}
		checked, err := template.Check(foreign.Line(here.Show(f.Path)), filepath.ToSlash(filepath.Dir(f.Path)), data, built)
		l.Add(err)
		agree = append(agree, checked.Agree...)
		for _, note := range checked.Notes {
			notes = append(notes, foreign.Line(note))
		}
		for _, nested := range checked.Nested {
			if path := filepath.FromSlash(nested.File); !has(files, path) {
				files = append(files, File{Path: path, By: f.By, stack: foreign.Line(nested.Stack)})
			}
		}
	}
	for _, lambda := range built.Lambdas {
		if l.Err() == nil && !slices.ContainsFunc(agree, func(one template.Agreement) bool { return one.Lambda == lambda.Name }) {
			notes = append(notes, "no template has a function for "+lambda.Name)
		}
	}
	return agree, notes, l.Err()
}

// lambdas are what templates are compared with.
func lambdas(projects []*project.Project) (all []template.Lambda) {
	for _, t := range project.Functions(projects) {
		l := t.Lambda
		deployed := t.Config.Deploy(l.Name, l.Arch)
		all = append(all, template.Lambda{
			Name: l.Name, Arch: l.Arch, Runtime: l.Build.Runtime, Zip: filepath.ToSlash(filepath.Join(t.OutputDir(), artifact.ZipName)),
			Memory: deployed.Memory, Timeout: deployed.Timeout,
		})
	}
	return all
}
