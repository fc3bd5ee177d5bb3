package serve

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"lpipe/internal/emulator"
	"lpipe/internal/page"
	"lpipe/internal/route"
)

func get(t *testing.T, s *Server, host, path string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.Host = host
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// TestPathsLeadToFunctions: what has no program yet says so, and so shows where a request was taken to.
func TestPathsLeadToFunctions(t *testing.T) {
	one, two := New([]string{"orders"}, 1, io.Discard), New([]string{"orders", "users"}, 1, io.Discard)
	const notBuilt, unknown = "has not been built", "there are\n/lambda-url/orders/\n"
	for _, c := range []struct {
		s          *Server
		path, want string
		code       int
	}{
		{one, "/", notBuilt, 500},
		{one, "/any/path", notBuilt, 500},
		{one, "/lambda-url/orders/a/b?c", notBuilt, 500},
		{one, "/lambda-url/users/", unknown, 404},
		{two, "/", unknown + "/lambda-url/users/\n", 404},
		{two, "/lambda-url/users/x", notBuilt, 500},
		{two, "/lambda-url/users//x/../y", notBuilt, 500}, // as it is, without a redirect
		{one, "//a/../b", notBuilt, 500},
		{two, "/lambda-url/orders", "", 307},
		{two, "/2015-03-31/functions/orders/invocations", "UnknownOperation", 404}, // not by GET
	} {
		if code, body := get(t, c.s, "localhost:9000", c.path); code != c.code || !strings.Contains(body, c.want) && c.code != 404 {
			t.Errorf("%s: %d %s", c.path, code, body)
		}
	}
}

// TestRoutesTakeTheRoot: with routes nothing but they answer at the root, and the rest stays where it is.
func TestRoutesTakeTheRoot(t *testing.T) {
	s := New([]string{"orders"}, 1, io.Discard)
	one, _ := route.Parse("GET /orders/{id} orders", route.API{Service: route.HTTP, Stage: route.DefaultStage})
	s.Route(route.Table{one})
	for path, want := range map[string]string{
		"/orders/7":            "500 has not been built",
		"/":                    "404 Not Found",
		"/lambda-url/orders/x": "500 has not been built",
	} {
		status, text, _ := strings.Cut(want, " ")
		if code, body := get(t, s, "localhost", path); strconv.Itoa(code) != status || !strings.Contains(body, text) {
			t.Errorf("%s: %d %s, want %s", path, code, body, want)
		}
	}
	if code, _ := get(t, s, "example.com", "/orders/7"); code != http.StatusForbidden {
		t.Errorf("another host: %d", code)
	}
	if code, _ := get(t, s, "", "/orders/7"); code != http.StatusInternalServerError {
		t.Errorf("no host, as by HTTP/1.0: %d", code)
	}
	s.Route(nil)
	if code, body := get(t, s, "localhost", "/"); code != 500 || !strings.Contains(body, "has not been built") {
		t.Errorf("without routes: %d %s", code, body)
	}
}

// TestURLsAnswerOtherOrigins, where they are configured to, at either of their addresses.
func TestURLsAnswerOtherOrigins(t *testing.T) {
	s := New([]string{"orders"}, 1, io.Discard)
	ask := func(method, path string) http.Header {
		r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
		r.Host = "localhost"
		r.Header.Set("Origin", "https://a.example")
		r.Header.Set("Access-Control-Request-Method", "GET")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w.Result().Header
	}
	const allowed = "Access-Control-Allow-Origin"
	if h := ask("OPTIONS", "/lambda-url/orders/"); h.Get(allowed) != "" {
		t.Errorf("without a configuration: %q", h)
	}
	s.SetCORS(map[string]*route.CORS{"orders": {Origins: []string{"https://a.example"}, Methods: []string{"GET"}}})
	for _, path := range []string{"/lambda-url/orders/", "/"} {
		if h := ask("OPTIONS", path); h.Get(allowed) != "https://a.example" || h.Get("Access-Control-Allow-Methods") != "GET" {
			t.Errorf("%s, a preflight: %q", path, h)
		}
		if h := ask("GET", path); h.Get(allowed) != "https://a.example" {
			t.Errorf("%s: %q", path, h)
		}
	}
}

// TestThePageShowsTheServer: its lambdas, routes and builds, and it tells when there is something new.
func TestThePageShowsTheServer(t *testing.T) {
	s := New([]string{"orders", "a"}, 1, io.Discard)
	version := func() string {
		_, body := get(t, s, "localhost", page.Root+"version")
		return body
	}
	shows := func(want ...string) {
		t.Helper()
		code, body := get(t, s, "localhost", page.Root)
		for _, w := range want {
			if code != 200 || !strings.Contains(body, w) {
				t.Errorf("%d: there is no %q in %s", code, w, body)
			}
		}
	}
	shows("<h3>a</h3>", "<h3>orders</h3>", "not built", "None yet")
	before := version()
	s.BeginBuild()
	shows("building</span> since")
	s.EndBuild("it does not compile", []page.Step{{Name: "compile", Start: time.Now().Add(-time.Second), End: time.Now()}})
	shows("failed</span>", "it does not compile", "compile</th>")
	one, _ := route.Parse("GET /orders/{id} orders", route.API{Service: route.HTTP})
	s.Route(route.Table{one})
	shows("/orders/{id}")
	get(t, s, "localhost", "/orders/1")
	shows("has not been built</span>")
	if version() == before {
		t.Error("it does not tell that it changed")
	}
	if code, _ := get(t, s, "example.com", page.Root); code != http.StatusForbidden {
		t.Errorf("another host: %d", code)
	}
}

// TestAProgramOfOthersAnswers: it finds the Runtime API below the name of its function.
func TestAProgramOfOthersAnswers(t *testing.T) {
	s := New(nil, 1, io.Discard)
	s.Wait(emulator.Config{Name: "orders", Timeout: time.Hour})
	web := httptest.NewServer(s.Handler())
	defer web.Close()
	defer s.Close()
	call := func(method, path, body string) (string, http.Header) {
		r, err := http.NewRequestWithContext(t.Context(), method, web.URL+path, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return "", nil
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			return "", nil
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return string(b), resp.Header
	}
	if _, body := get(t, s, "localhost", page.Root); !strings.Contains(body, "waits</span> for its program") {
		t.Error(body)
	}
	answer := make(chan string)
	go func() {
		body, _ := call("POST", "/2015-03-31/functions/orders/invocations", `{"n":1}`)
		answer <- body
	}()
	event, header := call("GET", "/orders/2018-06-01/runtime/invocation/next", "")
	if event != `{"n":1}` {
		t.Error(event)
	}
	if _, body := get(t, s, "localhost", page.Root); !strings.Contains(body, "connected</span>") {
		t.Error(body)
	}
	call("POST", "/orders/2018-06-01/runtime/invocation/"+header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", `"done"`)
	if got := <-answer; got != `"done"` {
		t.Error(got)
	}
	// A function whose program lpipe starts has no Runtime API here.
	other := New([]string{"orders"}, 1, io.Discard)
	if code, body := get(t, other, "localhost", "/orders/2018-06-01/runtime/invocation/next"); code != 500 || !strings.Contains(body, "has not been built") {
		t.Errorf("%d %s", code, body)
	}
}

// TestOtherHostsAreRefused: the name of a web page may lead to this machine, and its requests are then of the same origin.
func TestOtherHostsAreRefused(t *testing.T) {
	s := New([]string{"orders"}, 1, io.Discard)
	for host, ok := range map[string]bool{
		"localhost:9000": true, "localhost": true, "127.0.0.1:9000": true, "[::1]:9000": true, "orders.localhost": true, "127.1.2.3": true,
		"example.com": false, "localhost.example.com:9000": false, "192.168.0.1:9000": false, "0.0.0.0": false, "": true, // of HTTP/1.0, which no browser speaks
	} {
		for _, path := range []string{"/", "/lambda-url/orders/", "/2015-03-31/functions/orders/invocations"} {
			if code, _ := get(t, s, host, path); (code == http.StatusForbidden) == ok {
				t.Errorf("%q %s: %d", host, path, code)
			}
		}
	}
}

func TestChangesOfFilesAreNoticed(t *testing.T) {
	write := func(at, text string) {
		t.Helper()
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(dir string) error{
		"another content": func(dir string) error { return os.WriteFile(filepath.Join(dir, "a"), []byte("longer"), 0o600) },
		"another time": func(dir string) error {
			return os.Chtimes(filepath.Join(dir, "a"), time.Time{}, time.Now().Add(time.Hour))
		},
		"removed":    func(dir string) error { return os.Remove(filepath.Join(dir, "a")) },
		"a new file": func(dir string) error { return os.WriteFile(filepath.Join(dir, "new"), nil, 0o600) },
		"one that was not there": func(dir string) error {
			return os.Mkdir(filepath.Join(dir, "later"), 0o700)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(filepath.Join(dir, "a"), "text")
			files := Look([]string{dir, filepath.Join(dir, "a"), filepath.Join(dir, "later")})
			ctx, cancel := context.WithTimeout(t.Context(), 3*interval)
			defer cancel()
			if err := files.Wait(ctx); err == nil {
				t.Fatal("a change is noticed where there is none")
			}
			if err := change(dir); err != nil {
				t.Fatal(err)
			}
			if err := files.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLinesAreWhole(t *testing.T) {
	var out strings.Builder
	lines := &Lines{W: &out}
	a, b := lines.Of("a"), lines.Of("b")
	for _, w := range []struct {
		io.Writer
		text string
	}{{a, "one line\n"}, {b, "two\nthree\n"}, {b, "\n"}, {a, ""}, {b, "rest"}, {a, "two\n"}} {
		if n, err := io.WriteString(w.Writer, w.text); err != nil || n != len(w.text) {
			t.Fatal(n, err)
		}
	}
	if want := "a | one line\nb | two\nb | three\nb | \nb | rest\na | two\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
