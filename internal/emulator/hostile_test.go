package emulator

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestHostileLambdas: each gets what Lambda gives it, the next invocation is answered, and at the end nothing is left.
func TestHostileLambdas(t *testing.T) {
	event := func(o order) Event {
		b, _ := json.Marshal(o)
		return Event{Payload: b, LogTail: true}
	}
	mark := NewID()
	short := func(p *Program) { p.Timeout = 500 * time.Millisecond }
	longer := func(p *Program) { p.Timeout = 2 * time.Second } // in which a busy machine answers too
	files, routines := openFiles(t), runtime.NumGoroutine()
	for name, c := range map[string]struct {
		event      Event
		change     func(*Program)
		errorType  string // "" for none
		want, logs string
	}{
		"exits":               {do("exit"), nil, "Runtime.ExitError", "exit status 3", ""},
		"hangs":               {event(order{Ms: 60000}), short, "Sandbox.Timedout", "Task timed out after 0.50 seconds", "Status: timeout"},
		"answers and hangs":   {event(order{Do: "answer and hang"}), longer, "", "last words", "Status: timeout"},
		"answers and exits":   {event(order{Do: "answer and exit"}), nil, "", "last words", "Error Type: Runtime.ExitError"},
		"sends half":          {event(order{Do: "half"}), nil, "Runtime.TruncatedResponse", "", ""},
		"eats memory":         {event(order{Do: "eat", Ms: 10000}), nil, "Runtime.OutOfMemory", "Runtime exited with error: signal: killed", "Error Type: Runtime.OutOfMemory"},
		"another attempt":     {event(order{Do: "status", Value: attemptHeader + "=other"}), nil, "", "2", `410 {"errorMessage":"Invoke timeout","errorType":"ErrorRuntimeInvokeTimeout"}` + "\n202 "},
		"answers twice":       {event(order{Do: "status", Value: "X-Own=1"}), nil, "", "1", "202 {\"status\":\"OK\"}\n403 "},
		"a mode that is none": {event(order{Do: "status", Value: "Lambda-Runtime-Function-Response-Mode=buffered"}), nil, "Runtime.InvalidResponseModeHeader", "", "400 "},
		"another id":          {event(order{Do: "another id"}), nil, "", "2", strings.Repeat(`400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`+"\n", 2)},
		"an init error late":  {event(order{Do: "init error"}), nil, "", "2", `403 {"errorMessage":"Transition is not allowed","errorType":"InvalidStateTransition"}`},
		"bytes":               {event(order{Do: "bytes"}), nil, "", "\xff\xfe", ""},
		"an error of bytes":   {event(order{Do: "error of bytes"}), nil, "not\ta; type", "\xff\xfe", ""},
		"asks amid an answer": {event(order{Do: "half and next"}), nil, "Runtime.TruncatedResponse", "", "exit status 9"},
		"a huge header":       {event(order{Do: "status", Value: "X-Own=" + strings.Repeat("x", 2<<20)}), nil, "", "2", "202 "},
		"floods the log":      {event(order{Do: "print", Value: strings.Repeat(strings.Repeat("x", 99)+"\n", 20000)}), nil, "", "null", "xxx\nEND"},
	} {
		p := program(t, "run", func(p *Program) { p.Env = append(p.Env, "LPIPE_TEST_MARK="+mark) })
		if c.change != nil {
			c.change(&p)
		}
		r := run(t, p, c.event, event(order{Do: "reply", Value: "1"}))
		if r[0].ErrorType != c.errorType || (c.errorType != "") != (r[0].FunctionError == "Unhandled") || !strings.Contains(string(r[0].Payload), c.want) || !strings.Contains(string(r[0].Log), c.logs) {
			t.Errorf("%s: %s %s\n%s", name, r[0].ErrorType, r[0].Payload, r[0].Log)
		}
		if string(r[1].Payload) != "1" || r[1].FunctionError != "" {
			t.Errorf("%s: then %s", name, r[1].Payload)
		}
		if name == "eats memory" && (r[0].MaxMemory < 128 || r[0].MaxMemory > 2000) {
			t.Errorf("%d MB were used", r[0].MaxMemory)
		}
	}
	if !eventuallyTrue(func() bool { return openFiles(t) <= files && runtime.NumGoroutine() <= routines }) {
		t.Errorf("%d files and %d goroutines became %d and %d", files, routines, openFiles(t), runtime.NumGoroutine())
	}
	for _, process := range processes(t, mark) {
		t.Errorf("%s lives on", process)
	}
}

// openFiles counts the open files of this process.
func openFiles(t *testing.T) int {
	dir := "/dev/fd"
	if runtime.GOOS == "linux" {
		dir = "/proc/self/fd"
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// processes lists the processes that have a mark in their environment, where the system tells.
func processes(t *testing.T, mark string) (found []string) {
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		if env, _ := os.ReadFile(file); strings.Contains(string(env), mark) {
			found = append(found, file)
		}
	}
	return found
}
