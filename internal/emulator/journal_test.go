package emulator

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// matches compares lines with patterns, one for each.
func matches(t *testing.T, text string, patterns ...string) {
	t.Helper()
	want := "^" + strings.Join(patterns, "\n") + "\n$"
	if !regexp.MustCompile(want).MatchString(text) {
		t.Errorf("%s\nis not\n%s", text, want)
	}
}

// TestLogLines: what Lambda says, in the order of what happened, and with the program's own lines in between.
func TestLogLines(t *testing.T) {
	const (
		id     = `[0-9a-f-]{36}`
		start  = `START RequestId: ` + id + ` Version: \$LATEST`
		end    = `END RequestId: ` + id
		report = `REPORT RequestId: ` + id + `\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB`
		init   = `\tInit Duration: \d+\.\d\d ms`
		begin  = `INIT_START Runtime Version: lpipe`
	)
	short := func(p *Program) { p.Timeout = 300 * time.Millisecond }
	for name, c := range map[string]struct {
		how    string
		change func(*Program)
		events []Event
		want   []string
	}{
		"cold and warm": {"run", nil, []Event{do("count"), do("count")}, []string{
			begin, "started", start, "event count", end, report + init, start, "event count", end, report,
		}},
		"an error of the function": {"run", nil, []Event{do("error")}, []string{begin, "started", start, "event error", end, report + init}},
		"a dead process": {"run", nil, []Event{do("exit"), {}}, []string{
			begin, "started", start, "event exit", `RequestId: ` + id + ` Error: Runtime exited with error: exit status 3`, "Runtime.ExitError", end,
			report + init + `\tStatus: error\tError Type: Runtime.ExitError`, begin, "started", start, "event ", end, report + init,
		}},
		"a timeout": {"run", short, []Event{{Payload: []byte(`{"ms":5000}`)}}, []string{
			begin, "started", start, `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ` + id + ` Task timed out after 0\.30 seconds`, "", end,
			`REPORT RequestId: ` + id + `\tDuration: 300\.00 ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB` + init + `\tStatus: timeout`,
		}},
		"no start": {"die", nil, []Event{{}}, []string{
			begin, `INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\tStatus: error\tError Type: Runtime\.ExitError`,
			begin, `INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: invoke\tStatus: error\tError Type: Runtime\.ExitError`,
			start, `RequestId: ` + id + ` Error: Runtime exited with error: exit status 7`, "Runtime.ExitError", end, report + `\tStatus: error\tError Type: Runtime\.ExitError`,
		}},
		"a slow start": {"hang once", func(p *Program) { p.initTimeout = time.Second }, []Event{{}}, []string{
			begin, `INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\tStatus: timeout`, begin, "started", start, "event ", end, report,
		}},
		"a start without end": {"hang", func(p *Program) { p.initTimeout = 200 * time.Millisecond; short(p) }, []Event{{}}, []string{
			begin, `INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\tStatus: timeout`,
			begin, `INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: invoke\tStatus: timeout`,
			start, `.* Task timed out after 0\.30 seconds`, "", end, `REPORT .*\tDuration: 300\.00 ms\t.*\tStatus: timeout`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log buffer
			p := program(t, c.how, func(p *Program) { p.Stdout, p.Stderr, p.Log = &log, &log, &log })
			if c.change != nil {
				c.change(&p)
			}
			run(t, p, c.events...)
			matches(t, log.String(), c.want...)
		})
	}
}

func TestLogAsJSON(t *testing.T) {
	var out, log buffer
	p := program(t, "run", func(p *Program) { p.Stdout, p.Log, p.LogFormat = &out, &log, LogJSON })
	e := do("environment")
	e.TraceID = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=53995c3f42cd8ad8;Sampled=1"
	results := run(t, p, e, do("exit"))
	if !strings.Contains(string(results[0].Payload), `"AWS_LAMBDA_LOG_FORMAT=JSON"`) {
		t.Errorf("%s", results[0].Payload)
	}
	var kinds []string
	for line := range strings.Lines(log.String()) {
		var e struct {
			Time   time.Time
			Type   string
			Record struct {
				RequestID string
				Status    string
				ErrorType string
				Metrics   map[string]float64
				Tracing   *tracing
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || time.Since(e.Time) > time.Minute {
			t.Fatalf("%s: %v", line, err)
		}
		kinds = append(kinds, e.Type+" "+e.Record.Status+" "+e.Record.ErrorType)
		if e.Type == "platform.report" && (e.Record.Metrics["memorySizeMB"] != 128 || e.Record.Metrics["durationMs"] <= 0 || e.Record.Metrics["billedDurationMs"] < 1) {
			t.Error(line)
		}
		if first := e.Record.RequestID == results[0].RequestID; first != (e.Record.Tracing != nil) {
			t.Errorf("%s: is traced without being asked to, or not", line)
		}
	}
	want := []string{
		"platform.initStart  ", "platform.start  ", "platform.report success ", "platform.start  ", "platform.runtimeDone error Runtime.ExitError", "platform.report error Runtime.ExitError",
	}
	if fmt.Sprint(kinds) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", kinds, want)
	}
}

func TestTailOfTheLog(t *testing.T) {
	print := func(text string) Event {
		b, _ := json.Marshal(order{Do: "print", Value: text})
		return Event{Payload: b, LogTail: true}
	}
	results := run(t, program(t, "run"), print("one\n"), print("two\nwithout end"), print(strings.Repeat("x", 10000)+"\n"))
	for i, want := range []string{"^INIT_START (?s:.*)started\nSTART (?s:.*)\none\nEND .*\nREPORT .*\n$", "^START .*\nevent print\ntwo\nEND .*\nREPORT .*\n$", "^x+\nEND .*\nREPORT .*\n$"} {
		if r := results[i]; !regexp.MustCompile(want).Match(r.Log) || len(r.Log) > tailLimit || r.Billed <= 0 || r.Billed%time.Millisecond != 0 {
			t.Errorf("%s %s", r.Billed, r.Log)
		}
	}
}

// TestAFloodOfOutput is no hindrance to the answer, and none of it is lost.
func TestAFloodOfOutput(t *testing.T) {
	var out buffer
	p := program(t, "run", func(p *Program) { p.Stdout = &out })
	b, _ := json.Marshal(order{Do: "print", Value: strings.Repeat("0123456789abcde\n", 100000) + strings.Repeat("y", 2*lineLimit)})
	r := run(t, p, Event{Payload: b, LogTail: true})[0]
	if string(r.Payload) != "null" || strings.Count(out.String(), "0123456789abcde\n") != 100000 || strings.Count(out.String(), "y") != 2*lineLimit {
		t.Errorf("%s, %d bytes were printed", r.Payload, len(out.String()))
	}
}
