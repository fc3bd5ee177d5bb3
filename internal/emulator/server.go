package emulator

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Server is the Runtime API and the Extensions API of one execution environment. Make it with [New].
type Server struct {
	config  Config
	phase   string // in which the environment is initialized
	journal *journal
	alone   bool       // nobody closes the journal
	memory  func() int // the most memory that the processes have used, in MB
	started time.Time
	queue   chan *invocation // to the runtime's request for the next one; not buffered
	ready   chan struct{}    // closed when the runtime and all extensions have asked for an event
	gone    chan struct{}    // closed when the environment is of no more use
	began   chan struct{}    // has a value when an invocation has begun

	extensions extensions

	mu        sync.Mutex
	idle      bool                   // the runtime has asked for an event, and has none
	asking    int                    // requests of the runtime that wait for an event
	running   map[string]*invocation // those that the runtime has, by their id; without concurrency, that which it had last
	late      []string               // the ids of those that the runtime still has, though they have timed out, the last ones
	returned  []*invocation          // those that could not be handed over, first in line
	waiting   chan struct{}          // closed to end the runtime's request for the next one, where it may have one alone
	restoring bool                   // the runtime has asked for the moment after a snapshot
	init      time.Duration          // of the initialization, until it is told
	timer     *time.Timer            // of the initialization
	end       failure                // why gone is closed
}

// lateLimit is how many invocations that have timed out are remembered.
const lateLimit = 1000

// failure is why an execution environment is of no more use.
type failure struct {
	outcome
	message  string
	payload  []byte // the error as the runtime reported it, if it did
	reported string // its type, likewise
	shutdown string // the reason that extensions are told
}

// result is what becomes of an invocation.
func (f failure) result(id string) Result {
	if f.payload != nil {
		return Result{RequestID: id, Payload: f.payload, FunctionError: "Unhandled", ErrorType: f.reported}
	}
	return failed(id, f.ErrorType, f.message)
}

func crashed(errorType, message string) failure {
	return failure{outcome: outcome{statusError, errorType}, message: message, shutdown: "failure"}
}

func timedOut(after time.Duration) failure {
	return failure{
		outcome: outcome{statusTimeout, "Sandbox.Timedout"}, message: fmt.Sprintf("Task timed out after %.2f seconds", after.Seconds()), shutdown: "timeout",
	}
}

// New returns the server for an execution environment that is about to start.
func New(c Config) *Server {
	s := newServer(c, phaseInit, nil, &journal{}, func() int { return 0 })
	s.alone = true
	return s
}

func newServer(c Config, phase string, extensions []string, j *journal, memory func() int) *Server {
	s := &Server{
		config: c.withDefaults(), phase: phase, journal: j, memory: memory, started: time.Now(),
		queue: make(chan *invocation), running: map[string]*invocation{}, ready: make(chan struct{}), gone: make(chan struct{}),
		began: make(chan struct{}, 1),
	}
	s.extensions.expect(extensions)
	j.say(initStart{s.config.initType(), phase, "lpipe", s.config.Name, "$LATEST"})
	limit := s.config.initTimeout
	if phase == phaseInvoke {
		limit = s.config.Timeout
	}
	s.timer = time.AfterFunc(limit, func() {
		s.finishIf(func() bool { return !s.isReady() }, timedOut(limit))
	})
	return s
}

// Close ends the server: invocations in line or under way fail.
func (s *Server) Close() {
	s.finish(failure{outcome: outcome{"failure", "Sandbox.Closed"}, message: "the emulator was stopped", shutdown: "spindown"})
}

// lastWords is how long what a program wrote before it was gone is read. Its connections are closed with it, unless something
// that it started holds them.
const lastWords = time.Second

