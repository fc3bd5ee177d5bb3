package solve

import (
	"fmt"
	"slices"
	"testing"
)

func TestOnlyTheJobsOfAnEngineThatIsLostMove(t *testing.T) {
	engines := []Engine{{Name: "tcp://a:1"}, {Name: "tcp://b:1"}, {Name: "tcp://c:1"}}
	turned := slices.Clone(engines)
	slices.Reverse(turned)
	count := map[string]int{}
	for i := range 300 {
		label := fmt.Sprintf("lambda-%d", i)
		at := engines[place(label, engines, make([]bool, 3))].Name
		count[at]++
		if got := turned[place(label, turned, make([]bool, 3))].Name; got != at {
			t.Errorf("%s is on %s, and with another order of the engines on %s", label, at, got)
		}
		without := engines[place(label, engines, []bool{false, true, false})].Name
		if without == "tcp://b:1" || at != "tcp://b:1" && without != at {
			t.Errorf("%s was on %s and without b is on %s", label, at, without)
		}
	}
	for _, e := range engines {
		if n := count[e.Name]; n < 70 || n > 130 {
			t.Errorf("%s has %d of 300", e.Name, n)
		}
	}
	if got := place("x", engines, []bool{true, true, true}); got != -1 {
		t.Errorf("with no engine left: %d", got)
	}
}
