package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// wire is a runtime at the level of requests.
type wire struct {
	t    *testing.T
	base string
}

func serve(t *testing.T, c Config) (*Server, wire) {
	s := New(c)
	web := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		s.Close()
		web.Close()
	})
	return s, wire{t, web.URL + "/2018-06-01/runtime/"}
}

// expect sends a request and checks the status and the error's type.
func (w wire) expect(status int, errorType, method, path, body string) {
	w.t.Helper()
	req, err := http.NewRequest(method, w.base+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	var p problem
	if err := json.Unmarshal(b, &p); err != nil || resp.StatusCode != status || p.Type != errorType {
		w.t.Errorf("%s %s: %d %s, want %d %s (%v)", method, path, resp.StatusCode, b, status, errorType, err)
	}
	if status == 202 && strings.TrimSpace(string(b)) != `{"status":"OK"}` {
		w.t.Errorf("%s %s: %s", method, path, b)
	}
}

// next asks for an event and returns its id.
func (w wire) next(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", w.base+"invocation/next", nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
		return "", errors.Join(errors.New(resp.Status), err)
	}
	return resp.Header.Get("Lambda-Runtime-Aws-Request-Id"), nil
}

func (w wire) mustNext() string {
	w.t.Helper()
	id, err := w.next(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// invoke starts an invocation and returns where its result arrives.
func invoke(t *testing.T, s *Server, e Event) <-chan Result {
	result := make(chan Result, 1)
	go func() {
		r, err := s.Invoke(context.WithoutCancel(t.Context()), e)
		if err != nil {
			t.Error(err)
		}
		result <- r
	}()
	return result
}

func TestRequestsOutOfTurnAreRefused(t *testing.T) {
	s, w := serve(t, Config{})
	w.expect(400, "InvalidRequestID", "POST", "invocation/none/response", "{}")
	w.expect(400, "InvalidRequestID", "POST", "invocation/none/error", "{}")
	result := invoke(t, s, Event{ID: "one"})
	if id := w.mustNext(); id != "one" {
		t.Fatal(id)
	}
	w.expect(403, "InvalidStateTransition", "GET", "invocation/next", "")
	w.expect(403, "InvalidStateTransition", "POST", "init/error", "{}")
	w.expect(400, "InvalidRequestID", "POST", "invocation/two/response", "{}")
	w.expect(202, "", "POST", "invocation/one/response", `"done"`)
	w.expect(403, "InvalidStateTransition", "POST", "invocation/one/response", `"again"`)
	w.expect(403, "InvalidStateTransition", "POST", "invocation/one/error", `"again"`)
	w.expect(403, "InvalidStateTransition", "POST", "init/error", "{}")
	if r := <-result; string(r.Payload) != `"done"` || r.FunctionError != "" || r.RequestID != "one" {
		t.Errorf("%+v", r)
	}
	result = invoke(t, s, Event{ID: "two"})
	w.mustNext()
	w.expect(400, "InvalidRequestID", "POST", "invocation/one/response", "{}")
	w.expect(413, "RequestEntityTooLarge", "POST", "invocation/two/response", strings.Repeat("x", responseLimit+1))
	if r := <-result; r.ErrorType != "Function.ResponseSizeTooLarge" {
		t.Errorf("%+v", r)
	}
	result = invoke(t, s, Event{ID: "three"})
	w.mustNext()
	w.expect(202, "", "POST", "invocation/three/response", strings.Repeat("x", responseLimit))
	if r := <-result; len(r.Payload) != responseLimit {
		t.Errorf("%d bytes", len(r.Payload))
	}
	w.expect(404, "NotFound", "GET", "invocation/three", "")
	w.expect(404, "NotFound", "PUT", "invocation/next", "")
}

func TestInitErrorAnswersAllInvocations(t *testing.T) {
	s, w := serve(t, Config{})
	before := invoke(t, s, Event{ID: "before"})
	w.expect(202, "", "POST", "init/error", `{"errorMessage":"x","errorType":"Init.X"}`)
	w.expect(403, "InvalidStateTransition", "POST", "init/error", "{}")
	w.expect(403, "InvalidStateTransition", "GET", "invocation/next", "")
	for _, r := range []Result{<-before, <-invoke(t, s, Event{ID: "after"})} {
		if r.FunctionError != "Unhandled" || r.ErrorType != "Init.X" || string(r.Payload) != `{"errorMessage":"x","errorType":"Init.X"}` {
			t.Errorf("%+v %s", r, r.Payload)
		}
	}
}

func TestNextWaitsAndSurvivesLostConnections(t *testing.T) {
	s, w := serve(t, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	if _, err := w.next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an empty queue was answered: %v", err)
	}
	cancel()
	// The second request of a runtime takes the place of the first.
	first := make(chan error, 1)
	s.mu.Lock()
	lost := s.waiting // the place of the request above
	s.mu.Unlock()
	go func() { _, err := w.next(t.Context()); first <- err }()
	if !eventuallyTrue(func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.waiting != nil && s.waiting != lost }) {
		t.Fatal("the first request does not wait")
	}
	second := make(chan string, 1)
	go func() { id, _ := w.next(t.Context()); second <- id }()
	if err := <-first; err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("the first request: %v", err)
	}
	result := invoke(t, s, Event{ID: "one"})
	if id := <-second; id != "one" {
		t.Errorf("the second request got %q", id)
	}
	w.expect(202, "", "POST", "invocation/one/error", `{"errorType":"T"}`)
	if r := <-result; r.ErrorType != "T" {
		t.Errorf("%+v", r)
	}
}

