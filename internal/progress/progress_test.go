package progress

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

var (
	deps    = digest.FromString("deps")
	build   = digest.FromString("build")
	test    = digest.FromString("test")
	sources = digest.FromString("sources")
	unowned = digest.FromString("a step of nobody")
)

// known stands in for what package dockerfile knows of the steps.
var known = map[digest.Digest]Known{
	deps:      {Stage: "deps", Title: "[deps] work"},
	build:     {Stage: "build", Title: "[build] work"},
	test:      {Stage: "test", Title: "[test] work", Cargo: true},
	toolchain: {Stage: "toolchain", Title: "[toolchain] work", Speaks: true},
	fetch:     {Stage: "fetch", Title: "[fetch] work", Speaks: true},
}

// show runs a display in the mode over the statuses and returns it, ended, with what it wrote.
func show(t *testing.T, mode string, own map[string][]digest.Digest, statuses ...*client.SolveStatus) (*Display, string) {
	t.Helper()
	var out bytes.Buffer
	d, err := Start(t.Context(), Options{Out: &out, Mode: mode})
	if err != nil {
		t.Fatal(err)
	}
	d.Know(known)
	for label, steps := range own {
		d.Own(label, steps)
	}
	for _, s := range statuses {
		d.Status() <- s
	}
	close(d.Status())
	d.Wait()
	return d, out.String()
}

// vertex is a step in a state: "" waits, "runs", "done" or "cached".
func vertex(dgst digest.Digest, name, state string) *client.SolveStatus {
	v := &client.Vertex{Digest: dgst, Name: name}
	start, end := time.Unix(1000000000, 0), time.Unix(1000000003, 0)
	if state != "" {
		v.Started = &start
	}
	if state == "done" || state == "cached" {
		v.Completed = &end
	}
	v.Cached = state == "cached"
	return &client.SolveStatus{Vertexes: []*client.Vertex{v}}
}

func log(dgst digest.Digest, text string) *client.SolveStatus {
	return &client.SolveStatus{Logs: []*client.VertexLog{{Vertex: dgst, Data: []byte(text), Timestamp: time.Now()}}}
}

func failed(dgst digest.Digest, name, message string) *client.SolveStatus {
	s := vertex(dgst, name, "done")
	s.Vertexes[0].Error = message
	return s
}

