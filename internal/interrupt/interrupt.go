// Package interrupt turns SIGINT and SIGTERM into the end of a context, from the first moment on.
//
// Until a program asks for a signal, the signal kills it. Most of the time in which that could happen the packages that it
// is linked with are initialised. Go does that in the order of import paths, each as soon as what it imports is there: this
// package imports as little as possible, and so comes before all that are slow.
package interrupt

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// first holds an interrupt that nobody has seen yet.
var first = make(chan os.Signal, 1)

func init() { signal.Notify(first, syscall.SIGINT, syscall.SIGTERM) }

// Context returns a context that ends with the first interrupt since the process started, be it before this call. The
// interrupt after that ends the process. stop gives up waiting for the first, after which any interrupt ends the process:
// a process calls Context once.
func Context(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	seen := func(s os.Signal) {
		signal.Stop(first)
		cancel(errors.New(s.String() + " signal received"))
	}
	select {
	case s := <-first:
		seen(s)
		return ctx, func() {}
	default:
	}
	go func() {
		select {
		case s := <-first:
			seen(s)
		case <-ctx.Done():
			signal.Stop(first)
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}
