// Package measure invokes a function many times and counts what came of it: how long callers waited, for a new process and
// for a warm one, how many calls failed, and the most memory that was in use.
package measure

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"lpipe/internal/emulator"
)

// Stats is what came of the calls of [Repeat]. The times are sorted.
type Stats struct {
	Took   time.Duration   // of all calls
	Init   []time.Duration // from the start of a process to its first request, of the calls that started one
	Cold   []time.Duration // what the callers of these waited in all
	Warm   []time.Duration // what the others waited
	Memory int             // the most that the processes of the last calls used, in MB; 0 where that cannot be told
	Errors map[string]int  // function errors, by type; their times are among the others
	Failed emulator.Result // the first function error
}

// Calls is how many calls have ended.
func (s Stats) Calls() int { return len(s.Cold) + len(s.Warm) }

// Repeat invokes f with the event count times, with up to concurrency calls under way. The error is that of ctx or of f; the
// calls that had ended before come with it.
func Repeat(ctx context.Context, f emulator.Invoker, e emulator.Event, count, concurrency int) (Stats, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := Stats{Errors: map[string]int{}}
	var mu sync.Mutex
	left := make(chan int, count)
	for i := range count {
		left <- i
	}
	close(left)
	begun := time.Now()
	var workers sync.WaitGroup
	for range concurrency {
		workers.Go(func() {
			for i := range left {
				e := e
				// The last calls tell the memory, and last until their process asks for the next event.
				e.LogTail = i >= count-concurrency
				start := time.Now()
				r, err := f.Invoke(ctx, e)
				took := time.Since(start)
				if e.LogTail && r.Init == 0 && r.Duration > 0 {
					took = r.Duration
				}
				if err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				s.add(r, took)
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	s.Took = time.Since(begun)
	for _, times := range [][]time.Duration{s.Init, s.Cold, s.Warm} {
		slices.Sort(times)
	}
	return s, context.Cause(ctx)
}

func (s *Stats) add(r emulator.Result, took time.Duration) {
	s.Memory = max(s.Memory, r.MaxMemory)
	if r.Init > 0 {
		s.Init, s.Cold = append(s.Init, r.Init), append(s.Cold, took)
	} else {
		s.Warm = append(s.Warm, took)
	}
	if r.FunctionError != "" {
		if len(s.Errors) == 0 {
			s.Failed = r
		}
		s.Errors[r.ErrorType]++
	}
}

// Percentile returns the time within which that share of the calls ended, by the nearest rank; 0 of no times. The times are
// sorted, share is from 0 to 1.
func Percentile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(share * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}
