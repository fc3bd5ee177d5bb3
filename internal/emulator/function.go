package emulator

import (
	"context"
	"errors"
	"slices"
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
	program  Program
	limit    int // of sandboxes
	capacity int // of a sandbox

	mu      sync.Mutex
	all     []*slot
	changed chan struct{} // closed when a call has ended
	closed  bool
	leaving sync.WaitGroup // sandboxes that made room
}

// slot is a sandbox, or one that is about to be there, and its calls.
type slot struct {
	tenant  string
	calls   int                // until the runtime and the extensions have ended them
	ending  int                // those that are answered
	stop    context.CancelFunc // gives up the start; kills the processes afterwards
	started chan struct{}      // closed when the rest is known
	sandbox *Sandbox
	err     error
}

func newSlot(tenant string) *slot {
	return &slot{tenant: tenant, calls: 1, started: make(chan struct{})}
}

// close ends the processes of a slot that has been started.
func (s *slot) close() {
	if s.sandbox != nil {
		s.sandbox.Close()
	}
	s.stop()
}

// useful reports whether a slot could take a call for a tenant.
func (s *slot) useful(tenant string) bool {
	return s.tenant == tenant && !(isClosed(s.started) && (s.err != nil || s.sandbox.isGone()))
}

// NewFunction returns a function that has up to limit sandboxes. No process is started yet.
func NewFunction(p Program, limit int) *Function {
	return &Function{program: p, limit: limit, capacity: max(1, p.MaxConcurrency), changed: make(chan struct{})}
}

// Config returns the function's configuration, with Lambda's defaults.
func (f *Function) Config() Config { return f.program.withDefaults() }

// Invoke hands the event to a sandbox that has room for it, or to a new one. The error is [ErrThrottled], [ErrClosed], that of
// ctx, or of a program that cannot be started.
func (f *Function) Invoke(ctx context.Context, e Event) (Result, error) {
	return f.invoke(ctx, context.WithoutCancel(ctx), e) // the process outlives the call
}

// invoke starts processes that end with life.
func (f *Function) invoke(ctx, life context.Context, e Event) (Result, error) {
	if e.ID == "" {
		e.ID = NewID()
	}
	slot, fresh, err := f.acquire(ctx, e.TenantID, e.Queue)
	if err != nil {
		return Result{}, err
	}
	if fresh {
		f.start(life, slot, phaseInit)
	}
	select {
	case <-slot.started:
	case <-ctx.Done():
		f.release(slot)
		return Result{}, context.Cause(ctx)
	}
	if slot.err != nil {
		f.release(slot)
		return Result{}, slot.err
	}
	inv, result, err := slot.sandbox.invoke(ctx, e)
	if err == nil && !result.begun && f.capacity == 1 && !f.isClosed() {
		// Lambda initializes once more within the invocation, on its time:
		// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
		slot.close()
		slot = f.replace(slot)
		f.start(life, slot, phaseInvoke)
		if slot.err != nil {
			f.release(slot)
			return Result{}, slot.err
		}
		inv, result, err = slot.sandbox.invoke(ctx, e)
	}
	f.answered(slot, inv)
	return result, err
}

// recent is how long a call waits for a sandbox that has answered, and is about to ask for the next event, before another is
// started. Where there may not be another, it waits until one has asked: on Lambda it would be throttled now and then.
const recent = 100 * time.Millisecond

// acquire returns a slot with a place for the call, for which it waits if queue says so; fresh means that its sandbox is to be started.
func (f *Function) acquire(ctx context.Context, tenant string, queue bool) (s *slot, fresh bool, err error) {
	patience := time.NewTimer(recent)
	defer patience.Stop()
	for patient := true; ; {
		f.mu.Lock()
		s, found := f.place(tenant, patient)
		changed := f.changed
		f.mu.Unlock()
		switch found {
		case warm:
			return s, false, nil
		case cold:
			return s, true, nil
		case closed:
			return nil, false, ErrClosed
		case full:
			if !queue {
				return nil, false, ErrThrottled
			}
		}
		select {
		case <-changed:
		case <-patience.C:
			patient = false
		case <-ctx.Done():
			return nil, false, context.Cause(ctx)
		}
	}
}

