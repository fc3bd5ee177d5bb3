// Package page is the page of lpipe serve: which lambdas there are, what they were asked and answered, how the last build went,
// and a form to send events.
//
// It is rendered here, works without a script and without a network, and takes commands from itself alone: requests of other
// origins are refused, and so is, by package serve, every host that is not this machine's loopback.
package page

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"lpipe/internal/emulator"
	"lpipe/internal/examples"
	"lpipe/internal/foreign"
	"lpipe/internal/route"
)

// Root is the path of the page.
const Root = "/_lpipe/"

// State is what the page shows beside invocations.
type State struct {
	Lambdas []Lambda
	Routes  route.Table
	Build   Build
}

// Lambda is one that is served.
type Lambda struct {
	Name   string
	URL    string    // path of its function URL
	Since  time.Time // when its program took over; zero without one
	Output string    // the last of what it printed
	// External means that somebody else starts its program, which may be connected.
	External, Connected bool
}

// Build is the last build, or the one under way while Ended is zero.
type Build struct {
	Began, Ended time.Time
	Err          string // what the compiler and lpipe say, as a terminal would show it; "" if it succeeded
	Steps        []Step
}

// Step is a piece of a build.
type Step struct {
	Name       string
	Start, End time.Time
	Cached     bool
	Waited     time.Duration // from when it could have begun until it did
	Critical   bool          // it decides how long the build takes
	Crates     []Crate       // what cargo began to compile in it, in that order
}

// Crate is one that cargo began to compile, which does not say when it has done so.
type Crate struct {
	Name string // with its version
	At   time.Time
}

// Host is what has a page.
type Host interface {
	State() State
	// Version changes whenever State has changed.
	Version() int
	// Function finds a lambda, whose invocations are not recorded yet.
	Function(lambda string) (emulator.Invoker, bool)
}

//go:embed page.html timings.html style.css page.js
var files embed.FS

// pages are parsed at the first request: most runs of lpipe serve none.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"clock":    func(t time.Time) string { return t.Format("15:04:05") },
		"took":     func(from, to time.Time) string { return took(to.Sub(from)) },
		"span":     took,
		"crates":   crates,
		"style":    style,
		"pretty":   pretty,
		"text":     func(b []byte) string { return foreign.Text(string(b)) },
		"clean":    foreign.Text,
		"timeline": timeline,
	}).ParseFS(files, "page.html", "timings.html"))
})

// Handler serves the page below [Root].
func Handler(host Host, recorder *Recorder) http.Handler {
	p := &server{host, recorder}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Root+"{$}", p.index)
	mux.HandleFunc("GET "+Root+"invocations/{id}", p.invocation)
	mux.HandleFunc("POST "+Root+"invoke", p.invoke)
	mux.HandleFunc("GET "+Root+"version", p.version)
	mux.HandleFunc("GET "+Root+"examples/{name}", p.example)
	mux.HandleFunc("GET "+Root+"style.css", asset("style.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET "+Root+"page.js", asset("page.js", "text/javascript; charset=utf-8"))
	protected := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		protected.ServeHTTP(w, r)
	})
}

type server struct {
	host     Host
	recorder *Recorder
}

// form is what the form for an event shows.
type form struct {
	Lambda, Example, Event, Err string
	Lambdas                     []Lambda
	Examples                    []string
}

func (p *server) form(state State) form {
	return form{Event: "{}", Lambdas: state.Lambdas, Examples: examples.Names()}
}

func (p *server) index(w http.ResponseWriter, r *http.Request) {
	state := p.host.State()
	f := p.form(state)
	f.Lambda, f.Example = r.URL.Query().Get("lambda"), r.URL.Query().Get("example")
	if event, ok := examples.Event(f.Example); ok {
		f.Event = string(event)
	}
	p.render(w, http.StatusOK, "index", state, f)
}

func (p *server) render(w http.ResponseWriter, status int, name string, state State, f form) {
	write(w, status, name, struct {
		State
		Form        form
		Invocations []Invocation
		Version     int
	}{state, f, p.recorder.Last(), p.count()})
}

// write renders a whole page before any of it is sent.
func write(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := pages().ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the browser may have gone
}

func (p *server) invocation(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(r.PathValue("id"))
	inv, ok := p.recorder.Invocation(id)
	if !ok {
		write(w, http.StatusNotFound, "missing", p.count())
		return
	}
	write(w, http.StatusOK, "invocation", struct {
		Invocation
		Version int
	}{inv, p.count()})
}

// invoke sends the event of the form, and shows what came of it.
func (p *server) invoke(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 3*emulator.EventLimit+1<<10) // a form takes up to three bytes for one
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the event is too large, or no form", http.StatusRequestEntityTooLarge)
		return
	}
	lambda, event := r.PostForm.Get("lambda"), r.PostForm.Get("event")
	f, ok := p.host.Function(lambda)
	var problem error
	switch {
	case !ok:
		problem = errors.New("there is no lambda of this name")
	case len(event) > emulator.EventLimit:
		problem = errors.New("Lambda takes events of up to 6 MiB")
	default:
		problem = emulator.CheckEvent([]byte(event))
	}
	if problem != nil {
		state := p.host.State()
		again := p.form(state)
		again.Lambda, again.Event, again.Err = lambda, event, problem.Error()
		p.render(w, http.StatusBadRequest, "index", state, again)
		return
	}
	// A browser that leaves does not end it. The outcome is kept, and shown there.
	id, _, _ := p.recorder.invoke(context.WithoutCancel(r.Context()), f, lambda, emulator.Event{Payload: []byte(event), LogTail: true})
	http.Redirect(w, r, Root+"invocations/"+strconv.Itoa(id), http.StatusSeeOther)
}

// count changes with what the pages show.
func (p *server) count() int { return p.host.Version() + p.recorder.Changes() }

func (p *server) version(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprint(w, p.count())
}

func (p *server) example(w http.ResponseWriter, r *http.Request) {
	event, ok := examples.Event(r.PathValue("name"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(event)
}

func asset(name, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		data, _ := files.ReadFile(name) // embedded, so it is there
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(data)
	}
}

// took is a time as a person reads it.
func took(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Minute:
		return fmt.Sprintf("%.2f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}

// pretty is JSON with line breaks, and other text as it is.
func pretty(t Text) string {
	var b bytes.Buffer
	if !t.Cut && json.Indent(&b, t.Bytes, "", "  ") == nil {
		return b.String()
	}
	return foreign.Text(string(t.Bytes))
}

// bar is a step with its place on a time line of 1000 units.
type bar struct {
	Step
	X, Width float64
}

func timeline(b Build) (bars []bar) {
	steps := slices.DeleteFunc(slices.Clone(b.Steps), func(s Step) bool { return s.End.Before(b.Began) })
	end := b.Ended
	for _, s := range steps {
		if s.End.After(end) {
			end = s.End
		}
	}
	return place(steps, b.Began, end)
}

// place lays steps on a time line from began to end.
func place(steps []Step, began, end time.Time) (bars []bar) {
	whole := end.Sub(began)
	if whole <= 0 {
		return nil
	}
	at := func(t time.Time) float64 { return max(0, 1000*float64(t.Sub(began))/float64(whole)) }
	for _, s := range steps {
		bars = append(bars, bar{s, at(s.Start), max(2, at(s.End)-at(s.Start))})
	}
	return bars
}
