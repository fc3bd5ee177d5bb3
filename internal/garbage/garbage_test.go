package garbage

import (
	"runtime/debug"
	"testing"
)

func TestGarbageIsCollectedSeldom(t *testing.T) {
	if before := debug.SetGCPercent(percent); before != percent {
		t.Errorf("the percentage is %d, not %d", before, percent)
	}
}
