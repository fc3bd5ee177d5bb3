package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Server is the Runtime API for one process. Make it with [New].
type Server struct {
	config  Config
	started time.Time
	queue   chan *invocation // to the runtime's request for the next one; not buffered
	gone    chan struct{}    // closed when the process is of no more use

	extensions sync.Map // identifiers of those that have registered

	mu       sync.Mutex
	state    state
	current  *invocation   // the one that the runtime has
	returned *invocation   // one that could not be handed over, first in line
	waiting  chan struct{} // closed to end the runtime's request for the next one
	init     time.Duration
	timer    *time.Timer
	end      func(id string) Result // the answer to whoever asks when gone is closed
}

// state is where a runtime is in its life. Requests that do not fit are refused with InvalidStateTransition.
type state int

const (
	starting  state = iota // has not asked for an event
	ready                  // asks for the next one
	running                // works on one
	answering              // sends the answer
	answered               // may ask again
)

type invocation struct {
	Event
	begun time.Time
	done  chan Result // buffered: nobody may be waiting any more

	mu   sync.Mutex
	out  io.Writer // of a streamed response
	left bool      // the one who invoked has left, or does not take more of the stream
}

// open makes the writer of a streamed response.
func (inv *invocation) open(contentType string) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if !inv.left {
		inv.out = inv.Stream(contentType)
	}
}

// Write passes on a piece of the response while there is somebody to take it: a function may finish its answer
// even when nobody listens any more.
func (inv *invocation) Write(p []byte) (int, error) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if !inv.left {
		_, err := inv.out.Write(p)
		inv.left = err != nil
	}
	return len(p), nil
}

// leave ends the stream: afterwards its writer is not used.
func (inv *invocation) leave() {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.left = true
}

// New returns the server for a process that is about to start.
func New(c Config) *Server {
	s := &Server{
		config: c.withDefaults(), started: time.Now(),
		queue: make(chan *invocation), gone: make(chan struct{}),
	}
	// Lambda ends a start that takes ten seconds, and tries again with the first event, on that event's time.
	limit := initLimit + s.config.Timeout
	s.timer = time.AfterFunc(limit, func() {
		s.finishIf(func() bool { return s.state == starting }, func(id string) Result {
			return failed(id, "Sandbox.Timedout", fmt.Sprintf("Runtime did not ask for an event within %.2f seconds", limit.Seconds()))
		})
	})
	return s
}

// Invoke queues an event and returns what the function makes of it; events wait in line, since a runtime works on
// one at a time. Failures of the function are in the result. The error is that of ctx: when it ends while the
// runtime has the event, the process is in no known state and the server is closed.
func (s *Server) Invoke(ctx context.Context, e Event) (Result, error) {
	if len(e.Payload) == 0 {
		e.Payload = []byte("{}") // as Lambda has it
	}
	if e.ID == "" {
		e.ID = newID()
	}
	if e.TraceID == "" {
		e.TraceID = newTraceID()
	}
	inv := &invocation{Event: e, done: make(chan Result, 1)}
	defer inv.leave()
	select {
	case s.queue <- inv:
	case <-s.gone:
		return s.end(e.ID), nil
	case <-ctx.Done():
		return Result{}, fmt.Errorf("waiting for the function: %w", context.Cause(ctx))
	}
	select {
	case r := <-inv.done:
		return r, nil
	case <-ctx.Done():
		s.Close()
		return Result{}, fmt.Errorf("waiting for the function's answer: %w", context.Cause(ctx))
	}
}

// Close ends the server: invocations in line or under way fail.
func (s *Server) Close() { s.finish("Sandbox.Closed", "the emulator was stopped") }

// Exited tells the server that the process is gone, with the error of its end, which may be nil. An invocation
// that it still had fails as on Lambda.
func (s *Server) Exited(err error) {
	message := "Runtime exited without providing a reason"
	if err != nil {
		message = "Runtime exited with error: " + err.Error()
	}
	s.finish("Runtime.ExitError", message)
}

// Gone is closed when the process is of no more use: it exited, failed to start, took too long or was closed.
func (s *Server) Gone() <-chan struct{} { return s.gone }

// finish ends the server with an error for all invocations.
func (s *Server) finish(errorType, message string) {
	s.finishIf(func() bool { return true }, func(id string) Result { return failed(id, errorType, message) })
}

