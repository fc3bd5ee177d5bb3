package emulator

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// state is where an invocation is. Requests that do not fit are refused with InvalidStateTransition.
type state int

const (
	running   state = iota // the runtime works on it
	answering              // and sends the answer
	answered               // and may ask for the next one
)

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
	replying time.Time     // when the runtime began to answer
	heard    chan struct{} // closed when what it sent was read; made when it begins
	answered time.Time     // when it had
	told     bool          // that the runtime is done
	reported Result        // with what is known when it is over

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

func (inv *invocation) isOver() bool { return isClosed(inv.over) }

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
		e.ID = NewID()
	}
	e.TraceID = traceOf(e.TraceID)
	inv := &invocation{Event: e, attempt: NewID(), done: make(chan Result, 1), over: make(chan struct{})}
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
	wake(s.began)
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
