package deploy

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"lpipe/internal/fault"
)

// atOnce is how many functions are worked on at a time. How many requests a second that makes is for who sends them.
const atOnce = 16

// each calls do for all numbers below n, several at a time. After an error no other begins; the errors of all that had begun
// are joined.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	var mu sync.Mutex
	errs := make([]error, n)
	failed := false
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range n {
		g.Go(func() error {
			mu.Lock()
			stop := failed || ctx.Err() != nil
			mu.Unlock()
			if stop {
				return nil
			}
			if err := do(ctx, i); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed, errs[i] = true, err
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	var l fault.List
	cancelled := context.Cause(ctx)
	for _, err := range errs {
		if cancelled == nil || !errors.Is(err, cancelled) { // which is said once
			l.Add(err)
		}
	}
	l.Add(cancelled)
	return l.Err()
}

// eachOf is each of outcomes, which keep their errors.
func eachOf(ctx context.Context, all []*Outcome, do func(context.Context, *Outcome) error) error {
	return each(ctx, len(all), func(ctx context.Context, i int) error {
		all[i].Err = do(ctx, all[i])
		return all[i].Err
	})
}
