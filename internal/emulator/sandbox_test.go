package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lpipe/internal/testparts/require"
)

// buffer is a bytes.Buffer that may be read while the program writes.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func run(t *testing.T, p Program, events ...Event) []Result {
	t.Helper()
	results, err := Run(t.Context(), p, events...)
	if err != nil || len(results) != len(events) {
		t.Fatalf("%d results for %d events: %v", len(results), len(events), err)
	}
	return results
}

func TestRunInvokesInOrderAndKeepsTheProcess(t *testing.T) {
	var stdout, stderr buffer
	p := program(t, "run", func(p *Program) { p.Stdout, p.Stderr = &stdout, &stderr })
	r := run(t, p, do("count"), Event{Payload: []byte(`{"a":1}`)}, Event{}, do("count"))
	var first, last [2]any
	if json.Unmarshal(r[0].Payload, &first) != nil || json.Unmarshal(r[3].Payload, &last) != nil || first[0] != 1.0 || last[0] != 4.0 || first[1] != last[1] {
		t.Errorf("calls and processes: %s, %s", r[0].Payload, r[3].Payload)
	}
	if string(r[1].Payload) != `{"a":1}` || string(r[2].Payload) != "{}" {
		t.Errorf("echoes: %s, %s", r[1].Payload, r[2].Payload)
	}
	if r[0].Init <= 0 || r[1].Init != 0 || r[1].Duration <= 0 || r[0].RequestID == "" || r[0].RequestID == r[1].RequestID {
		t.Errorf("%+v\n%+v", r[0], r[1])
	}
	if stderr.String() != "started\n" || strings.Count(stdout.String(), "event") != 4 {
		t.Errorf("stdout %q, stderr %q", &stdout, &stderr)
	}
}

func TestProgramSeesLambdasHeaders(t *testing.T) {
	p := program(t, "run", func(p *Program) { p.Region, p.Account = "eu-west-1", "111122223333" })
	e := Event{Payload: []byte(`{"do":"headers","ms":5}`)}
	e.ClientContext, e.Identity, e.TenantID, e.TraceID = `{"client":{}}`, `{"id":"x"}`, "tenant", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=53995c3f42cd8ad8;Sampled=1"
	before := time.Now()
	results := run(t, p, e, do("headers"))
	var got, bare map[string][]string
	if err := json.Unmarshal(results[0].Payload, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(results[1].Payload, &bare); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Lambda-Runtime-Aws-Request-Id": results[0].RequestID, "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:111122223333:function:echo",
		"Lambda-Runtime-Trace-Id": e.TraceID, "Lambda-Runtime-Client-Context": e.ClientContext,
		"Lambda-Runtime-Cognito-Identity": e.Identity, "Lambda-Runtime-Aws-Tenant-Id": "tenant",
	} {
		if !slices.Equal(got[name], []string{want}) {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	for _, name := range []string{"Lambda-Runtime-Client-Context", "Lambda-Runtime-Cognito-Identity", "Lambda-Runtime-Aws-Tenant-Id"} {
		if bare[name] != nil {
			t.Errorf("%s: %q though empty", name, bare[name])
		}
	}
	ms, err := strconv.ParseInt(got["Lambda-Runtime-Deadline-Ms"][0], 10, 64)
	if deadline := time.UnixMilli(ms); err != nil || deadline.Before(before.Add(p.Timeout).Truncate(time.Millisecond)) || deadline.After(time.Now().Add(p.Timeout)) {
		t.Errorf("the deadline is %s after the start of the test, want 10 s and a bit", deadline.Sub(before))
	}
	if bare["Lambda-Runtime-Trace-Id"] == nil || bare["Lambda-Runtime-Deadline-Ms"][0] == got["Lambda-Runtime-Deadline-Ms"][0] {
		t.Errorf("second event: %v", bare)
	}
}

func TestProgramSeesLambdasEnvironment(t *testing.T) {
	t.Setenv("CANARY", "of the caller")
	p := program(t, "run", func(p *Program) { p.Env = append(p.Env, "TABLE=orders", "TZ=CET"); p.Memory = 512 })
	var env []string
	if err := json.Unmarshal(run(t, p, do("environment"))[0].Payload, &env); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"AWS_LAMBDA_FUNCTION_NAME=echo", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "_HANDLER=bootstrap", "AWS_REGION=us-east-1",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/echo", "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "LAMBDA_TASK_ROOT=" + p.Dir, "TABLE=orders", "TZ=CET",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("no %s in %q", want, env)
		}
	}
	for _, v := range env {
		if strings.HasPrefix(v, "CANARY") || strings.HasPrefix(v, "HOME=") {
			t.Errorf("the caller's %s came through", v)
		}
	}
}

