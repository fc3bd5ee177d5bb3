package solve

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/moby/buildkit/client"
)

func TestOnlyTheJobsOfAnEngineThatIsLostMove(t *testing.T) {
	engines := []Engine{{Name: "tcp://a:1"}, {Name: "tcp://b:1"}, {Name: "tcp://c:1"}}
	turned := slices.Clone(engines)
	slices.Reverse(turned)
	count := map[string]int{}
	for i := range 300 {
		label := fmt.Sprintf("lambda-%d", i)
		at := engines[place(&Job{Label: label}, engines, make([]bool, 3))].Name
		count[at]++
		if got := turned[place(&Job{Label: label}, turned, make([]bool, 3))].Name; got != at {
			t.Errorf("%s is on %s, and with another order of the engines on %s", label, at, got)
		}
		without := engines[place(&Job{Label: label}, engines, []bool{false, true, false})].Name
		if without == "tcp://b:1" || at != "tcp://b:1" && without != at {
			t.Errorf("%s was on %s and without b is on %s", label, at, without)
		}
	}
	for _, e := range engines {
		if n := count[e.Name]; n < 70 || n > 130 {
			t.Errorf("%s has %d of 300", e.Name, n)
		}
	}
	if got := place(&Job{Label: "x"}, engines, []bool{true, true, true}); got != -1 {
		t.Errorf("with no engine left: %d", got)
	}
}

func TestJobsGoToAMachineOfTheirOwn(t *testing.T) {
	const amd, arm = "linux/amd64", "linux/arm64"
	engines := []Engine{{Name: "tcp://a:1", Platform: amd}, {Name: "tcp://b:1", Platform: arm}, {Name: "tcp://c:1", Platform: amd}, {Name: "tcp://d:1", Platform: arm}}
	used := map[string]int{}
	for i := range 100 {
		label := fmt.Sprintf("lambda-%d", i)
		for _, platform := range []string{amd, arm} {
			j := &Job{Label: label, Platform: platform}
			at := engines[place(j, engines, make([]bool, 4))]
			if used[at.Name]++; at.Platform != platform {
				t.Errorf("%s for %s is on %s", label, platform, at.Platform)
			}
			if left := place(j, engines, []bool{true, false, true, false}); engines[left].Platform != arm {
				t.Errorf("%s is on an engine that is lost", label)
			}
		}
	}
	for _, e := range engines {
		if n := used[e.Name]; n < 25 || n > 75 {
			t.Errorf("%s has %d of 100", e.Name, n)
		}
	}
}

// TestAnEngineIsGivenWhatIsItsOwn: damage of one engine's cache must not empty that of another.
func TestAnEngineIsGivenWhatIsItsOwn(t *testing.T) {
	renew := func(context.Context, bool) (*client.Client, error) { return nil, nil }
	to := func(ref string) []client.CacheOptionsEntry {
		return []client.CacheOptionsEntry{{Type: "registry", Attrs: map[string]string{"ref": ref}}}
	}
	s := &spread{
		engines: []Engine{{Name: "embedded", Renew: renew, CacheTo: to("a")}, {Name: "tcp://b:1", CacheTo: to("b")}},
		request: Request{Jobs: []*Job{{Label: "one"}, {Label: "two"}}, CacheTo: to("all"), Renew: renew},
	}
	mine, others := s.share(0, []int{1}, false), s.share(1, []int{0}, false)
	if mine.Renew == nil || others.Renew != nil {
		t.Error("an engine that is others' too would be replaced")
	}
	if len(mine.Jobs) != 1 || mine.Jobs[0].Label != "two" || mine.CacheTo[0].Attrs["ref"] != "a" || others.CacheTo[0].Attrs["ref"] != "b" {
		t.Errorf("%+v, %+v", mine, others)
	}
	if moved := s.share(1, []int{0, 1}, true); moved.CacheTo != nil || len(moved.Jobs) != 2 {
		t.Errorf("what moved replaces what is kept: %+v", moved)
	}
}
