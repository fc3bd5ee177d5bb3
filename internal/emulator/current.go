package emulator

import (
	"context"
	"errors"
	"sync"
)

// ErrNotBuilt is returned for a call of a function that has no program yet.
var ErrNotBuilt = errors.New("the function has not been built")

// Current is a function whose program can be replaced while it is invoked: a call is answered by the program that there was
// when it came. The zero value has no program. A Current is not copied.
type Current struct {
	mu     sync.Mutex
	now    *generation // nil without a program
	closed bool
	ending sync.WaitGroup // the generations before
}

var _ Invoker = (*Current)(nil)

// generation is a program and the calls that it answers.
type generation struct {
	function *Function
	calls    sync.WaitGroup
	gone     func()
}

// Replace has f answer the calls from now on. The function before is closed when its calls have ended. gone is called when f
// was closed in its turn; it may be nil. After [Current.Close], f is closed at once.
func (c *Current) Replace(f *Function, gone func()) {
	c.mu.Lock()
	before := c.now
	c.now = &generation{function: f, gone: gone}
	if c.closed {
		before, c.now = c.now, nil
	}
	if before != nil {
		c.ending.Add(1)
	}
	c.mu.Unlock()
	if before != nil {
		go func() {
			defer c.ending.Done()
			before.calls.Wait()
			before.close()
		}()
	}
}

func (g *generation) close() {
	g.function.Close()
	if g.gone != nil {
		g.gone()
	}
}

// Invoke hands the event to the program that there is now. Its errors are [ErrNotBuilt], [ErrClosed] and those of
// [Function.Invoke].
func (c *Current) Invoke(ctx context.Context, e Event) (Result, error) {
	c.mu.Lock()
	g := c.now
	switch {
	case c.closed:
		c.mu.Unlock()
		return Result{}, ErrClosed
	case g == nil:
		c.mu.Unlock()
		return Result{}, ErrNotBuilt
	}
	g.calls.Add(1) // Replace waits for it only after it has taken g away
	c.mu.Unlock()
	defer g.calls.Done()
	return g.function.Invoke(ctx, e)
}

// Config returns the configuration of the program that there is now, and Lambda's defaults without one.
func (c *Current) Config() Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now == nil {
		return Config{}.withDefaults()
	}
	return c.now.function.Config()
}

// Close ends all programs, and returns when they are gone. Calls under way fail.
func (c *Current) Close() {
	c.mu.Lock()
	g := c.now
	c.now, c.closed = nil, true
	c.mu.Unlock()
	if g != nil {
		g.close()
	}
	c.ending.Wait()
}