func TestStepsAreShownUnderTheirTitles(t *testing.T) {
	_, out := show(t, "plain", nil, vertex(deps, "[deps 1/1] RUN <<EOF (set -eu...)", "runs"), log(deps, "Compiling serde\n"), vertex(deps, "[deps 1/1] RUN <<EOF (set -eu...)", "done"))
	for _, want := range []string{"[deps] work", "Compiling serde", "DONE 3.0s"} {
		if !strings.Contains(out, want) {
			t.Errorf("the display lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "RUN") {
		t.Errorf("the display has BuildKit's name:\n%s", out)
	}
}

func TestStepsOfOneOfSeveralLambdasBearItsLabel(t *testing.T) {
	statuses := []*client.SolveStatus{vertex(deps, "[deps 1/1] RUN", "done"), vertex(build, "[build 1/1] RUN", "done")}
	_, out := show(t, "plain", map[string][]digest.Digest{"api": {deps, build}, "jobs": {deps}}, statuses...)
	if !strings.Contains(out, "api [build] work") || strings.Contains(out, "api [deps]") || strings.Contains(out, "jobs [deps]") {
		t.Errorf("want the label on the step of one lambda alone:\n%s", out)
	}

	statuses = []*client.SolveStatus{vertex(build, "[build 1/1] RUN", "done")}
	if _, out = show(t, "plain", map[string][]digest.Digest{"api": {build}}, statuses...); strings.Contains(out, "api") {
		t.Errorf("the only lambda needs no label:\n%s", out)
	}
}

func TestCountIsOfTheStepsOfLambdas(t *testing.T) {
	d, _ := show(
		t, "quiet", map[string][]digest.Digest{"api": {deps, build, sources}, "jobs": {deps}},
		vertex(deps, "[deps 1/1] RUN", "cached"),
		vertex(deps, "[deps 1/1] RUN", "done"), // said again by another solve, which must not undo it
		vertex(build, "[build 1/1] RUN", "runs"),
		vertex(sources, "[context] closure-api", "done"),
		vertex(unowned, "exporting cache", "done"),
	)
	if steps, cached := d.Count(); steps != 1 || cached != 1 {
		t.Errorf("%d steps, %d cached, want 1 and 1: a running step, a context and a step of no lambda do not count", steps, cached)
	}
}

func TestTheOwnerOfAContextIsNotShown(t *testing.T) {
	now := time.Now()
	_, out := show(t, "plain", nil, vertex(sources, "[context] closure-api", "runs"), &client.SolveStatus{Statuses: []*client.VertexStatus{
		{ID: "transferring closure-api" + OwnerMark + "0123456789abcdef:", Vertex: sources, Current: 42, Timestamp: now, Started: &now, Completed: &now},
		{ID: "layer ab@cd", Vertex: sources, Current: 42, Timestamp: now, Started: &now, Completed: &now},
	}})
	if !strings.Contains(out, "transferring closure-api: ") || strings.Contains(out, "0123456789abcdef") || !strings.Contains(out, "ab@cd") {
		t.Errorf("got:\n%s", out)
	}
}

func TestLogKeepsTheEnd(t *testing.T) {
	d, _ := show(t, "quiet", nil, vertex(build, "[build 1/1] RUN", "runs"), log(build, "first\n"), log(build, strings.Repeat("x", tail)), log(build, "last\n"))
	o := d.Output(build)
	if o.Stage != "build" || o.Name != "[build] work" {
		t.Errorf("the step of %q is called %q", o.Stage, o.Name)
	}
	if len(o.Log) != tail || !strings.HasSuffix(o.Log, "x\nlast\n") || strings.Contains(o.Log, "first") {
		t.Errorf("the log has %d bytes and ends with %q", len(o.Log), o.Log[max(0, len(o.Log)-10):])
	}
	if o := d.Output(deps); !reflect.DeepEqual(o, Output{}) {
		t.Errorf("an unknown step has %+v", o)
	}
}

func TestAFailureIsShownOnceWithoutItsCommand(t *testing.T) {
	const command = `process "/bin/sh -c set -eu" did not complete successfully: exit code: 101`
	_, out := show(t, "plain", nil, vertex(build, "[build 1/1] RUN", "runs"), log(build, "error[E0425]\n"), failed(build, "[build 1/1] RUN", command))
	if strings.Count(out, "error[E0425]") != 1 || !strings.Contains(out, "FAILED: exit code: 101") || strings.Contains(out, "/bin/sh") {
		t.Errorf("want the output once, the exit code and no command:\n%s", out)
	}
}

// TestFindingsAreLeftToTheReport: lines that the report of a failure repeats are shown there alone.
func TestFindingsAreLeftToTheReport(t *testing.T) {
	const before, finding = "   Compiling api v1.0.0\n", "error[E0425]: cannot find x\n --> src/main.rs:1:5\n"
	const broken = `process "/bin/sh -c set -eu" did not complete successfully: exit code: 101`
	for mode, shown := range map[string]bool{"plain": false, "rawjson": true} {
		d, out := show(t, mode, nil, vertex(test, "[test 1/1] RUN", "runs"), log(test, before+finding), failed(test, "[test 1/1] RUN", broken))
		for line := range strings.Lines(out) {
			var s client.SolveStatus
			if json.Unmarshal([]byte(line), &s) == nil && len(s.Logs) > 0 {
				out += string(s.Logs[0].Data)
			}
		}
		if strings.Contains(out, "E0425") != shown || !strings.Contains(out, "Compiling api") {
			t.Errorf("%s shows\n%s", mode, out)
		}
		o := d.Output(test)
		if len(o.Found.Findings) != 1 || o.Found.Findings[0].Place() != "src/main.rs:1:5" || o.Log != before+finding {
			t.Errorf("%s: found is %+v in %q", mode, o.Found, o.Log)
		}
	}
	if _, out := show(t, "plain", nil, vertex(test, "[test 1/1] RUN", "runs"), log(test, finding), vertex(test, "[test 1/1] RUN", "done")); strings.Count(out, "E0425") != 1 {
		t.Errorf("a step that does not fail has no report, and shows\n%s", out)
	}
	if _, out := show(t, "plain", nil, vertex(build, "[build 1/1] RUN", "runs"), log(build, finding)); strings.Count(out, "E0425") != 1 {
		t.Errorf("a step that does not run cargo shows\n%s", out)
	}
	again := []*client.SolveStatus{
		vertex(test, "[test 1/1] RUN", "runs"), log(test, finding), failed(test, "[test 1/1] RUN", broken), vertex(test, "[test 1/1] RUN", "runs"),
	}
	if d, _ := show(t, "plain", nil, again...); len(d.Output(test).Found.Findings) != 0 {
		t.Error("what was found before a step ran again counts")
	}
}

func TestACancelledStepIsNoFailure(t *testing.T) {
	_, out := show(t, "plain", nil, vertex(build, "[build 1/1] RUN", "runs"), failed(build, "[build 1/1] RUN", "context canceled"))
	if strings.Contains(out, "ancel") {
		t.Errorf("it shows\n%s", out)
	}
}

func TestModes(t *testing.T) {
	step := []*client.SolveStatus{vertex(deps, "[deps 1/1] RUN", "runs"), vertex(deps, "[deps 1/1] RUN", "done")}
	t.Run("quiet shows nothing", func(t *testing.T) {
		if _, out := show(t, "quiet", nil, step...); out != "" {
			t.Errorf("got %q", out)
		}
	})
	t.Run("rawjson is a status a line", func(t *testing.T) {
		_, out := show(t, "rawjson", nil, step...)
		for line := range strings.Lines(out) {
			var s client.SolveStatus
			if err := json.Unmarshal([]byte(line), &s); err != nil || len(s.Vertexes) != 1 || s.Vertexes[0].Name != "[deps] work" {
				t.Errorf("%q: %v", line, err)
			}
		}
		if strings.Count(out, "\n") != len(step) {
			t.Errorf("%d statuses gave\n%s", len(step), out)
		}
	})
	t.Run("auto is plain where there is no terminal", func(t *testing.T) {
		if _, out := show(t, "auto", nil, step...); !strings.HasPrefix(out, "#1 [deps] work\n") {
			t.Errorf("got %q", out)
		}
	})
	t.Run("tty falls back to lines where there is no terminal", func(t *testing.T) {
		file, err := os.Create(t.TempDir() + "/out")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		d, err := Start(t.Context(), Options{Out: file, Mode: "tty", Term: "xterm"})
		if err != nil {
			t.Fatal(err)
		}
		d.Status() <- step[0]
		close(d.Status())
		d.Wait()
		if out, err := os.ReadFile(file.Name()); err != nil || !strings.HasPrefix(string(out), "#1 [deps] ") {
			t.Errorf("%v, got %q", err, out)
		}
	})
	t.Run("all of them can be opened", func(t *testing.T) {
		for _, mode := range Modes {
			show(t, mode, nil)
		}
	})
	t.Run("no other can", func(t *testing.T) {
		if _, err := Start(t.Context(), Options{Out: &bytes.Buffer{}, Mode: "fancy"}); err == nil {
			t.Error("a display of mode fancy was opened")
		}
	})
}

// TestASilentEngineIsSpokenFor runs on a clock of its own, so the minutes in it take no time.
func TestASilentEngineIsSpokenFor(t *testing.T) {
	for mode, want := range map[string]int{"plain": 3, "quiet": 0, "rawjson": 0} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			d, err := Start(t.Context(), Options{Out: &out, Mode: mode})
			if err != nil {
				t.Fatal(err)
			}
			d.Know(known)
			d.Status() <- vertex(build, "[build 1/1] RUN", "runs")
			for range 4 { // words in time need no other
				time.Sleep(silence - time.Second)
				d.Status() <- log(build, "still compiling\n")
			}
			time.Sleep(4 * silence)
			close(d.Status())
			d.Wait()
			const line = "lpipe: no word from the engine for 19s; running [build] work\n"
			if got := strings.Count(out.String(), "lpipe: no word"); got != want || want > 0 && !strings.Contains(out.String(), line) {
				t.Errorf("%s: %d lines, want %d, and among them %q:\n%s", mode, got, want, line, out.String())
			}
		})
	}
}