func TestFailuresOfTheFunction(t *testing.T) {
	short := func(p *Program) { p.Timeout = 300 * time.Millisecond }
	slow := Event{Payload: []byte(`{"ms":5000}`)}
	for name, c := range map[string]struct {
		program   Program
		event     Event
		errorType string
		message   string
		next      string // what the next event gets
	}{
		"its error":       {program(t, "run"), do("error"), "My.Error", `{"errorMessage":"bad","errorType":"My.Error"}`, "{}"},
		"a dead process":  {program(t, "run"), do("exit"), "Runtime.ExitError", "Runtime exited with error: exit status 3", "{}"},
		"a silent end":    {program(t, "run"), do("exit quietly"), "Runtime.ExitError", "Runtime exited without providing a reason", "{}"},
		"no start":        {program(t, "die"), do(""), "Runtime.ExitError", "exit status 7", "exit status 7"},
		"an init error":   {program(t, "init-error"), do(""), "Init.Db", `{"errorMessage":"no database","errorType":"Init.Db"}`, "no database"},
		"a timeout":       {program(t, "run", short), slow, "Sandbox.Timedout", "Task timed out after 0.30 seconds", "{}"},
		"a big response":  {program(t, "run"), do("big"), "Function.ResponseSizeTooLarge", `{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}`, "{}"},
		"a broken stream": {program(t, "run"), do("stream error"), "Stream.Broke", `{"errorMessage":"oh"}`, "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, c.program, c.event, Event{})
			if r[0].FunctionError != "Unhandled" || r[0].ErrorType != c.errorType || !strings.Contains(string(r[0].Payload), c.message) || !json.Valid(r[0].Payload) {
				t.Errorf("%+v %s", r[0], r[0].Payload)
			}
			if !strings.Contains(string(r[1].Payload), c.next) {
				t.Errorf("then %s, want %s", r[1].Payload, c.next)
			}
		})
	}
}

// TestOddInitErrors: Lambda speaks of an error by what the runtime calls it, if that is a type, and answers what it was told.
func TestOddInitErrors(t *testing.T) {
	var log buffer
	r := run(t, program(t, "odd init-error", func(p *Program) { p.Log = &log }), Event{})[0]
	if string(r.Payload) != "\xff" || r.ErrorType != "not\ta; type" || !strings.Contains(log.String(), "Status: error\tError Type: Runtime.Unknown\n") {
		t.Errorf("%q %q\n%s", r.Payload, r.ErrorType, &log)
	}
	for reported, want := range map[string]string{
		"Runtime.NoHandler": "Runtime.NoHandler", "Function.Error_2": "Function.Error_2", "Function.a": "Function.Unknown", "Function.A b": "Function.Unknown",
		"My.Error": "Runtime.Unknown", "Runtime.A\nSTART": "Runtime.Unknown", "": "Runtime.Unknown",
	} {
		if got := knownType(reported); got != want {
			t.Errorf("%q is %q, want %q", reported, got, want)
		}
	}
}

func TestAnswerBeforeTheEndCounts(t *testing.T) {
	for _, how := range []string{"answer and exit", "answer and leave"} {
		for range 20 {
			r := run(t, program(t, "run"), do(how))
			if string(r[0].Payload) != `"last words"` || r[0].FunctionError != "" {
				t.Fatalf("%s: %+v %s", how, r[0], r[0].Payload)
			}
		}
	}
}

func TestInitErrorsOutputIsComplete(t *testing.T) {
	var stderr buffer
	run(t, program(t, "init-error", func(p *Program) { p.Stderr = &stderr }), Event{})
	if !strings.HasPrefix(stderr.String(), "giving up\n") { // a binary built for coverage adds a line
		t.Errorf("stderr %q", &stderr)
	}
}

func TestCancelledRunLeavesNothing(t *testing.T) {
	for _, how := range []string{"hang", "run"} {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, errors.New("enough"))
		start := time.Now()
		_, err := Run(ctx, program(t, how), Event{Payload: []byte(`{"ms":30000}`)})
		cancel()
		if err == nil || !strings.Contains(err.Error(), "enough") || time.Since(start) > 5*time.Second {
			t.Errorf("%s: %v after %s", how, err, time.Since(start))
		}
	}
}

func TestStartSaysWhyItCannot(t *testing.T) {
	_, err := Run(t.Context(), Program{Path: filepath.Join(t.TempDir(), "none")}, Event{})
	if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "starting the program: ") {
		t.Error(err)
	}
}

