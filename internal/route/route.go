// Package route says which function answers an HTTP request, by the rules of the services that AWS has before functions:
// API Gateway's HTTP and REST APIs, and Application Load Balancers.
//
// It is pure: routes come from lpipe.toml or a template, requests from whoever serves them.
package route

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"lpipe/internal/pattern"
)

// Service is what stands before a function, and so which events it gets.
type Service string

// The services. An HTTP API sends payload format 2.0 unless it is told to send 1.0; a load balancer sends single values
// unless its target group has multi-value headers.
const (
	HTTP     Service = "http"
	HTTP1    Service = "http-1.0"
	REST     Service = "rest"
	ALB      Service = "alb"
	ALBMulti Service = "alb-multi-value"
)

// Services are the names of all services.
var Services = []string{string(HTTP), string(HTTP1), string(REST), string(ALB), string(ALBMulti)}

// IsHTTP reports whether it is an HTTP API, whatever it sends.
func (s Service) IsHTTP() bool { return s == HTTP || s == HTTP1 }

// IsALB reports whether it is a load balancer.
func (s Service) IsALB() bool { return s == ALB || s == ALBMulti }

// DefaultStage is the stage of an HTTP API that is no part of its paths.
const DefaultStage = "$default"

// Stage is the stage that an API has unless it is given another: that of a REST API is what SAM makes of it; "" for a load
// balancer, which has none.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html
func (s Service) Stage() string {
	switch {
	case s.IsHTTP():
		return DefaultStage
	case s.IsALB():
		return ""
	}
	return "Prod"
}

// API is a service with what all its routes have in common.
type API struct {
	Service Service
	Stage   string // "" for a load balancer
	CORS    *CORS  // of an HTTP API, which answers preflight requests itself; nil where the function does
}

// CORS is the configuration of an HTTP API for browsers of other origins:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
type CORS struct {
	Origins, Methods, Headers, Expose []string // * for all
	MaxAge                            string   // in seconds; "" for none
	Credentials                       bool
}

// Any is the method of a route that answers all methods.
const Any = "ANY"

// Default is the path of an HTTP API's route for requests that have no other.
const Default = "$default"

// Route leads requests to a lambda.
type Route struct {
	API
	Method string // in capitals, or [Any]
	// Path has {NAME} for a segment and {NAME+} for all that follow; a load balancer's has * and ? instead.
	Path   string
	Lambda string
	Origin string // where it is declared, such as template.yaml:12
}

// String is the route as lpipe.toml has it.
func (r Route) String() string { return r.Method + " " + r.Path + " " + r.Lambda }

// Key is how an HTTP API names the route in its events.
func (r Route) Key() string {
	if r.Path == Default {
		return Default
	}
	return r.Method + " " + r.Path
}

// Sample is a path that the route takes, with the names of parameters in their place.
func (r Route) Sample() string {
	if r.Path == Default {
		return "/"
	}
	return strings.NewReplacer("{", "", "+}", "", "}", "", "*", "x", "?", "x").Replace("/" + strings.TrimPrefix(r.Path, "/"))
}

// Parse reads a route as lpipe.toml has it: METHOD PATH LAMBDA, or $default LAMBDA. An empty why accepts it.
func Parse(text string, api API) (r Route, why string) {
	fields := strings.Fields(text)
	if len(fields) == 2 && fields[0] == Default {
		fields = slices.Insert(fields, 0, Any)
	}
	if len(fields) != 3 {
		return Route{}, "a route is METHOD PATH LAMBDA"
	}
	r = Route{API: api, Method: strings.ToUpper(fields[0]), Path: fields[1], Lambda: fields[2]}
	if r.Method == "*" {
		r.Method = Any
	}
	return r, r.Check()
}

var (
	methodPattern  = pattern.Of(`^[A-Z]+$`)
	segmentPattern = pattern.Of(`^(\{[A-Za-z0-9._-]+\}|[^{}]*)$`)
	parameterName  = pattern.Of(`\{[^}+]*`)
	greedyPattern  = pattern.Of(`^\{[A-Za-z0-9._-]+\+\}$`)
)

// Check says what is wrong with the route, "" if nothing is.
func (r Route) Check() string {
	switch {
	case !methodPattern().MatchString(r.Method):
		return fmt.Sprintf("%q is no method", r.Method)
	case r.Path == Default && r.Service.IsHTTP():
		return ""
	case !strings.HasPrefix(r.Path, "/") && r.Path != "*":
		return "the path does not start with /"
	case r.Service.IsALB():
		return ""
	}
	segments := strings.Split(strings.TrimPrefix(r.Path, "/"), "/")
	for i, s := range segments {
		switch {
		case greedyPattern().MatchString(s) && i < len(segments)-1:
			return s + " takes all that follows, and is not last"
		case !greedyPattern().MatchString(s) && !segmentPattern().MatchString(s):
			return fmt.Sprintf("%q is no segment of a path: one is text, {NAME}, or at the end {NAME+}", s)
		}
	}
	return ""
}