func TestDeadlineEndsTheInvocation(t *testing.T) {
	s, w := serve(t, Config{Timeout: 50 * time.Millisecond})
	running := invoke(t, s, Event{ID: "one"})
	w.mustNext()
	waiting := invoke(t, s, Event{ID: "two"})
	for _, result := range []<-chan Result{running, waiting} {
		if r := <-result; r.ErrorType != "Sandbox.Timedout" || !strings.Contains(string(r.Payload), "timed out after 0.05 seconds") {
			t.Errorf("%+v %s", r, r.Payload)
		}
	}
	<-s.Gone()
	w.expect(400, "InvalidRequestID", "POST", "invocation/one/response", "{}")
}

func TestCancelledInvocationIsNotHandedOut(t *testing.T) {
	s, w := serve(t, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := s.Invoke(ctx, Event{ID: "cancelled"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	result := invoke(t, s, Event{ID: "one"})
	if id := w.mustNext(); id != "one" {
		t.Errorf("got %s", id)
	}
	w.expect(202, "", "POST", "invocation/one/response", "{}")
	<-result
}

func TestManyInvocationsWaitInLine(t *testing.T) {
	s, w := serve(t, Config{})
	var results []<-chan Result
	for range 20 {
		results = append(results, invoke(t, s, Event{}))
	}
	seen := map[string]bool{}
	for range results {
		id := w.mustNext()
		if seen[id] {
			t.Errorf("%s was handed out twice", id)
		}
		seen[id] = true
		w.expect(202, "", "POST", "invocation/"+id+"/response", `"`+id+`"`)
	}
	for _, result := range results {
		if r := <-result; string(r.Payload) != `"`+r.RequestID+`"` {
			t.Errorf("%s got %s", r.RequestID, r.Payload)
		}
	}
}

// TestNoEventIsLostOnHEAD, which has no body to take it.
func TestNoEventIsLostOnHEAD(t *testing.T) {
	s, w := serve(t, Config{})
	result := invoke(t, s, Event{ID: "one"})
	resp, err := http.Head(w.base + "invocation/next")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if id := w.mustNext(); resp.StatusCode != http.StatusMethodNotAllowed || id != "one" {
		t.Errorf("%s, and then %q", resp.Status, id)
	}
	w.expect(202, "", "POST", "invocation/one/response", "1")
	<-result
}

// A runtime that waits for an event when its process is ended gets no answer: it would complain about one that is none.
func TestNextIsNotAnsweredAtTheEnd(t *testing.T) {
	s, w := serve(t, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	time.AfterFunc(20*time.Millisecond, s.Close)
	if id, err := w.next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the answer is %q (%v)", id, err)
	}
}

// TestRestore: a program that could run from a snapshot goes on at once, and may say that it cannot.
func TestRestore(t *testing.T) {
	get := func(w wire) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.base+"restore/next", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	s, w := serve(t, Config{})
	w.expect(403, "InvalidStateTransition", "POST", "restore/error", "{}")
	if code := get(w); code != http.StatusOK {
		t.Error(code)
	}
	if code := get(w); code != http.StatusForbidden {
		t.Errorf("a second time: %d", code)
	}
	result := invoke(t, s, Event{ID: "one"})
	w.mustNext()
	w.expect(403, "InvalidStateTransition", "POST", "restore/error", "{}")
	w.expect(202, "", "POST", "invocation/one/response", "1")
	<-result
	s, w = serve(t, Config{})
	result = invoke(t, s, Event{ID: "two"})
	get(w)
	w.expect(202, "", "POST", "restore/error", `{"errorType":"Runtime.RestoreFailed"}`)
	if r := <-result; r.ErrorType != "Runtime.RestoreFailed" {
		t.Errorf("%+v", r)
	}
}
