package emulator

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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
