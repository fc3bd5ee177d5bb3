package config

import (
	"cmp"

	"lpipe/internal/pattern"
	"lpipe/internal/route"
)

// checkRoute takes what is a route of any service; [loader.routes] knows which it is.
func checkRoute(_, v string) (why, fix string) {
	const fixed = `write it as "GET /orders/{id} orders"`
	for _, service := range []route.Service{route.HTTP, route.ALB} {
		r, refused := route.Parse(v, route.API{Service: service})
		if refused == "" {
			return checkName("", r.Lambda)
		}
		why = cmp.Or(why, refused)
	}
	return why, fixed
}

var stagePattern = pattern.Of(`^(\$default|[A-Za-z0-9_-]+)$`)

func checkStage(_, v string) (why, fix string) {
	if !stagePattern().MatchString(v) {
		return "the name of a stage has letters, digits, _ and -", "write such a name, or $default"
	}
	return "", ""
}

// routes are those of [serve], each checked for the service that it is of.
func (l *loader) routes() (table route.Table) {
	v := l.values["serve.routes"]
	api := route.API{Service: route.Service(first(l.values["serve.api"])), Stage: first(l.values["serve.stage"])}
	if cors := l.values["serve.cors"]; len(cors.texts) > 0 {
		api.CORS = &route.CORS{Origins: cors.texts}
		if !api.Service.IsHTTP() {
			l.mistakes.Addf(cors.origin.exact()+": serve.cors is for HTTP APIs", "behind "+string(api.Service)+" the function itself answers browsers of other origins", "leave it out")
		}
	}
	switch {
	case api.Stage == "":
		api.Stage = api.Service.Stage()
	case api.Service.IsALB():
		l.mistakes.Addf(l.values["serve.stage"].origin.exact()+": a load balancer has no stage", "", "leave serve.stage out")
	}
	for _, key := range []string{"serve.api", "serve.stage", "serve.cors"} {
		if set := l.values[key]; len(v.texts) == 0 && set.layer > byDefault {
			l.mistakes.Addf(set.origin.exact()+": "+key+" is for serve.routes, and there are none", "a template says such things itself", "leave it out")
		}
	}
	for _, text := range v.texts {
		r, why := route.Parse(text, api)
		if why != "" {
			l.mistakes.Addf(v.origin.exact()+": serve.routes cannot be "+show(text)+" for "+string(api.Service), why, "correct it")
			continue
		}
		r.Origin = v.origin.String()
		table = append(table, r)
	}
	for _, clash := range table.Clashes() {
		l.mistakes.Addf(v.origin.exact()+": "+clash, "", "remove one of them")
	}
	return table
}