// placing is what there is for a call.
type placing int

const (
	warm   placing = iota // a slot, which has or will have a sandbox
	cold                  // a slot whose sandbox is to be started
	soon                  // a slot when some call has ended
	full                  // nothing
	closed                // nothing any more
)

// place finds a place for a call and counts it; f.mu is held.
func (f *Function) place(tenant string, patient bool) (*slot, placing) {
	if f.closed {
		return nil, closed
	}
	var idle *slot
	busy, ending := 0, false
	for _, s := range f.all {
		if s.calls < f.capacity && s.useful(tenant) {
			s.calls++
			return s, warm
		}
		ending = ending || s.ending > 0
		if s.calls > 0 {
			busy++
		} else {
			idle = s
		}
	}
	switch {
	case ending && (patient || busy >= f.limit):
		return nil, soon
	case busy >= f.limit:
		return nil, full
	}
	if len(f.all) >= f.limit && idle != nil { // that of another tenant makes room
		f.remove(idle)
		f.leaving.Go(idle.close)
	}
	s := newSlot(tenant)
	f.all = append(f.all, s)
	return s, cold
}

// start starts the sandbox of a slot.
func (f *Function) start(ctx context.Context, s *slot, phase string) {
	ctx, stop := context.WithCancel(ctx)
	f.mu.Lock()
	s.stop = stop
	closed := f.closed
	f.mu.Unlock()
	if closed {
		stop()
	}
	s.sandbox, s.err = start(ctx, f.program, phase)
	close(s.started)
	if s.err == nil && f.isClosed() {
		s.sandbox.Close()
	}
}

// replace puts a new slot in the place of one, for its call.
func (f *Function) replace(old *slot) *slot {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := newSlot(old.tenant)
	f.remove(old)
	f.all = append(f.all, s)
	return s
}

// remove takes a slot away; f.mu is held.
func (f *Function) remove(s *slot) {
	f.all = slices.DeleteFunc(f.all, func(other *slot) bool { return other == s })
}

func (f *Function) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

// answered releases a slot when it is done with the invocation.
func (f *Function) answered(s *slot, inv *invocation) {
	if inv.isOver() {
		f.release(s)
		return
	}
	f.mu.Lock()
	s.ending++
	f.mu.Unlock()
	go func() {
		<-inv.over
		f.mu.Lock()
		s.ending--
		f.mu.Unlock()
		f.release(s)
	}()
}

// release ends a call, and puts a sandbox away that is of no more use.
func (f *Function) release(s *slot) {
	f.mu.Lock()
	s.calls--
	gone := s.calls == 0 && !s.useful(s.tenant)
	close(f.changed) // tell those who wait
	f.changed = make(chan struct{})
	f.mu.Unlock()
	if !gone {
		return
	}
	s.close()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.remove(s)
}

// Close ends all processes; calls under way fail.
func (f *Function) Close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.settle(recent)
	f.mu.Lock()
	all := slices.Clone(f.all)
	for _, s := range all {
		if s.stop != nil && !isClosed(s.started) {
			s.stop()
		}
	}
	f.mu.Unlock()
	var closing sync.WaitGroup
	for _, s := range all {
		closing.Go(func() {
			<-s.started
			s.close()
		})
	}
	closing.Wait()
	f.leaving.Wait()
	f.settle(time.Minute)
}

// settle waits until calls that are answered have ended, for a time.
func (f *Function) settle(d time.Duration) {
	patience := time.After(d)
	for {
		f.mu.Lock()
		ending := slices.ContainsFunc(f.all, func(s *slot) bool { return s.ending > 0 })
		changed := f.changed
		f.mu.Unlock()
		if !ending {
			return
		}
		select {
		case <-changed:
		case <-patience:
			return
		}
	}
}
