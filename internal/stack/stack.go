// Package stack reads the templates by which projects are deployed: whether their functions are what is built, and which routes
// lead to these. What a template says is for package template.
package stack

import (
	"path/filepath"
	"slices"
	"strings"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/project"
)

// File is a template.
type File struct {
	Path string           // absolute
	By   *project.Project // whose lpipe.toml names it; nil for a file that the user names

	stack string // that names it, as messages call it; "" where a person does
}

// Files are the templates that the configuration of the projects names.
func Files(projects []*project.Project) (files []File) {
	for _, p := range projects {
		for _, path := range p.Config.Templates {
			if !has(files, path) {
				files = append(files, File{Path: path, By: p})
			}
		}
	}
	return files
}

func has(files []File, path string) bool {
	return slices.ContainsFunc(files, func(f File) bool { return f.Path == path })
}

// read reads the file. One that lpipe.toml names has to be within the bound of the project.
func (f File) read(limit int64) ([]byte, error) {
	if f.By == nil {
		return disk.ReadFile(f.Path, limit)
	}
	data, err := disk.Read(f.By.Plan.Workspace.FS, strings.TrimPrefix(filepath.ToSlash(f.Path), "/"), limit)
	if out := disk.Outside(err); out != nil {
		return nil, out
	}
	return data, err
}

// unread is the fault of a template that cannot be read.
func unread(here *project.Here, path string, err error, fix string) error {
	if out := disk.Outside(err); out != nil {
		fix = out.Fix()
	}
	return &fault.Error{Kind: fault.Usage, What: "reading the template " + here.Show(path), Err: err, Fix: fix}
}
