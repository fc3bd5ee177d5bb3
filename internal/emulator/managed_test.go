package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// managed has a program run as on Lambda Managed Instances.
func managed(p *Program) { p.MaxConcurrency = 4 }

// TestSeveralInvocationsInAProcess: as many as it may have, each with its own answer; more are throttled.
func TestSeveralInvocationsInAProcess(t *testing.T) {
	p := program(t, "workers", managed)
	f := NewFunction(p, 1)
	defer f.Close()
	var calls sync.WaitGroup
	var mu sync.Mutex
	processes := map[string]bool{}
	for i := range 4 {
		calls.Go(func() {
			r, err := f.Invoke(t.Context(), Event{Payload: fmt.Appendf(nil, `{"do":"meet","ms":4,"value":"%d"}`, i)})
			_, process, _ := strings.Cut(string(r.Payload), ",")
			mu.Lock()
			defer mu.Unlock()
			processes[process] = true
			if err != nil || r.FunctionError != "" {
				t.Errorf("%v %s", err, r.Payload)
			}
		})
	}
	if !eventuallyTrue(func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.all) == 1 && f.all[0].calls == 4 }) {
		t.Fatal("the calls are not in one process")
	}
	if _, err := f.Invoke(t.Context(), Event{}); !errors.Is(err, ErrThrottled) {
		t.Errorf("a fifth call: %v", err)
	}
	if err := os.WriteFile(filepath.Join(p.Dir, "part"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	calls.Wait() // one after the other they would wait for each other until they time out
	if len(processes) != 1 {
		t.Errorf("%d processes", len(processes))
	}
	for range 50 {
		calls.Go(func() {
			want := `"` + NewID() + `"`
			var r Result
			err := ErrThrottled
			for errors.Is(err, ErrThrottled) {
				r, err = f.Invoke(t.Context(), Event{Payload: fmt.Appendf(nil, `{"do":"reply","value":%q}`, want)})
			}
			if err != nil || string(r.Payload) != want {
				t.Errorf("%s: %s %v", want, r.Payload, err)
			}
		})
	}
	calls.Wait()
}

func TestManagedEnvironment(t *testing.T) {
	var log buffer
	p := program(t, "workers", managed, func(p *Program) { p.Log = &log })
	results := run(t, p, do("environment"))
	for _, want := range []string{"AWS_LAMBDA_MAX_CONCURRENCY=4", "AWS_LAMBDA_INITIALIZATION_TYPE=lambda-managed-instances", "AWS_LAMBDA_LOG_FORMAT=JSON"} {
		if !strings.Contains(string(results[0].Payload), `"`+want+`"`) {
			t.Errorf("no %s in %s", want, results[0].Payload)
		}
	}
	if first, _, _ := strings.Cut(log.String(), "\n"); !json.Valid([]byte(first)) || !strings.Contains(first, `"initializationType":"lambda-managed-instances"`) {
		t.Error(first)
	}
}

// TestTimeoutsOfSeveralInvocations: one that takes too long does not end the process, and its answer comes too late.
func TestTimeoutsOfSeveralInvocations(t *testing.T) {
	var out buffer
	f := NewFunction(program(t, "workers", managed, func(p *Program) { p.Timeout, p.Stdout = time.Second, &out }), 1)
	defer f.Close()
	before, err := f.Invoke(t.Context(), do("count"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Invoke(t.Context(), Event{Payload: []byte(`{"do":"status late","ms":1500}`)})
	if err != nil || r.ErrorType != "Sandbox.Timedout" {
		t.Errorf("%+v %v", r, err)
	}
	if !eventuallyTrue(func() bool { return strings.Contains(out.String(), "late 410 ") }) {
		t.Errorf("%s", out.String())
	}
	after, err := f.Invoke(t.Context(), do("count"))
	_, process, _ := strings.Cut(string(before.Payload), ",")
	if err != nil || !strings.HasSuffix(string(after.Payload), process) {
		t.Errorf("%s, then %s %v", before.Payload, after.Payload, err)
	}
}

// TestACrashFailsSeveralInvocations, and the next one gets another process.
func TestACrashFailsSeveralInvocations(t *testing.T) {
	f := NewFunction(program(t, "workers", managed), 1)
	defer f.Close()
	slow := make(chan Result)
	go func() {
		r, _ := f.Invoke(t.Context(), Event{Payload: []byte(`{"ms":5000}`)})
		slow <- r
	}()
	if !eventuallyTrue(func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.all) == 1 && isClosed(f.all[0].started) }) {
		t.Fatal("no process")
	}
	if s := f.all[0].sandbox.Server; !eventuallyTrue(func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.running) == 1 }) {
		t.Fatal("no invocation")
	}
	r, err := f.Invoke(t.Context(), do("exit"))
	if other := <-slow; err != nil || r.ErrorType != "Runtime.ExitError" || other.ErrorType != "Runtime.ExitError" {
		t.Errorf("%+v %+v %v", r, other, err)
	}
	if !eventuallyTrue(func() bool { r, err = f.Invoke(t.Context(), do("count")); return err == nil && r.FunctionError == "" }) {
		t.Errorf("%+v %v", r, err)
	}
}

// TestRequestsOfSeveralWorkers: no more than may be, and extensions are not told of invocations.
func TestRequestsOfSeveralWorkers(t *testing.T) {
	s, w := serve(t, Config{MaxConcurrency: 2})
	extensionOf(t, w).expect("403 INVOKE: ErrorInvalidEventType", "POST", "register", `{"events":["INVOKE"]}`, "Lambda-Extension-Name", "own")
	results := []<-chan Result{invoke(t, s, Event{ID: "one"}), invoke(t, s, Event{ID: "two"})}
	ids := map[string]bool{w.mustNext(): true, w.mustNext(): true}
	if !ids["one"] || !ids["two"] {
		t.Fatal(ids)
	}
	w.expect(403, "InvalidStateTransition", "GET", "invocation/next", "")
	w.expect(202, "", "POST", "invocation/two/response", "2")
	w.expect(400, "InvalidRequestID", "POST", "invocation/two/response", "2")
	w.expect(202, "", "POST", "invocation/one/error", `{"errorType":"T"}`)
	if r := <-results[0]; r.ErrorType != "T" {
		t.Errorf("%+v", r)
	}
	if r := <-results[1]; string(r.Payload) != "2" {
		t.Errorf("%+v", r)
	}
}
