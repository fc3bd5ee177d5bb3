package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	memory  func() int // the most memory that the processes have used, in MB
	started time.Time
	queue   chan *invocation // to the runtime's request for the next one; not buffered
	ready   chan struct{}    // closed when the runtime and all extensions have asked for an event
	gone    chan struct{}    // closed when the environment is of no more use

	extensions extensions

	mu       sync.Mutex
	idle     bool                   // the runtime has asked for an event, and has none
	asking   int                    // requests of the runtime that wait for an event
	running  map[string]*invocation // those that the runtime has, by their id; without concurrency, that which it had last
	late     []string               // the ids of those that the runtime still has, though they have timed out, the last ones
	returned []*invocation          // those that could not be handed over, first in line
	waiting  chan struct{}          // closed to end the runtime's request for the next one, where it may have one alone
	init     time.Duration          // of the initialization, until it is told
	timer    *time.Timer            // of the initialization
	end      failure                // why gone is closed
}

// lateLimit is how many invocations that have timed out are remembered.
const lateLimit = 1000

// state is where an invocation is. Requests that do not fit are refused with InvalidStateTransition.
type state int

const (
	running   state = iota // the runtime works on it
	answering              // and sends the answer
	answered               // and may ask for the next one
)

// failure is why an execution environment is of no more use.
type failure struct {
	outcome
	message  string
	payload  []byte // the error as the runtime reported it, if it did
	shutdown string // the reason that extensions are told
}