// finishIf ends the server, once and only if the condition holds at that moment. It reports whether it did.
func (s *Server) finishIf(condition func() bool, end func(id string) Result) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isGone() || !condition() {
		return false
	}
	s.end = end
	s.timer.Stop()
	close(s.gone)
	if s.busy() {
		s.answer(s.current, end(s.current.ID))
	}
	if s.returned != nil {
		s.answer(s.returned, end(s.returned.ID))
	}
	s.current, s.returned = nil, nil
	return true
}

// busy reports whether the runtime has an invocation that waits for its answer; s.mu is held.
func (s *Server) busy() bool { return s.state == running || s.state == answering }

func (s *Server) isGone() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

// answer gives an invocation its result; s.mu is held.
func (s *Server) answer(inv *invocation, r Result) {
	r.RequestID = inv.ID
	if !inv.begun.IsZero() {
		r.Duration = time.Since(inv.begun)
	}
	r.Init, s.init = s.init, 0
	inv.done <- r
}

var (
	errState = errors.New("the runtime may not do this now")
	errID    = errors.New("the runtime does not have this invocation")
)

// ask records that the runtime wants an event. The channel ends the wait when it asks again.
func (s *Server) ask() (superseded chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isGone() || s.busy() {
		return nil, errState
	}
	if s.state == starting {
		s.init = time.Since(s.started)
		s.timer.Stop()
	}
	s.state = ready
	if s.waiting != nil {
		close(s.waiting)
	}
	s.waiting = make(chan struct{})
	return s.waiting, nil
}

// take waits for an event that the runtime may have, as long as ctx and the runtime's request live.
func (s *Server) take(ctx context.Context, superseded chan struct{}) (*invocation, error) {
	s.mu.Lock()
	inv := s.returned
	s.returned = nil
	s.mu.Unlock()
	if inv == nil {
		select {
		case inv = <-s.queue:
		case <-superseded:
			return nil, errState
		case <-s.gone:
			return nil, errState
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.isGone():
		s.answer(inv, s.end(inv.ID))
		return nil, errState
	case ctx.Err() != nil || s.waiting != superseded:
		s.returned = inv
		return nil, errState
	}
	s.state, s.current, s.waiting = running, inv, nil
	inv.begun = time.Now()
	timeout := s.config.Timeout
	s.timer = time.AfterFunc(timeout, func() { s.expire(inv, timeout) })
	return inv, nil
}

// expire ends the server when an invocation has used up its time: Lambda throws the process away too.
func (s *Server) expire(inv *invocation, timeout time.Duration) {
	s.finishIf(func() bool { return s.current == inv && s.busy() }, func(id string) Result {
		return failed(id, "Sandbox.Timedout", fmt.Sprintf("Task timed out after %.2f seconds", timeout.Seconds()))
	})
}

// begin claims the right to answer the invocation with the id.
func (s *Server) begin(id string) (*invocation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.current == nil || s.current.ID != id:
		return nil, errID
	case s.state != running:
		return nil, errState
	}
	s.state = answering
	return s.current, nil
}

// complete answers an invocation; too late is not an error here, the one who waits has had an answer.
func (s *Server) complete(inv *invocation, r Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != answering || s.current != inv || s.isGone() {
		return
	}
	s.timer.Stop()
	s.state = answered
	s.answer(inv, r)
}

// failInit ends the server with the error that the runtime reports of its own start.
func (s *Server) failInit(body []byte, errorType string) error {
	ended := s.finishIf(func() bool { return s.state == starting }, func(id string) Result {
		return Result{RequestID: id, Payload: body, FunctionError: "Unhandled", ErrorType: errorType}
	})
	if !ended {
		return errState
	}
	return nil
}

// Handler returns the Runtime API, version 2018-06-01: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
// and of the Extensions API what a program needs that is an extension itself.
// A browser is refused: any web page can make it ask this machine, and the first who asks has the event.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", s.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", s.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", s.invocationError)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", s.initError)
	mux.HandleFunc("POST /2020-01-01/extension/register", s.register)
	mux.HandleFunc("GET /2020-01-01/extension/event/next", s.nextForExtension)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "NotFound", "there is no "+r.Method+" "+strings.ToValidUTF8(r.URL.Path, "?"))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
			refuse(w, http.StatusForbidden, "Browser", "the Runtime API is for the program alone")
			return
		}
		mux.ServeHTTP(w, r)
	})
}