// Table are the routes that are served together.
type Table []Route

// Clashes says which routes answer the same requests.
func (t Table) Clashes() (clashes []string) {
	seen := map[string]Route{}
	for _, r := range t {
		key := r.Method + " " + parameterName().ReplaceAllString(r.Path, "{")
		if other, ok := seen[key]; ok && !r.Service.IsALB() {
			clashes = append(clashes, fmt.Sprintf("%s (%s) and %s (%s) answer the same requests", other, other.Origin, r, r.Origin))
			continue
		}
		seen[key] = r
	}
	return clashes
}

// Match is a route with what it takes from a request.
type Match struct {
	Route
	Path       string            // of the request, without the stage, with the escapes that it came with
	Staged     bool              // the request's path began with the stage
	Parameters map[string]string // of the path, decoded; nil for none
}

// Match finds the route for a request by its method and path, which has its escapes. A path may begin with the stage, as at
// an address of AWS, or lack it, as under a domain of one's own.
func (t Table) Match(method, path string) (Match, bool) {
	var best Match
	found := false
	for _, r := range t {
		for _, staged := range []bool{false, true} {
			rest := path
			if staged {
				var ok bool
				if rest, ok = withoutStage(path, r.Stage); !ok {
					continue
				}
			}
			if r.Method != Any && r.Method != method {
				continue
			}
			if parameters, ok := r.match(rest); ok && (!found || r.before(best.Route)) {
				best, found = Match{r, rest, staged, parameters}, true
			}
		}
	}
	return best, found
}

// Preflight finds the API whose CORS answers an OPTIONS request for a path: one of which a route has the path.
func (t Table) Preflight(path string) (API, bool) {
	for _, r := range t {
		rest, ok := withoutStage(path, r.Stage)
		if !ok {
			rest = path
		}
		if _, ok := r.match(rest); ok && r.CORS != nil {
			return r.API, true
		}
	}
	return API{}, false
}

func withoutStage(path, stage string) (string, bool) {
	if stage == "" || stage == DefaultStage {
		return "", false
	}
	rest, ok := strings.CutPrefix(path, "/"+stage)
	if rest == "" {
		rest = "/"
	}
	return rest, ok && strings.HasPrefix(rest, "/")
}

// match compares the path of the route with that of a request.
func (r Route) match(path string) (map[string]string, bool) {
	switch {
	case r.Service.IsALB():
		return nil, glob(r.Path, path)
	case r.Path == Default:
		return nil, true
	}
	want, got := strings.Split(r.Path, "/"), strings.Split(path, "/")
	var parameters map[string]string
	for i, s := range want {
		name, variable := strings.CutPrefix(s, "{")
		name = strings.TrimSuffix(name, "}")
		greedy := variable && strings.HasSuffix(name, "+")
		if i >= len(got) || variable && got[i] == "" && len(got) == i+1 {
			return nil, false
		}
		value := got[i]
		if greedy {
			value = strings.Join(got[i:], "/")
		}
		decoded, err := url.PathUnescape(value)
		if err != nil {
			decoded = value
		}
		switch {
		case !variable && decoded != s && value != s:
			return nil, false
		case variable:
			if parameters == nil {
				parameters = map[string]string{}
			}
			parameters[strings.TrimSuffix(name, "+")] = decoded
		}
		if greedy {
			return parameters, true
		}
	}
	return parameters, len(got) == len(want)
}

// before reports whether the route wins over another that matches too: API Gateway takes what is written out before variables,
// these before greedy ones, $default last, and a method of its own before ANY. Rules of load balancers are in their order.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
func (r Route) before(other Route) bool {
	if c := slices.Compare(r.rank(), other.rank()); c != 0 {
		return c < 0
	}
	return r.Method != Any && other.Method == Any
}

// rank has a number for each segment, smaller for what is more exact.
func (r Route) rank() []int {
	if r.Service.IsALB() {
		return nil
	}
	if r.Path == Default {
		return []int{3}
	}
	var ranks []int
	for s := range strings.SplitSeq(strings.TrimPrefix(r.Path, "/"), "/") {
		switch {
		case strings.HasSuffix(s, "+}"):
			ranks = append(ranks, 2)
		case strings.HasPrefix(s, "{"):
			ranks = append(ranks, 1)
		default:
			ranks = append(ranks, 0)
		}
	}
	return ranks
}

// glob compares with a pattern in which * stands for any characters and ? for one.
func glob(pattern, text string) bool {
	// As many steps as the product of the lengths: a star that fails is tried one character later.
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
