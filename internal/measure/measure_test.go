package measure

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"lpipe/internal/emulator"
)

// fake answers as its function says, and keeps how many calls were under way at once.
type fake struct {
	answer        func(call int) (emulator.Result, error)
	calls         atomic.Int64
	underWay, top atomic.Int64
	tails         atomic.Int64
}

func (*fake) Config() emulator.Config { return emulator.Config{} }

func (f *fake) Invoke(_ context.Context, e emulator.Event) (emulator.Result, error) {
	if e.LogTail {
		f.tails.Add(1)
	}
	n := f.underWay.Add(1)
	defer f.underWay.Add(-1)
	for top := f.top.Load(); n > top && !f.top.CompareAndSwap(top, n); top = f.top.Load() {
	}
	return f.answer(int(f.calls.Add(1)))
}

func TestCallsAreCounted(t *testing.T) {
	all := make(chan struct{})
	f := &fake{answer: func(call int) (emulator.Result, error) {
		if call == 3 {
			close(all)
		}
		<-all // three are under way
		r := emulator.Result{MaxMemory: 10 + call%7}
		if call <= 3 {
			r.Init = time.Duration(4-call) * time.Second
		}
		if call%5 == 0 {
			r.FunctionError, r.ErrorType = "Unhandled", "Runtime.ExitError"
		}
		return r, nil
	}}
	s, err := Repeat(t.Context(), f, emulator.Event{}, 20, 3)
	if err != nil {
		t.Fatal(err)
	}
	if s.Calls() != 20 || len(s.Cold) != 3 || len(s.Warm) != 17 || f.calls.Load() != 20 || f.top.Load() != 3 {
		t.Errorf("%d calls, %d cold, %d warm, %d at most at once", s.Calls(), len(s.Cold), len(s.Warm), f.top.Load())
	}
	if s.Errors["Runtime.ExitError"] != 4 || s.Failed.ErrorType != "Runtime.ExitError" {
		t.Errorf("%v, %v", s.Errors, s.Failed)
	}
	if s.Memory != 16 || f.tails.Load() != 3 {
		t.Errorf("%d MB of %d calls", s.Memory, f.tails.Load())
	}
	if want := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}; !slices.Equal(s.Init, want) {
		t.Errorf("%v, want %v", s.Init, want)
	}
}

// TestAnErrorEndsTheCalls: what cannot be called is not called a thousand times, and what was measured is kept.
func TestAnErrorEndsTheCalls(t *testing.T) {
	broken := errors.New("cannot be started")
	f := &fake{answer: func(call int) (emulator.Result, error) {
		if call > 10 {
			return emulator.Result{}, broken
		}
		return emulator.Result{}, nil
	}}
	s, err := Repeat(t.Context(), f, emulator.Event{}, 1000, 2)
	if !errors.Is(err, broken) || s.Calls() != 10 || f.calls.Load() > 12 {
		t.Errorf("%d of %d calls, %v", s.Calls(), f.calls.Load(), err)
	}
}

func TestPercentiles(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, c := range []struct {
		times []time.Duration
		share float64
		want  time.Duration
	}{
		{nil, 0.5, 0},
		{[]time.Duration{7}, 0.5, 7},
		{[]time.Duration{7}, 0.99, 7},
		{[]time.Duration{1, 2, 3, 4}, 0.5, 2},
		{hundred, 0, 1},
		{hundred, 0.5, 50},
		{hundred, 0.99, 99},
		{hundred, 1, 100},
	} {
		if got := Percentile(c.times, c.share); got != c.want {
			t.Errorf("%v of %d: %d, want %d", c.share, len(c.times), got, c.want)
		}
	}
}
