package main

import (
	"strings"
	"testing"
)

func TestMedianAndLeast(t *testing.T) {
	for _, c := range []struct {
		numbers       []float64
		median, least float64
	}{
		{nil, 0, 0},
		{[]float64{3}, 3, 3},
		{[]float64{9, 1, 5}, 5, 1},
		{[]float64{4, 1, 2, 100}, 3, 1},
	} {
		before := append([]float64(nil), c.numbers...)
		if got := median(c.numbers); got != c.median {
			t.Errorf("median of %v is %v, not %v", c.numbers, got, c.median)
		}
		if got := least(c.numbers); got != c.least {
			t.Errorf("least of %v is %v, not %v", c.numbers, got, c.least)
		}
		for i := range before {
			if c.numbers[i] != before[i] {
				t.Errorf("%v was put in order in place", before)
			}
		}
	}
}

func samples(cpu, wall float64, crates int) []Sample {
	return []Sample{{CPU: cpu * 1.5, Wall: wall, Crates: crates}, {CPU: cpu, Wall: wall, Crates: crates}, {CPU: cpu * 0.5, Wall: wall / 2, Crates: crates}}
}

func TestTableDividesLpipeByThePeer(t *testing.T) {
	got := table([]Series{
		{Peer: peerLpipe, Samples: samples(25, 12, 0)},
		{Peer: peerStub, Samples: samples(50, 48, 40)},
	})
	for _, want := range []string{
		"| peer | n | CPU s in the steps | lpipe is | wall s | lpipe is | dependencies compiled |\n|---|--:|--:|--:|--:|--:|--:|",
		"| lpipe | 3 | 25.0 (12.5) | – | 12.0 (6.00) | – | 0 |",
		"| stub-main | 3 | 50.0 (25.0) | 0.50 × (0.50) | 48.0 (24.0) | 0.25 × (0.25) | 40 |",
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no row %q in\n%s", want, got)
		}
	}
}

func TestTableDividesTheLeastBesideTheMedian(t *testing.T) {
	got := table([]Series{
		{Peer: peerLpipe, Samples: []Sample{{Wall: 1}, {Wall: 2}, {Wall: 3}}},
		{Peer: peerStub, Samples: []Sample{{Wall: 2}, {Wall: 10}, {Wall: 12}}},
	})
	if want := "| 10.0 (2.00) | 0.20 × (0.50) |"; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
}

