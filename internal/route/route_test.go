package route

import (
	"maps"
	"strings"
	"testing"
)

func table(t *testing.T, api API, routes ...string) (all Table) {
	t.Helper()
	for _, text := range routes {
		r, why := Parse(text, api)
		if why != "" {
			t.Fatalf("%s: %s", text, why)
		}
		all = append(all, r)
	}
	return all
}

func TestTheMostExactRouteAnswers(t *testing.T) {
	http := table(t, API{Service: HTTP, Stage: "dev"}, "$default any", "GET /orders list", "ANY /orders all", "GET /orders/{id} one", "get /orders/new form",
		"POST /orders/{id}/items/{item} item", "* /files/{path+} files", "GET /files/{name} file", "GET / root")
	for request, want := range map[string]string{
		"GET /":                     "root",
		"POST /":                    "any",
		"GET /orders":               "list",
		"PUT /orders":               "all",
		"GET /orders/":              "any",
		"GET /orders/7":             "one id=7",
		"GET /orders/a%20b%2Fc":     "one id=a b/c",
		"GET /orders/%zz":           "one id=%zz",
		"GET /orders/new":           "form",
		"GET /orders/n%65w":         "form",
		"POST /orders/7/items/8":    "item id=7 item=8",
		"POST /orders/7/items/":     "any",
		"GET /files/a":              "file name=a",
		"GET /files/a/b%20c":        "files path=a/b c",
		"PUT /files/a":              "files path=a",
		"GET /files/":               "any",
		"GET /dev":                  "root",
		"GET /dev/":                 "root",
		"GET /dev/orders":           "list",
		"GET /development/orders":   "any",
		"GET /nothing/of/the/sort/": "any",
	} {
		method, path, _ := strings.Cut(request, " ")
		m, ok := http.Match(method, path)
		got := m.Lambda
		for _, name := range []string{"id", "item", "name", "path"} {
			if v, ok := m.Parameters[name]; ok {
				got += " " + name + "=" + v
			}
		}
		if !ok || got != want {
			t.Errorf("%s: %q, want %q", request, got, want)
		}
	}
	if m, ok := http[1:].Match("DELETE", "/nothing"); ok {
		t.Errorf("without $default, %v answers", m)
	}
	if m, _ := http.Match("GET", "/dev/orders/7"); m.Path != "/orders/7" || !m.Staged || !maps.Equal(m.Parameters, map[string]string{"id": "7"}) {
		t.Errorf("%+v", m)
	}
}

func TestRulesOfLoadBalancersAreInOrder(t *testing.T) {
	alb := table(t, API{Service: ALB}, "GET /orders/* first", "ANY /orders/*/items second", "ANY /o?der third", "ANY * rest")
	for request, want := range map[string]string{
		"GET /orders/7/items": "first", "POST /orders/7/8/items": "second", "POST /orders/7": "rest", "GET /order": "third", "GET /oder": "rest", "GET /": "rest",
	} {
		method, path, _ := strings.Cut(request, " ")
		if m, _ := alb.Match(method, path); m.Lambda != want {
			t.Errorf("%s: %q, want %q", request, m.Lambda, want)
		}
	}
}

func TestBadRoutesAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "METHOD PATH LAMBDA",
		"GET /orders":           "METHOD PATH LAMBDA",
		"GET /a b c":            "METHOD PATH LAMBDA",
		"G-T /orders orders":    "is no method",
		"GET orders orders":     "start with /",
		"GET /{a+}/b orders":    "not last",
		"GET /{a orders":        "no segment",
		"GET /x{a} orders":      "no segment",
		"GET /{a b} orders":     "METHOD PATH LAMBDA",
		"GET /{} orders":        "no segment",
		"GET $default orders":   "",
		"PURGE /a/{b}/{c+} x":   "",
		"ANY /{proxy+} orders":  "",
		"$default orders extra": "",
	} {
		_, why := Parse(text, API{Service: HTTP})
		if text == "$default orders extra" {
			want = "is no method" // $DEFAULT
		}
		if (why == "") != (want == "") || !strings.Contains(why, want) {
			t.Errorf("%q: %q, want %q", text, why, want)
		}
	}
	if _, why := Parse("$default orders", API{Service: REST}); why == "" {
		t.Error("a REST API has no $default")
	}
}

func TestSamplesAreTaken(t *testing.T) {
	for _, service := range []Service{HTTP, ALB} {
		paths := []string{"/", "/a", "/a/{b}", "/a/{b+}", "$default"}
		if service == ALB {
			paths = []string{"*", "/a/*", "/a?"}
		}
		for _, path := range paths {
			r := Route{API: API{Service: service}, Method: "GET", Path: path}
			if _, ok := (Table{r}).Match("GET", r.Sample()); !ok {
				t.Errorf("%s: %s", path, r.Sample())
			}
		}
	}
}

func TestClashes(t *testing.T) {
	routes := table(t, API{Service: HTTP}, "GET /a/{id} one", "GET /a/{name} two", "POST /a/{id} three", "GET /a/{id+} four")
	if got := routes.Clashes(); len(got) != 1 || !strings.Contains(got[0], "GET /a/{name} two") {
		t.Errorf("%q", got)
	}
}

func TestPreflight(t *testing.T) {
	cors := &CORS{Origins: []string{"*"}}
	routes := append(table(t, API{Service: HTTP, Stage: DefaultStage, CORS: cors}, "GET /a/{id} one"), table(t, API{Service: REST, Stage: "prod"}, "GET /b two")...)
	for path, want := range map[string]bool{"/a/1": true, "/b": false, "/": false} {
		if api, ok := routes.Preflight(path); ok != want || ok && api.CORS != cors {
			t.Errorf("%s: %v", path, ok)
		}
	}
}

// FuzzMatch: a path that a route takes is that of the route with the parameters put in, whatever it holds.
func FuzzMatch(f *testing.F) {
	f.Add("GET /orders/{id} a", "/orders/1", true)
	f.Add("GET /{p+} a", "//", true)
	f.Add("GET /a*b?c* a", "/axxbxc", false)
	f.Fuzz(func(t *testing.T, text, path string, http bool) {
		api := API{Service: ALB}
		if http {
			api = API{Service: HTTP, Stage: "s"}
		}
		r, why := Parse(text, api)
		if why != "" {
			return
		}
		m, ok := Table{r}.Match(r.Method, path)
		if ok && m.Lambda != r.Lambda {
			t.Errorf("%v", m)
		}
		if ok && http && r.Path != Default && strings.Count(m.Path, "/") < strings.Count(r.Path, "/") {
			t.Errorf("%q of %q", m.Path, r.Path)
		}
		if r.Path == path && !strings.ContainsAny(path, "{%") && !ok {
			t.Errorf("%q does not take itself", path)
		}
	})
}
