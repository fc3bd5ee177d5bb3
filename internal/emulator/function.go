package emulator

import (
	"context"
	"errors"
	"sync"
	"time"
)

var (
	// ErrThrottled is returned when a function has as many calls under way as it may.
	ErrThrottled = errors.New("the function has as many calls under way as it may")
	// ErrClosed is returned for a call after the end of a function.
	ErrClosed = errors.New("the function is closed")
)

// Function runs a program in as many sandboxes as there are calls at a time, and keeps them warm in between. Each serves one
// tenant alone. Make it with [NewFunction].
type Function struct {
	program Program
	limit   int

	mu      sync.Mutex
	all     map[*Sandbox]*use
	calls   int           // under way, until the runtime and the extensions have ended them
	ending  int           // those that are answered
	changed chan struct{} // closed when a call has ended
	closed  bool
}

// use is how a sandbox is used.
type use struct {
	idle   bool
	tenant string
}

// NewFunction returns a function that takes up to limit calls at a time. No process is started yet.
func NewFunction(p Program, limit int) *Function {
	return &Function{program: p, limit: limit, all: map[*Sandbox]*use{}, changed: make(chan struct{})}
}

// Config returns the function's configuration, with Lambda's defaults.
func (f *Function) Config() Config { return f.program.withDefaults() }

// Invoke hands the event to an idle sandbox or to a new one. The error is [ErrThrottled], [ErrClosed], that of ctx,
// or of a program that cannot be started.
func (f *Function) Invoke(ctx context.Context, e Event) (Result, error) {
	return f.invoke(ctx, context.WithoutCancel(ctx), e) // the process outlives the call
}

// invoke starts processes that end with life.
func (f *Function) invoke(ctx, life context.Context, e Event) (Result, error) {
	if e.ID == "" {
		e.ID = newID()
	}
	s, err := f.acquire(ctx, e.TenantID)
	if err != nil {
		return Result{}, err
	}
	phase := phaseInit
	for {
		if s == nil {
			if s, err = f.start(life, phase, e.TenantID); err != nil {
				f.release(nil)
				return Result{}, err
			}
		}
		inv, result, err := s.invoke(ctx, e)
		if err != nil || result.begun || phase == phaseInvoke || f.isClosed() {
			f.answered(s, inv)
			return result, err
		}
		// Lambda initializes once more within the invocation, on its time:
		// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
		f.discard(s)
		s, phase = nil, phaseInvoke
	}
}

// recent is how long a call waits for a sandbox that has answered, and is about to ask for the next event, before another is
// started. Where there may not be another, it waits until one has asked: on Lambda it would be throttled now and then.
const recent = 100 * time.Millisecond

// acquire counts the call and returns an idle sandbox, nil when there is none.
func (f *Function) acquire(ctx context.Context, tenant string) (*Sandbox, error) {
	patience := time.NewTimer(recent)
	defer patience.Stop()
	for patient := true; ; {
		f.mu.Lock()
		if f.closed {
			f.mu.Unlock()
			return nil, ErrClosed
		}
		if f.calls < f.limit {
			for s, use := range f.all {
				if use.idle && use.tenant == tenant && !s.isGone() {
					f.calls++
					use.idle = false
					f.mu.Unlock()
					return s, nil
				}
			}
		}
		full := f.calls >= f.limit
		if f.ending == 0 && full {
			f.mu.Unlock()
			return nil, ErrThrottled
		}
		if !full && (f.ending == 0 || !patient) {
			f.calls++
			other := f.evict()
			f.mu.Unlock()
			if other != nil {
				other.Close()
			}
			return nil, nil
		}
		changed := f.changed
		f.mu.Unlock()
		select {
		case <-changed:
		case <-patience.C:
			patient = false
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// evict takes an idle sandbox away, which is that of another tenant, if there are as many as there may be; f.mu is held.
func (f *Function) evict() *Sandbox {
	if len(f.all) < f.limit {
		return nil
	}
	for s, use := range f.all {
		if use.idle {
			delete(f.all, s)
			return s
		}
	}
	return nil
}

// start starts a sandbox for a call.
func (f *Function) start(ctx context.Context, phase, tenant string) (*Sandbox, error) {
	s, err := start(ctx, f.program, phase)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.all[s] = &use{tenant: tenant}
	closed := f.closed
	f.mu.Unlock()
	if closed {
		s.Close()
	}
	return s, nil
}

// discard puts a sandbox away that has failed.
func (f *Function) discard(s *Sandbox) {
	s.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, s)
}

func (f *Function) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

// answered releases the sandbox when it is done with the invocation.
func (f *Function) answered(s *Sandbox, inv *invocation) {
	if inv.isOver() {
		f.release(s)
		return
	}
	f.mu.Lock()
	f.ending++
	f.mu.Unlock()
	go func() {
		<-inv.over
		f.release(s)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.ending--
		f.change()
	}()
}

// release ends a call, keeps its sandbox for the next one, and puts away those that are of no more use.
func (f *Function) release(s *Sandbox) {
	f.mu.Lock()
	f.calls--
	if use := f.all[s]; use != nil {
		use.idle = true
	}
	var dead []*Sandbox
	for s, use := range f.all {
		if use.idle && (f.closed || s.isGone()) {
			dead = append(dead, s)
			delete(f.all, s)
		}
	}
	f.change()
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
	f.settle(recent)
	var closing sync.WaitGroup
	for _, s := range all {
		closing.Go(s.Close)
	}
	closing.Wait()
	f.settle(time.Minute)
}

// settle waits until calls that are answered have ended, for a time.
func (f *Function) settle(d time.Duration) {
	patience := time.After(d)
	for {
		f.mu.Lock()
		ending, changed := f.ending, f.changed
		f.mu.Unlock()
		if ending == 0 {
			return
		}
		select {
		case <-changed:
		case <-patience:
			return
		}
	}
}

// change tells those who wait that something changed; f.mu is held.
func (f *Function) change() {
	close(f.changed)
	f.changed = make(chan struct{})
}