func TestTableShowsCookingAndPullingWhereTheyWereMeasured(t *testing.T) {
	got := table([]Series{
		{Peer: peerLpipe, Samples: []Sample{{Wall: 1, Cooked: 5, Pulled: 2e6}}},
		{Peer: peerPlanner, Samples: []Sample{{Wall: 1, Cooked: 50, Pulled: 8e6}}},
		{Peer: peerMounts, Samples: []Sample{{Wall: 1}}},
	})
	for _, want := range []string{
		"| of it until the dependencies are compiled | lpipe is | wall s | lpipe is | MB pulled | dependencies compiled |",
		"| planner | 1 | 0.000 | – | 50.0 | 0.10 × | 1.00 | 1.00 × | 8.00 | 0 |",
		"| unsafe-cache-mounts | 1 | 0.000 | – | 0.000 | – | 1.00 | 1.00 × | 0.000 | 0 |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestPageSaysWhatALambdaMoreCosts(t *testing.T) {
	wall := func(seconds ...float64) (all []Sample) {
		for _, s := range seconds {
			all = append(all, Sample{Wall: s})
		}
		return all
	}
	got := markdown([]Result{
		{Scenario: "no-op-1", Series: []Series{{Peer: peerLpipe, Samples: wall(0.1, 0.1, 0.3)}, {Peer: peerBuildx, Samples: wall(1, 1, 1)}}},
		{Scenario: "no-op-8", Series: []Series{{Peer: peerLpipe, Samples: wall(0.17, 0.24, 0.38)}, {Peer: peerBuildx, Samples: wall(1.7, 1.7, 1.7)}}},
	})
	if want := "Each lambda beyond the first, compared with no-op-1: lpipe 20.0 ms (10.0), buildx 100.0 ms (100.0).\n"; strings.Count(got, want) != 1 {
		t.Errorf("not once %q in\n%s", want, got)
	}
}

func TestTableGivesNoRatioOfNoise(t *testing.T) {
	got := table([]Series{{Peer: peerLpipe, Samples: samples(0.01, 0.02, 0)}, {Peer: peerStub, Samples: samples(0.02, 0.04, 0)}})
	if want := "| stub-main | 3 | 0.020 (0.010) | – | 0.040 (0.020) | 0.50 × (0.50) | 0 |"; !strings.Contains(got, want) {
		t.Errorf("no row %q in\n%s", want, got)
	}
}

func TestTableNamesWrongPrograms(t *testing.T) {
	wrong := samples(1, 1, 0)
	wrong[1].Stale = true
	got := table([]Series{{Peer: peerLpipe, Samples: samples(1, 1, 0)}, {Peer: peerMounts, Samples: wrong}})
	if !strings.Contains(got, peerMounts+" (**wrong program** in 1 of 3)") {
		t.Errorf("the wrong program is not named in\n%s", got)
	}
}

func TestPageHoldsMachineDateCommandAndFacts(t *testing.T) {
	r := Result{
		Scenario: "engine", Title: "the engine <itself>", Date: "2001-02-03", Machine: "a machine", Load: "0.10 before, 0.20 after",
		Command: "scripts/bench engine", Facts: []Fact{{What: "start", Unit: "ms", Samples: []float64{120, 100, 110}}},
	}
	got := markdown([]Result{r})
	for _, want := range []string{"## engine: the engine <itself>", "2001-02-03. a machine. Load 0.10 before, 0.20 after. `scripts/bench engine`", "| start | 3 | 110 (100) ms |"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestPlotIsWellFormedAndDrawsTheWallTimeWhereNothingRuns(t *testing.T) {
	got := plot([]Result{
		{Scenario: "edit", Title: "a < b", Series: []Series{{Peer: peerLpipe, Samples: samples(10, 1, 0)}, {Peer: peerStub, Samples: samples(20, 1, 0)}}},
		{Scenario: "no-op", Title: "nothing", Series: []Series{{Peer: peerLpipe, Samples: samples(0, 1, 0)}}},
		{Scenario: "engine", Title: "itself", Facts: []Fact{{What: "start"}}},
	})
	checkXML(t, got)
	for _, want := range []string{`width="210.0"`, `width="420.0"`, ">10.0 s<", ">1.00 s wall<"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, "engine") {
		t.Error("a group without bars is drawn")
	}
}

func TestPutReplacesAndKeepsTheOrderOfTheScenarios(t *testing.T) {
	all := put(put(put(nil, Result{Scenario: "edit", Date: "old"}), Result{Scenario: "cold"}), Result{Scenario: "edit", Date: "new"})
	if len(all) != 2 || all[0].Scenario != "cold" || all[1].Date != "new" {
		t.Errorf("%+v", all)
	}
}

func TestCommandLeavesOutWhatTheScriptAdds(t *testing.T) {
	got := command([]string{"--bin=/b", "--cgroup=/c", "--base=/d", "--out", "/e", "edit", "-n", "3", "--out=/f"})
	if want := "scripts/bench edit -n 3"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

func TestOnlyDependenciesAreCounted(t *testing.T) {
	output := "#9 0.1    Compiling tokio v1.43.0\n#9 0.2    Compiling serde_derive v1.0.217 (proc-macro)\n" +
		"#9 0.3    Compiling hyper-echo v0.3.1 (/src)\n#9 0.3    Compiling syn v2.0.96\n   Compiling local v0.1.0 (/bench/fleet/src/libs/local)\n#9 0.3    Compiling leaf v0.1.4 (registry `bench`)\n#9 0.4    Fresh serde v1.0.0\n"
	if got := dependencies(output); got != 4 {
		t.Errorf("%d dependencies, not 4", got)
	}
}
