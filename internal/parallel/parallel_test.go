package parallel

import (
	"runtime"
	"sync/atomic"
	"testing"
)

func TestWorkers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	for _, c := range []struct{ n, least, want int }{{0, 1, 1}, {1, 1, 1}, {3, 1, 3}, {9, 1, 4}, {7, 8, 1}, {16, 8, 2}, {100, 8, 4}} {
		if got := Workers(c.n, c.least); got != c.want {
			t.Errorf("%d pieces, at least %d for each: %d workers, want %d", c.n, c.least, got, c.want)
		}
	}
}

func TestEach(t *testing.T) {
	for _, n := range []int{0, 1, 1000} {
		const workers = 3
		done, busy := make([]int, n), make([]atomic.Bool, workers)
		Each(workers, n, func(worker, piece int) {
			if busy[worker].Swap(true) {
				t.Errorf("worker %d has two pieces at a time", worker)
			}
			done[piece]++
			busy[worker].Store(false)
		})
		for piece, times := range done {
			if times != 1 {
				t.Errorf("piece %d of %d was done %d times", piece, n, times)
			}
		}
	}
}
