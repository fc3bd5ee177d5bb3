package cli

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

// routing is what lpipe serve answers over HTTP beside function URLs.
type routing struct {
	routes route.Table
	urls   map[string]*route.CORS // of function URLs, by lambda
	notes  []string
	files  []string // that it was read from
}

// readRoutes reads the routes of the projects, from lpipe.toml and templates, of which projects may share some.
func readRoutes(here *project.Here, projects []*project.Project) (r routing, err error) {
	r.urls = map[string]*route.CORS{}
	var names []string
	for _, t := range project.Functions(projects) {
		names = append(names, t.Lambda.Name)
	}
	var l fault.List
	for _, p := range projects {
		c := p.Config
		if c.File != "" && !slices.Contains(r.files, filepath.Join("/", c.File)) {
			r.files = append(r.files, filepath.Join("/", c.File))
			r.routes = append(r.routes, c.Serve.Routes...)
		}
		for _, file := range c.Serve.Templates {
			if slices.Contains(r.files, file) {
				continue
			}
			r.files = append(r.files, file)
			from := templateFile{file: file}
			if c.Origin("serve.template").Flag == "" {
				from.by = p
			}
			data, err := from.read(template.Limit)
			if err != nil {
				l.Add(unread(here, file, err, "name one of at most 1 MiB: --template FILE, or template in [serve] of lpipe.toml"))
				continue
			}
			found, err := template.Routes(foreign.Line(here.Show(file)), data, names)
			l.Add(err)
			r.routes = append(r.routes, found.Routes...)
			maps.Copy(r.urls, found.URLs)
			for _, note := range found.Notes {
				r.notes = append(r.notes, foreign.Line(note))
			}
		}
	}
	for _, clash := range r.routes.Clashes() {
		l.Addf(clash, "", "remove one of them")
	}
	for _, one := range r.routes {
		if !slices.Contains(names, one.Lambda) {
			note := fmt.Sprintf("%s: route %s leads to no lambda that is served", one.Origin, one)
			if near := fault.Nearest(one.Lambda, names); near != "" {
				note += "; did you mean " + near + "?"
			}
			r.notes = append(r.notes, note)
		}
	}
	return r, l.Err()
}
