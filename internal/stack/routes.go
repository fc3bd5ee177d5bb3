package stack

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/project"
	"lpipe/internal/route"
	"lpipe/internal/template"
)

// Routes are what leads to the functions of projects over HTTP, beside the URLs of functions themselves.
type Routes struct {
	Table route.Table
	URLs  map[string]*route.CORS // of functions' URLs, by lambda
	Notes []string
	Files []string // that they were read from
}

// ReadRoutes reads the routes of the projects, from lpipe.toml and templates, of which projects may share some.
func ReadRoutes(here *project.Here, projects []*project.Project) (r Routes, err error) {
	r.URLs = map[string]*route.CORS{}
	var names []string
	for _, t := range project.Functions(projects) {
		names = append(names, t.Lambda.Name)
	}
	var l fault.List
	for _, p := range projects {
		c := p.Config
		if c.File != "" && !slices.Contains(r.Files, filepath.Join("/", c.File)) {
			r.Files = append(r.Files, filepath.Join("/", c.File))
			r.Table = append(r.Table, c.Serve.Routes...)
		}
		for _, path := range c.Serve.Templates {
			if slices.Contains(r.Files, path) {
				continue
			}
			r.Files = append(r.Files, path)
			f := File{Path: path}
			if c.Origin("serve.template").Flag == "" {
				f.By = p
			}
			data, err := f.read(template.Limit)
			if err != nil {
				l.Add(unread(here, path, err, "name one of at most 1 MiB: --template FILE, or template in [serve] of lpipe.toml"))
				continue
			}
			found, err := template.Routes(foreign.Line(here.Show(path)), data, names)
			l.Add(err)
			r.Table = append(r.Table, found.Routes...)
			maps.Copy(r.URLs, found.URLs)
			for _, note := range found.Notes {
				r.Notes = append(r.Notes, foreign.Line(note))
			}
		}
	}
	for _, clash := range r.Table.Clashes() {
		l.Addf(clash, "", "remove one of them")
	}
	for _, one := range r.Table {
		if !slices.Contains(names, one.Lambda) {
			note := fmt.Sprintf("%s: route %s leads to no lambda that is served", one.Origin, one)
			if near := fault.Nearest(one.Lambda, names); near != "" {
				note += "; did you mean " + near + "?"
			}
			r.Notes = append(r.Notes, note)
		}
	}
	return r, l.Err()
}