// Exited tells the server that the program is gone, with the error of its end, which may be nil. An answer that it was sending
// counts, be it whole or not; an invocation that it still had fails as on Lambda.
func (s *Server) Exited(err error) {
	s.mu.Lock()
	var answers []chan struct{}
	for _, inv := range s.running {
		if inv.state == answering {
			answers = append(answers, inv.heard)
		}
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	for _, heard := range answers {
		select {
		case <-heard:
		case <-ctx.Done():
		}
	}
	message := "Runtime exited without providing a reason"
	if err != nil {
		message = "Runtime exited with error: " + err.Error()
	}
	s.finish(crashed("Runtime.ExitError", message))
}

// Gone is closed when the environment is of no more use: a process exited or failed to start, took too long or was closed.
func (s *Server) Gone() <-chan struct{} { return s.gone }

// finish ends the server with an error for all invocations.
func (s *Server) finish(why failure) { s.finishIf(func() bool { return true }, why) }

// finishIf ends the server, once and only if the condition holds at that moment. It reports whether it did.
func (s *Server) finishIf(condition func() bool, why failure) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isGone() || !condition() {
		return false
	}
	s.end = why
	s.timer.Stop()
	if !s.isReady() && why.shutdown != "spindown" {
		s.reportInit(why.outcome)
	}
	close(s.gone)
	for _, inv := range slices.AppendSeq(s.returned, maps.Values(s.running)) {
		switch {
		case inv.isOver():
		case inv.answer != nil && why.shutdown == "spindown":
			s.finishInvocation(inv, nil)
		default:
			s.answer(inv, why.result(inv.ID))
			s.finishInvocation(inv, &why)
		}
	}
	clear(s.running)
	s.returned = nil
	return true
}

// reportInit tells how the initialization ended; s.mu is held.
func (s *Server) reportInit(o outcome) {
	events := []platformEvent{initRuntimeDone{s.config.initType(), s.phase, o}}
	for _, e := range s.extensions.states() {
		events = append(events, e)
	}
	end := initReport{Type: s.config.initType(), Phase: s.phase, outcome: o}
	end.Metrics.Duration = milliseconds(time.Since(s.started))
	s.journal.say(append(events, end)...)
	s.journal.initialized()
}

// current is the invocation that the runtime has, or had last; nil with concurrency. s.mu is held.
func (s *Server) current() *invocation {
	if s.config.concurrent() {
		return nil
	}
	for _, inv := range s.running {
		return inv
	}
	return nil
}

// atWork reports whether the environment is initialized, or has an invocation.
func (s *Server) atWork() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, inv := range s.running {
		if !inv.isOver() {
			return true
		}
	}
	return !s.isReady()
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (s *Server) isGone() bool  { return isClosed(s.gone) }
func (s *Server) isReady() bool { return isClosed(s.ready) }

// beginRestore records that the runtime goes on from a snapshot, once and before it asks for an event.
func (s *Server) beginRestore() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isGone() || s.restoring || s.extensions.closed {
		return false
	}
	s.restoring = true
	return true
}

// Handler returns the Runtime API, version 2018-06-01: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
// and the Extensions API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html, with the Telemetry API.
// A browser is refused: any web page can make it ask this machine, and the first who asks has the event.
func (s *Server) Handler() http.Handler { return s.handler(dialOwn) }

// handler is [Server.Handler] for a process whose listeners dial reaches.
func (s *Server) handler(dial dialer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", s.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", s.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", s.invocationError)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", s.startError(func() bool { return !s.extensions.closed }))
	mux.HandleFunc("GET /2018-06-01/runtime/restore/next", s.restored)
	mux.HandleFunc("POST /2018-06-01/runtime/restore/error", s.startError(func() bool { return s.restoring && !s.extensions.closed }))
	mux.HandleFunc("POST /2020-01-01/extension/register", s.register)
	mux.HandleFunc("GET /2020-01-01/extension/event/next", s.nextForExtension)
	mux.HandleFunc("POST /2020-01-01/extension/init/error", s.extensionError("Extension.InitError"))
	mux.HandleFunc("POST /2020-01-01/extension/exit/error", s.extensionError("Extension.ExitError"))
	subscribe := func(w http.ResponseWriter, r *http.Request) { s.subscribe(w, r, dial) }
	mux.HandleFunc("PUT /2022-07-01/telemetry", subscribe)
	mux.HandleFunc("PUT /2022-07-01/telemetry/{$}", subscribe)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "NotFound", "there is no "+r.Method+" "+strings.ToValidUTF8(r.URL.Path, "?"))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
			refuse(w, http.StatusForbidden, "Browser", "the Runtime API is for the program alone")
			return
		}
		if r.Method == http.MethodHead { // a ServeMux takes it for GET, and an event would be lost on it
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		mux.ServeHTTP(w, r)
	})
}
