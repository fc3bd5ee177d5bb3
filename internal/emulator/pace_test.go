package emulator

import (
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// TestBandwidth runs on a clock of its own, so the seconds in it take no time.
func TestBandwidth(t *testing.T) {
	for size, want := range map[int64]time.Duration{0: 0, streamBurst: 0, streamBurst + streamRate/2: 500 * time.Millisecond, streamBurst + 5*streamRate: 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			n, err := io.Copy(io.Discard, &pace{Reader: io.LimitReader(zeros{}, size)})
			if took := time.Since(start); n != size || err != nil || took.Round(time.Millisecond) != want {
				t.Errorf("%d of %d bytes in %s, want %s; %v", n, size, took, want, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // a pause gives no right to be faster afterwards
		p := &pace{Reader: io.LimitReader(zeros{}, streamBurst+2*streamRate)}
		start := time.Now()
		_, _ = io.CopyN(io.Discard, p, streamBurst+streamRate)
		time.Sleep(time.Hour)
		_, _ = io.Copy(io.Discard, p)
		if took := time.Since(start) - time.Hour; took.Round(time.Millisecond) != 2*time.Second {
			t.Errorf("it took %s beside the pause", took)
		}
	})
	synctest.Test(t, func(t *testing.T) { // who is gone is not waited for
		ended := make(chan struct{})
		close(ended)
		start := time.Now()
		_, _ = io.Copy(io.Discard, &pace{Reader: io.LimitReader(zeros{}, 10*streamBurst), ended: ended})
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %s", took)
		}
	})
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
