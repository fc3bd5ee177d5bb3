package engine

import (
	"context"
	"time"
)

// earlyTimeout is how long an engine that runs may take to answer [Begin]. An engine that is busy or suspended is left to
// [OpenEach], which says what it waits for.
const earlyTimeout = 250 * time.Millisecond

// Early are connections to engines that ran before anything was to be built.
type Early struct{ found []chan *Engine }

// Begin connects, in the background, to those of the chosen engines that are embedded and run already: so a build prepares
// what it asks of them meanwhile. It starts no engine and reports no fault, which [OpenEach] does; who does not call that
// closes what was begun.
func Begin(ctx context.Context, o Options, chosen []Chosen) *Early {
	early := &Early{make([]chan *Engine, len(chosen))}
	for i, c := range chosen {
		if c.Err != nil || c.Kind != Embedded {
			continue
		}
		found := make(chan *Engine, 1)
		early.found[i] = found
		go func() { found <- running(ctx, o.withDefaults(), c.Choice) }()
	}
	return early
}

// running returns the embedded engine if it runs and answers, or nil.
func running(ctx context.Context, o Options, c Choice) *Engine {
	d, err := newEmbedded(o)
	if err != nil {
		return nil
	}
	e, err := d.connect(ctx, c, earlyTimeout)
	if err != nil {
		return nil
	}
	return owned(e, o)
}

// take returns the connection to the engine at i, or nil. The caller closes it.
func (early *Early) take(i int) *Engine {
	if early == nil || early.found[i] == nil {
		return nil
	}
	found := early.found[i]
	early.found[i] = nil
	return <-found
}

// Close ends the connections that nobody took.
func (early *Early) Close() {
	for i := range early.found {
		if e := early.take(i); e != nil {
			e.Close()
		}
	}
}
