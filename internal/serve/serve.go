// Package serve answers for built lambdas on this machine, as AWS answers for deployed ones: Lambda's API, function URLs and
// routes of API Gateway and load balancers, on one address.
//
// It knows programs and HTTP, and nothing of how they are built. [Files] tells when the sources of a build changed.
package serve

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"lpipe/internal/emulator"
	"lpipe/internal/gateway"
	"lpipe/internal/page"
	"lpipe/internal/route"
)

// Prefix is where function URLs begin: /lambda-url/NAME/.
const Prefix = "/lambda-url/"

// Server serves functions by their names. Make it with [New].
type Server struct {
	api         emulator.API
	concurrency int

	recorder page.Recorder

	mu        sync.Mutex
	functions map[string]function
	routes    route.Table
	cors      map[string]*route.CORS // of functions' URLs
	since     map[string]time.Time   // when a function got the program that it has
	output    map[string]*page.Tail  // of that program
	build     page.Build
	version   int // of what the page shows
}

// function is one that is served: an [emulator.Current] or an [emulator.External].
type function interface {
	emulator.Invoker
	Close()
}

// New returns a server of the functions of these names, which have no programs yet. Each answers up to concurrency calls
// at a time. log takes the failures of asynchronous invocations.
func New(names []string, concurrency int, log io.Writer) *Server {
	s := &Server{concurrency: concurrency, functions: map[string]function{}, since: map[string]time.Time{}, output: map[string]*page.Tail{}}
	s.api = emulator.API{Lookup: s.lookup, Log: log}
	for _, name := range names {
		s.functions[name] = &emulator.Current{}
	}
	return s
}

// Replace has a program answer for its function from now on, which is made if there is none of its name. gone is called when
// nothing of the program is left.
func (s *Server) Replace(p emulator.Program, gone func()) {
	s.mu.Lock()
	f, ok := s.functions[p.Name].(*emulator.Current)
	if !ok {
		f = &emulator.Current{}
		s.functions[p.Name] = f
	}
	s.keepOutput(&p)
	s.since[p.Name] = time.Now()
	s.version++
	s.mu.Unlock()
	f.Replace(emulator.NewFunction(p, s.concurrency), gone)
}

// Wait has a function of that configuration wait for a program that somebody else starts, and returns the Runtime API for it,
// to be served at an address of its own. Runtimes that take a path find it below /NAME too, as with cargo lambda.
func (s *Server) Wait(c emulator.Config) http.Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := emulator.NewExternal(c)
	s.functions[c.Name] = x
	s.version++
	return x.Handler()
}

// Route has the routes answer from now on, in place of those before.
func (s *Server) Route(routes route.Table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.routes = routes
	s.version++
}

// SetCORS has the URLs of these functions answer browsers of other origins.
func (s *Server) SetCORS(functions map[string]*route.CORS) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cors = functions
}

// url is the URL of a function.
func (s *Server) url(name string, f emulator.Invoker) http.Handler {
	s.mu.Lock()
	c := s.cors[name]
	s.mu.Unlock()
	if c == nil {
		return emulator.URL(f)
	}
	return gateway.CORS(c, emulator.URL(f))
}

// Routes are those that answer.
func (s *Server) Routes() route.Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.routes
}

// Names are those of the functions, sorted.
func (s *Server) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name := range s.functions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (s *Server) lookup(name string) (emulator.Invoker, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.functions[name]
	if !ok {
		return nil, false
	}
	return s.recorder.Watch(f, name), true
}

// Close ends all programs; calls under way fail, and those that nobody waits for are waited for.
func (s *Server) Close() {
	s.mu.Lock()
	var all []function
	for _, f := range s.functions {
		all = append(all, f)
	}
	s.mu.Unlock()
	for _, f := range all {
		f.Close()
	}
	s.api.Wait()
}

// Handler serves Lambda's API, the page below [page.Root], the function URLs below [Prefix] and, at the root, the routes or, without any, the URL of a
// single function. A request that names another host than this machine's loopback is refused: it comes from a web page whose name leads here.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	api := s.api.Handler()
	mux.Handle("/2015-03-31/", api)
	mux.Handle("/2021-11-15/", api)
	mux.Handle(page.Root, page.Handler(shown{s}, &s.recorder))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch _, pattern := mux.Handler(r); {
		case !loopback(r.Host):
			http.Error(w, "lpipe serves this machine alone, as localhost", http.StatusForbidden)
		case s.serveRuntime(w, r):
		case pattern != "":
			mux.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, Prefix):
			s.serveURL(w, r)
		default:
			s.serveRoot(w, r)
		}
	})
}

// serveURL answers at the URL of a function, whose path stays as it is: a ServeMux would redirect from one with //.
func (s *Server) serveURL(w http.ResponseWriter, r *http.Request) {
	name, _, inside := strings.Cut(strings.TrimPrefix(r.URL.Path, Prefix), "/")
	f, ok := s.lookup(name)
	switch {
	case !ok:
		s.unknown(w)
	case !inside:
		http.Redirect(w, r, (&url.URL{Path: Prefix + name + "/", RawQuery: r.URL.RawQuery}).String(), http.StatusTemporaryRedirect)
	default:
		http.StripPrefix(Prefix+name, s.url(name, f)).ServeHTTP(w, r)
	}
}

// serveRoot answers by the routes or, without any, at the URL of a single function.
func (s *Server) serveRoot(w http.ResponseWriter, r *http.Request) {
	if routes := s.Routes(); len(routes) > 0 {
		gateway.Handler(routes, s.lookup).ServeHTTP(w, r)
		return
	}
	names := s.Names()
	if len(names) != 1 {
		s.unknown(w)
		return
	}
	f, _ := s.lookup(names[0])
	s.url(names[0], f).ServeHTTP(w, r)
}

// unknown answers a request for no function with what there is.
func (s *Server) unknown(w http.ResponseWriter) {
	var text strings.Builder
	text.WriteString("no such lambda; there are\n")
	for _, name := range s.Names() {
		text.WriteString(Prefix + name + "/\n")
	}
	http.Error(w, text.String(), http.StatusNotFound)
}

// loopback reports whether a host, which may have a port, is this machine's own name for itself. A client of HTTP/1.0 may name none,
// which no browser does.
func loopback(host string) bool {
	if host == "" {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