// result is what becomes of an invocation.
func (f failure) result(id string) Result {
	if f.payload != nil {
		return Result{RequestID: id, Payload: f.payload, FunctionError: "Unhandled", ErrorType: f.ErrorType}
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

type invocation struct {
	Event
	attempt string // told to the runtime as Lambda-Runtime-Invocation-Id
	timer   *time.Timer
	begun   time.Time
	done    chan Result   // buffered: nobody may be waiting any more
	over    chan struct{} // closed when the environment can take the next one, or is gone

	// Guarded by the server's mu.
	state    state
	answer   *Result
	replying time.Time // when the runtime began to answer
	answered time.Time // when it had
	told     bool      // that the runtime is done
	reported Result    // with what is known when it is over

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

// New returns the server for an execution environment that is about to start.
func New(c Config) *Server { return newServer(c, phaseInit, nil, &journal{}, func() int { return 0 }) }

func newServer(c Config, phase string, extensions []string, j *journal, memory func() int) *Server {
	s := &Server{
		config: c.withDefaults(), phase: phase, journal: j, memory: memory, started: time.Now(),
		queue: make(chan *invocation), running: map[string]*invocation{}, ready: make(chan struct{}), gone: make(chan struct{}),
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

// Invoke queues an event and returns what the function makes of it; events wait in line, since a runtime works on
// one at a time. Failures of the function are in the result. The error is that of ctx: when it ends while the
// runtime has the event, the process is in no known state and the server is closed.
func (s *Server) Invoke(ctx context.Context, e Event) (Result, error) {
	_, r, err := s.invoke(ctx, e)
	return r, err
}

// invoke returns the invocation too, for what comes after the answer.
func (s *Server) invoke(ctx context.Context, e Event) (*invocation, Result, error) {
	if len(e.Payload) == 0 {
		e.Payload = []byte("{}") // as Lambda has it
	}
	if e.ID == "" {
		e.ID = newID()
	}
	if e.TraceID == "" {
		e.TraceID = newTraceID()
	}
	inv := &invocation{Event: e, attempt: newID(), done: make(chan Result, 1), over: make(chan struct{})}
	defer inv.leave()
	select {
	case s.queue <- inv:
	case <-s.gone:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.answer(inv, s.end.result(e.ID))
		s.finishInvocation(inv, &s.end)
	case <-ctx.Done():
		close(inv.over)
		return inv, Result{}, fmt.Errorf("waiting for the function: %w", context.Cause(ctx))
	}
	select {
	case r := <-inv.done:
		if !e.LogTail {
			return inv, r, nil
		}
	case <-ctx.Done():
		s.Close()
		return inv, Result{}, fmt.Errorf("waiting for the function's answer: %w", context.Cause(ctx))
	}
	select {
	case <-inv.over:
		return inv, inv.reported, nil
	case <-ctx.Done():
		s.Close()
		return inv, Result{}, fmt.Errorf("waiting for the end of the invocation: %w", context.Cause(ctx))
	}
}

// Close ends the server: invocations in line or under way fail.
func (s *Server) Close() {
	s.finish(failure{outcome: outcome{"failure", "Sandbox.Closed"}, message: "the emulator was stopped", shutdown: "spindown"})
}

// Exited tells the server that the program is gone, with the error of its end, which may be nil. An invocation
// that it still had fails as on Lambda.
func (s *Server) Exited(err error) {
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

func (s *Server) isGone() bool       { return isClosed(s.gone) }
func (s *Server) isReady() bool      { return isClosed(s.ready) }
func (inv *invocation) isOver() bool { return isClosed(inv.over) }

// answer gives an invocation its result, the first one it gets; s.mu is held.
func (s *Server) answer(inv *invocation, r Result) {
	if inv.answer != nil {
		return
	}
	r.RequestID = inv.ID
	if !inv.begun.IsZero() {
		r.Duration = time.Since(inv.begun)
	}
	r.Init, r.begun = s.init, !inv.begun.IsZero()
	inv.answer = &r
	inv.done <- r
}

// start starts the time of an invocation; s.mu is held.
func (s *Server) start(inv *invocation) {
	inv.begun = time.Now()
	if s.phase == phaseInvoke && s.current() == nil {
		inv.begun = s.started // the initialization is part of it
	}
	s.journal.say(invokeStart{inv.ID, "$LATEST", traced(inv.TraceID)})
}

// finishInvocation reports an invocation that has its answer, and that is over; why is nil when all went well. s.mu is held.
func (s *Server) finishInvocation(inv *invocation, why *failure) {
	r := *inv.answer
	if inv.begun.IsZero() && s.phase == phaseInit { // it never reached the runtime, and gets another environment
		inv.reported = r
		close(inv.over)
		return
	}
	if inv.begun.IsZero() {
		s.start(inv)
	}
	took := time.Since(inv.begun)
	o, message := outcome{Status: statusSuccess}, ""
	if why != nil {
		o, message = why.outcome, why.message
		if why.payload != nil {
			message = string(why.payload)
		}
		if why.Status == statusTimeout {
			took = s.config.Timeout
		}
	}
	s.tellDone(inv, o)
	end := invokeReport{RequestID: inv.ID, outcome: o, Tracing: traced(inv.TraceID), message: message}
	m := &end.Metrics
	m.Duration, m.Init, m.Memory, m.MaxMemory = milliseconds(took), milliseconds(s.init), s.config.Memory, s.memory()
	m.Billed = billed(took, s.init)
	if s.phase == phaseInvoke {
		m.Init = 0
	}
	s.init = 0
	s.journal.say(end)
	r.Log, r.Billed, r.MaxMemory = s.journal.takeTail(), time.Duration(m.Billed)*time.Millisecond, m.MaxMemory
	inv.reported = r
	close(inv.over)
}

// tellDone tells, once, that the runtime is done with an invocation; s.mu is held.
func (s *Server) tellDone(inv *invocation, o outcome) {
	if inv.told {
		return
	}
	inv.told = true
	now := time.Now()
	done := runtimeDone{RequestID: inv.ID, outcome: o, Tracing: traced(inv.TraceID)}
	done.Metrics.Duration = milliseconds(now.Sub(inv.begun))
	if !inv.answered.IsZero() {
		done.Metrics.Produced = len(inv.answer.Payload)
		done.Spans = []span{
			newSpan("responseLatency", inv.begun, inv.replying), newSpan("responseDuration", inv.replying, inv.answered), newSpan("runtimeOverhead", inv.answered, now),
		}
	}
	s.journal.say(done)
}

var (
	errState   = errors.New("the runtime may not do this now")
	errID      = errors.New("the runtime does not have this invocation")
	errAttempt = errors.New("the runtime answers an invocation that has timed out")
)

// ask records that the runtime wants an event. The channels end the wait when it asks again, and open when it may have one.
func (s *Server) ask() (superseded, open chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	current := s.current()
	switch {
	case s.isGone():
		return nil, nil, errState
	case s.config.concurrent() && s.asking+len(s.running) >= s.config.MaxConcurrency:
		return nil, nil, errState
	case current != nil && current.state != answered:
		return nil, nil, errState
	}
	s.idle, s.extensions.closed, open = true, true, s.ready
	s.asking++
	if !s.config.concurrent() {
		if s.waiting != nil {
			close(s.waiting)
		}
		s.waiting = make(chan struct{})
	}
	if current != nil {
		open = current.over
		s.tellDone(current, outcome{Status: statusSuccess})
	}
	s.proceed()
	return s.waiting, open, nil
}

// proceed ends the initialization or the invocation if the runtime and the extensions have ended it; s.mu is held.
func (s *Server) proceed() {
	if s.isGone() || !s.idle || !s.extensions.ready() {
		return
	}
	if !s.isReady() {
		s.timer.Stop()
		if s.phase == phaseInit {
			s.init = time.Since(s.started)
		}
		s.reportInit(outcome{Status: statusSuccess})
		close(s.ready)
	} else if inv := s.current(); inv != nil && !inv.isOver() {
		inv.timer.Stop()
		s.finishInvocation(inv, nil)
	}
}

// take waits for an event that the runtime may have, as long as ctx and the runtime's request live.
func (s *Server) take(ctx context.Context, superseded, open chan struct{}) (*invocation, error) {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asking--
	}()
	select {
	case <-open:
	case <-superseded:
		return nil, errState
	case <-s.gone:
		return nil, errState
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var inv *invocation
	s.mu.Lock()
	if len(s.returned) > 0 {
		inv, s.returned = s.returned[0], s.returned[1:]
	}
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
		s.answer(inv, s.end.result(inv.ID))
		s.finishInvocation(inv, &s.end)
		return nil, errState
	case ctx.Err() != nil || s.waiting != superseded:
		s.returned = append(s.returned, inv)
		return nil, errState
	}
	s.start(inv)
	timeout := s.config.Timeout
	if s.config.concurrent() {
		inv.timer = time.AfterFunc(timeout, func() { s.expire(inv, timedOut(timeout)) })
	} else {
		s.idle, s.waiting = false, nil
		clear(s.running)
		inv.timer = time.AfterFunc(timeout-time.Since(inv.begun), func() {
			s.finishIf(func() bool { return !inv.isOver() }, timedOut(timeout))
		})
	}
	s.running[inv.ID] = inv
	s.extensions.invoke(invokeEvent(inv, s.config))
	return inv, nil
}

// expire ends the time of one of several invocations. The runtime goes on with the others, and may go on with this one.
func (s *Server) expire(inv *invocation, why failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inv.isOver() {
		return
	}
	s.forget(inv)
	s.late = append(s.late, inv.ID)
	s.late = s.late[max(0, len(s.late)-lateLimit):]
	s.answer(inv, why.result(inv.ID))
	s.finishInvocation(inv, &why)
}

// forget takes one of several invocations from the runtime; s.mu is held.
func (s *Server) forget(inv *invocation) {
	if s.running[inv.ID] == inv {
		delete(s.running, inv.ID)
	}
}

// begin claims the right to answer the invocation with the id. The attempt is what the runtime echoes, if it does.
func (s *Server) begin(id, attempt string) (*invocation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	inv := s.running[id]
	switch {
	case inv == nil && slices.Contains(s.late, id):
		return nil, errAttempt
	case inv == nil:
		return nil, errID
	case attempt != "" && attempt != inv.attempt:
		return nil, errAttempt
	case inv.state != running:
		return nil, errState
	}
	inv.state, inv.replying = answering, time.Now()
	return inv, nil
}

// complete answers an invocation; too late is not an error here, the one who waits has had an answer.
func (s *Server) complete(inv *invocation, r Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inv.state != answering || inv.isOver() || s.isGone() {
		return
	}
	inv.state, inv.answered = answered, time.Now()
	s.answer(inv, r)
	if s.config.concurrent() { // nobody can say which invocation a request for the next one follows
		inv.timer.Stop()
		s.forget(inv)
		s.finishInvocation(inv, nil)
	}
}

// failInit ends the server with the error that the runtime reports of its own start.
func (s *Server) failInit(body []byte, errorType string) error {
	why := crashed(errorType, "")
	why.payload = body
	if !s.finishIf(func() bool { return !s.extensions.closed }, why) {
		return errState
	}
	return nil
}

// Handler returns the Runtime API, version 2018-06-01: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
// and the Extensions API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html, with the Telemetry API.
// A browser is refused: any web page can make it ask this machine, and the first who asks has the event.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", s.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", s.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", s.invocationError)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", s.initError)
	mux.HandleFunc("POST /2020-01-01/extension/register", s.register)
	mux.HandleFunc("GET /2020-01-01/extension/event/next", s.nextForExtension)
	mux.HandleFunc("POST /2020-01-01/extension/init/error", s.extensionError("Extension.InitError"))
	mux.HandleFunc("POST /2020-01-01/extension/exit/error", s.extensionError("Extension.ExitError"))
	mux.HandleFunc("PUT /2022-07-01/telemetry", s.subscribe)
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
