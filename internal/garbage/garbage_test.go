package garbage

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

func TestGarbageIsCollectedSeldom(t *testing.T) {
	is := func() int {
		sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(sample)
		return int(sample[0].Value.Uint64())
	}
	if got := is(); got != first && got != later {
		t.Errorf("the percentage is %d before the first collection, not %d", got, first)
	}
	runtime.GC()
	for end := time.Now().Add(10 * time.Second); is() != later && time.Now().Before(end); {
		runtime.Gosched()
	}
	if got := is(); got != later {
		t.Errorf("the percentage is %d after the first collection, not %d", got, later)
	}
	Usual()
	runtime.GC()
	if got := is(); got != usual {
		t.Errorf("the percentage is %d for a process that lives long, not %d", got, usual)
	}
}
