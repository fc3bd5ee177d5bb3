// Package parallel shares work that takes a processor among all of them.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Workers is how many share n pieces of work: at most one a processor, each with at least so many pieces, and at least one.
func Workers(n, least int) int { return max(1, min(runtime.GOMAXPROCS(0), n/least)) }

// Each calls do for each of n pieces of work, by so many workers, and returns when all are done. Calls for one worker come one
// after the other; workers and pieces are counted from 0.
func Each(workers, n int, do func(worker, piece int)) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for worker := range workers {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(worker, i)
			}
		})
	}
	wait.Wait()
}
