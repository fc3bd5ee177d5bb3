package emulator

import (
	"context"
	"errors"
	"sync"
)

var (
	// ErrThrottled is returned when a function has as many calls under way as it may.
	ErrThrottled = errors.New("the function has as many calls under way as it may")
	// ErrClosed is returned for a call after the end of a function.
	ErrClosed = errors.New("the function is closed")
)

// Function runs a program in as many sandboxes as there are calls at a time, and keeps them warm in between. Make
// it with [NewFunction].
type Function struct {
	program Program
	limit   int

	mu     sync.Mutex
	all    map[*Sandbox]bool // true while idle
	calls  int
	closed bool
}

// NewFunction returns a function that takes up to limit calls at a time. No process is started yet.
func NewFunction(p Program, limit int) *Function {
	return &Function{program: p, limit: limit, all: map[*Sandbox]bool{}}
}

// Config returns the function's configuration, with Lambda's defaults.
func (f *Function) Config() Config { return f.program.withDefaults() }

// Invoke hands the event to an idle process or to a new one. The error is [ErrThrottled], [ErrClosed], that of ctx,
// or of a program that cannot be started.
func (f *Function) Invoke(ctx context.Context, e Event) (Result, error) {
	sandbox, err := f.acquire()
	if err != nil {
		return Result{}, err
	}
	if sandbox == nil {
		// The process outlives the call.
		if sandbox, err = Start(context.WithoutCancel(ctx), f.program); err != nil {
			f.release(nil)
			return Result{}, err
		}
		f.mu.Lock()
		f.all[sandbox] = false
		closed := f.closed
		f.mu.Unlock()
		if closed {
			sandbox.Close()
		}
	}
	defer f.release(sandbox)
	return sandbox.Invoke(ctx, e)
}

// acquire counts the call and returns an idle sandbox, nil when there is none.
func (f *Function) acquire() (*Sandbox, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, ErrClosed
	}
	if f.calls >= f.limit {
		return nil, ErrThrottled
	}
	f.calls++
	for s, idle := range f.all {
		if idle && !s.isGone() {
			f.all[s] = false
			return s, nil
		}
	}
	return nil, nil
}

// release ends a call, keeps its sandbox for the next one, and puts away those that are of no more use.
func (f *Function) release(s *Sandbox) {
	f.mu.Lock()
	f.calls--
	if s != nil {
		f.all[s] = true
	}
	var dead []*Sandbox
	for s, idle := range f.all {
		if idle && (f.closed || s.isGone()) {
			dead = append(dead, s)
			delete(f.all, s)
		}
	}
	f.mu.Unlock()
	for _, s := range dead {
		s.Close()
	}
}

// Close ends all processes; calls under way fail.
func (f *Function) Close() {
	f.mu.Lock()
	f.closed = true
	var all []*Sandbox
	for s := range f.all {
		all = append(all, s)
	}
	f.mu.Unlock()
	for _, s := range all {
		s.Close()
	}
}
