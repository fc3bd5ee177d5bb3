package emulator

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lpipe/internal/testparts/require"
)

// TestNoCallIsLostWhenAProgramIsReplaced: each is answered by the program that there was when it came.
func TestNoCallIsLostWhenAProgramIsReplaced(t *testing.T) {
	var c Current
	if _, err := c.Invoke(t.Context(), Event{}); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("without a program: %v", err)
	}
	var ended atomic.Int32
	replace := func() {
		p := program(t, "run")
		p.Timeout = time.Minute
		c.Replace(NewFunction(p, 20), func() { ended.Add(1) })
	}
	replace()
	const callers, calls, programs = 4, 25, 5
	var wait sync.WaitGroup
	for caller := range callers {
		wait.Go(func() {
			for call := range calls {
				want := fmt.Sprintf(`"%d of %d"`, call, caller)
				r, err := c.Invoke(t.Context(), Event{Payload: fmt.Appendf(nil, `{"do":"reply","ms":5,"value":%q}`, want)})
				if err != nil || r.FunctionError != "" || !bytes.Equal(r.Payload, []byte(want)) {
					t.Errorf("%s: %v %+v", want, err, r)
				}
			}
		})
	}
	for range programs - 1 {
		time.Sleep(20 * time.Millisecond)
		replace()
	}
	wait.Wait()
	c.Close()
	if n := ended.Load(); n != programs {
		t.Errorf("%d of %d programs ended", n, programs)
	}
	if _, err := c.Invoke(t.Context(), Event{}); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	replace()
	c.Close()
	if n := ended.Load(); n != programs+1 {
		t.Error("a program that came after the end stays")
	}
}

// TestTenThousandCallsOverFiftyPrograms: none is lost, and at the end nothing is left.
func TestTenThousandCallsOverFiftyPrograms(t *testing.T) {
	if !require.Slow(t) {
		return
	}
	mark := NewID()
	files, routines := openFiles(t), runtime.NumGoroutine()
	var c Current
	replace := func() {
		p := program(t, "run", func(p *Program) { p.Timeout, p.Env = time.Minute, append(p.Env, "LPIPE_TEST_MARK="+mark) })
		c.Replace(NewFunction(p, 8), nil)
	}
	replace()
	const callers, calls, programs = 64, 10000 / 64, 50
	var calling sync.WaitGroup
	var answered, throttled atomic.Int32
	for caller := range callers {
		calling.Go(func() {
			for call := range calls {
				want := fmt.Sprintf(`"%d of %d"`, call, caller)
				for {
					r, err := c.Invoke(t.Context(), Event{Payload: fmt.Appendf(nil, `{"do":"reply","value":%q}`, want)})
					if errors.Is(err, ErrThrottled) { // clients try again
						throttled.Add(1)
						time.Sleep(5 * time.Millisecond)
						continue
					}
					if err != nil || r.FunctionError != "" || string(r.Payload) != want {
						t.Errorf("%s: %v %+v %s", want, err, r, r.Payload)
					}
					answered.Add(1)
					break
				}
			}
		})
	}
	over := make(chan bool)
	go func() { calling.Wait(); close(over) }()
	for range programs - 1 {
		replace()
		// The next program when this one had its share of the calls.
		for share := answered.Load() + callers*calls/programs; answered.Load() < share && !isOver(over); time.Sleep(time.Millisecond) {
		}
	}
	<-over
	c.Close()
	if n := answered.Load(); n != callers*calls {
		t.Errorf("%d of %d calls were answered", n, callers*calls)
	}
	if !eventuallyTrue(func() bool { return openFiles(t) <= files && runtime.NumGoroutine() <= routines }) {
		t.Errorf("%d files and %d goroutines became %d and %d", files, routines, openFiles(t), runtime.NumGoroutine())
	}
	for _, process := range processes(t, mark) {
		t.Errorf("%s lives on", process)
	}
	t.Logf("%d calls were throttled", throttled.Load())
}

func isOver(c <-chan bool) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