func TestStreamArrivesInPieces(t *testing.T) {
	var pieces []string
	var mu sync.Mutex
	e := do("stream")
	e.Stream = func(string) io.Writer {
		return writerFunc(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			pieces = append(pieces, string(p))
			return len(p), nil
		})
	}
	r := run(t, program(t, "run"), e, do("stream"))
	if !slices.Equal(pieces, []string{"first ", "second"}) || !r[0].Streamed || len(r[0].Payload) != 0 {
		t.Errorf("%q %+v", pieces, r[0])
	}
	if string(r[1].Payload) != "first second" || !r[1].Streamed {
		t.Errorf("%+v %s", r[1], r[1].Payload)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestFunctionRunsCallsAtATime(t *testing.T) {
	f := NewFunction(program(t, "run"), 3)
	var calls sync.WaitGroup
	var mu sync.Mutex
	pids := map[string]bool{}
	for range 3 {
		calls.Go(func() {
			r, err := f.Invoke(t.Context(), Event{Payload: []byte(`{"do":"count","ms":1000}`)})
			if err != nil || r.FunctionError != "" {
				t.Errorf("%v %s", err, r.Payload)
			}
			mu.Lock()
			pids[string(r.Payload)] = true
			mu.Unlock()
		})
	}
	if !eventuallyTrue(func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.all) == 3 }) {
		t.Error("three calls have not three processes")
	}
	if _, err := f.Invoke(t.Context(), Event{}); !errors.Is(err, ErrThrottled) {
		t.Errorf("a fourth call: %v", err)
	}
	calls.Wait()
	if len(pids) != 3 {
		t.Errorf("three calls at a time ran as %v", pids)
	}
	r, err := f.Invoke(t.Context(), do("count"))
	if err != nil || !strings.HasPrefix(string(r.Payload), "[2,") {
		t.Errorf("no warm process was used: %s %v", r.Payload, err)
	}
	if r, err := f.Invoke(t.Context(), do("exit")); err != nil || r.ErrorType != "Runtime.ExitError" {
		t.Errorf("%+v %v", r, err)
	}
	if !eventuallyTrue(func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.all) == 2 }) {
		t.Error("not two processes are kept")
	}
	f.Close()
	for _, s := range f.all {
		select {
		case <-s.sandbox.exited:
		default:
			t.Error("a process lives on")
		}
	}
	if _, err := f.Invoke(t.Context(), Event{}); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestRustLambda runs the repository's own lambda, built by the cargo of this machine.
func TestRustLambda(t *testing.T) {
	manifest, err := filepath.Abs("../../testdata/lambdas/echo/Cargo.toml")
	if err != nil {
		t.Fatal(err)
	}
	target := t.TempDir()
	out, err := exec.Command("cargo", "build", "--locked", "--offline", "--manifest-path", manifest, "--target-dir", target).CombinedOutput()
	require.Part(t, err == nil, "a working cargo", string(out))
	p := Program{Config: Config{Name: "echo"}, Path: filepath.Join(target, "debug", "echo")}
	r := run(t, p, Event{Payload: []byte(`{"from":"the test"}`)}, Event{Payload: []byte("null")}, Event{})
	if string(r[0].Payload) != `{"message":"hello","event":{"from":"the test"}}` || r[1].ErrorType != "Echo.NoEvent" || r[2].FunctionError != "" {
		t.Errorf("%s %+v %s", r[0].Payload, r[1], r[2].Payload)
	}
	p.Env = []string{"ECHO_GREETING= "}
	if r := run(t, p, Event{}); r[0].ErrorType != "Echo.NoGreeting" {
		t.Errorf("%+v %s", r[0], r[0].Payload)
	}
}

// TestTenantsAreApart: a process serves one tenant, also where no more processes may be started.
func TestTenantsAreApart(t *testing.T) {
	f := NewFunction(program(t, "run"), 2)
	defer f.Close()
	seen := map[string]string{}
	for _, call := range []struct{ tenant, want string }{{"a", "[1,"}, {"b", "[1,"}, {"a", "[2,"}, {"", "[1,"}, {"", "[2,"}} {
		e := do("count")
		e.TenantID = call.tenant
		r, err := f.Invoke(t.Context(), e)
		if err != nil || !strings.HasPrefix(string(r.Payload), call.want) {
			t.Errorf("tenant %q: %s %v, want %s", call.tenant, r.Payload, err, call.want)
		}
		_, process, _ := strings.Cut(string(r.Payload), ",")
		if other, known := seen[process]; known && other != call.tenant {
			t.Errorf("tenant %q has the process of %q", call.tenant, other)
		}
		seen[process] = call.tenant
	}
}

func TestQualifierIsInTheARN(t *testing.T) {
	e := do("headers")
	e.Qualifier = "live"
	if r := run(t, program(t, "run"), e)[0]; !strings.Contains(string(r.Payload), `:function:echo:live"`) {
		t.Errorf("%s", r.Payload)
	}
}

// TestAnswersOfProgramsThatAreGone: what a program was sending when it exited is read, and counts when it is whole.
func TestAnswersOfProgramsThatAreGone(t *testing.T) {
	for name, c := range map[string]struct {
		rest      string
		err       error
		errorType string
	}{
		"whole": {rest: `words"`, err: io.EOF},
		"half":  {err: io.ErrUnexpectedEOF, errorType: "Runtime.TruncatedResponse"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := New(Config{})
			results := make(chan Result, 1)
			go func() {
				r, _ := s.Invoke(t.Context(), Event{Payload: []byte(`"event"`), ID: "id"})
				results <- r
			}()
			s.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/2018-06-01/runtime/invocation/next", nil))
			body, sent := io.Pipe()
			go s.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/2018-06-01/runtime/invocation/id/response", body))
			_, _ = sent.Write([]byte(`"last `)) // returns when it was read
			go s.Exited(nil)
			synctest.Wait()
			_, _ = sent.Write([]byte(c.rest))
			sent.CloseWithError(c.err)
			r := <-results
			if r.ErrorType != c.errorType || c.errorType == "" && string(r.Payload) != `"last words"` {
				t.Errorf("%s: %s %s", name, r.ErrorType, r.Payload)
			}
		})
	}
}