func TestSayShowsALineBetweenTheSteps(t *testing.T) {
	for _, mode := range []string{"plain", "rawjson"} {
		var out bytes.Buffer
		d, err := Start(t.Context(), Options{Out: &out, Mode: mode})
		if err != nil {
			t.Fatal(err)
		}
		d.Say("ssh: signed login as git@github.com")
		close(d.Status())
		d.Wait()
		d.Say("nobody hears this")
		if !strings.Contains(out.String(), "ssh: signed login as git@github.com") || strings.Contains(out.String(), "nobody") {
			t.Errorf("%s: got %q", mode, out.String())
		}
	}
}

func TestCratesAreRememberedWithTheirTimes(t *testing.T) {
	at := time.Unix(1000000001, 0)
	said := log(test, "   Compiling itoa v1.0.0\n   Compiling api v0.1.0 (/src/api)\n    Finished `release` profile\nnote: Compiling x v1\n")
	said.Logs[0].Timestamp = at
	ends := vertex(test, "[test 1/1] RUN", "done")
	ends.Vertexes[0].Inputs = []digest.Digest{build}
	d, _ := show(t, "quiet", nil, vertex(test, "[test 1/1] RUN", "runs"), said, log(deps, "   Compiling leaf v1.0.0\n"), ends)
	steps := d.Steps()
	want := []Crate{{"itoa v1.0.0", at}, {"api v0.1.0", at}}
	if len(steps) != 1 || !slices.Equal(steps[0].Compiled, want) || !slices.Equal(steps[0].After, []string{build.String()}) || steps[0].ID != test.String() {
		t.Errorf("got %+v, want one step with %v", steps, want)
	}
}
