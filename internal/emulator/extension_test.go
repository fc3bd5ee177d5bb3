package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpipe/internal/limits"
)

// extensionWire is an extension at the level of requests.
type extensionWire struct {
	t    *testing.T
	base string
	id   string
}

func (w *extensionWire) call(ctx context.Context, method, path, body string, header ...string) (string, error) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, w.base+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if w.id != "" {
		r.Header.Set("Lambda-Extension-Identifier", w.id)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if id := response.Header.Get("Lambda-Extension-Identifier"); id != "" {
		w.id = id
	}
	return response.Status[:4] + string(text), err
}

func (w *extensionWire) expect(want, method, path, body string, header ...string) {
	w.t.Helper()
	got, err := w.call(w.t.Context(), method, path, body, header...)
	if err != nil || !strings.HasPrefix(got, want[:4]) || !strings.Contains(got, want[4:]) {
		w.t.Errorf("%s %s %s %q: %s (%v), want %s", method, path, body, header, got, err, want)
	}
}

func extensionOf(t *testing.T, w wire) *extensionWire {
	return &extensionWire{t: t, base: strings.Replace(w.base, "2018-06-01/runtime", "2020-01-01/extension", 1)}
}

func TestRegistrationIsRefused(t *testing.T) {
	s, w := serve(t, Config{Name: "report", Account: "111122223333"})
	s.extensions.expect([]string{"external"})
	const name = "Lambda-Extension-Name"
	for _, c := range []struct {
		want, body string
		header     []string
	}{
		{"403 Extension.InvalidExtensionName", `{"events":[]}`, nil},
		{"403 InvalidRequestFormat", `{"events":`, []string{name, "own"}},
		{"403 configurationKeys are deprecated", `{"configurationKeys":["a"]}`, []string{name, "own"}},
		{"403 Extension.InvalidEventType", `{"events":["INIT"]}`, []string{name, "own"}},
		{"403 ShutdownEventNotSupportedForInternalExtension", `{"events":["SHUTDOWN"]}`, []string{name, "own"}},
		{`200 "functionName":"report"`, `{"events":["SHUTDOWN","INVOKE"]}`, []string{name, "external"}},
		{"403 State transition from Registered to Registered failed", `{"events":[]}`, []string{name, "external"}},
		{`200 "accountId":"111122223333"`, `{}`, []string{name, "own", "Lambda-Extension-Accept-Feature", "other, accountId"}},
		{"403 already registered", `{}`, []string{name, "own"}},
	} {
		extensionOf(t, w).expect(c.want, "POST", "register", c.body, c.header...)
	}
	for range extensionLimit - 2 {
		extensionOf(t, w).expect("200 handler", "POST", "register", `{}`, name, NewID())
	}
	extensionOf(t, w).expect("403 Extension.TooManyExtensions", "POST", "register", `{}`, name, "one more")
	go func() { _, _ = w.next(t.Context()) }()
	eventuallyLocked(t, s, "the runtime becomes ready", func() bool { return s.idle })
	extensionOf(t, w).expect("403 Extension.RegistrationClosed", "POST", "register", `{}`, name, "late")
}

func eventuallyTrue(condition func() bool) bool {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if condition() {
			return true
		}
	}
	return false
}

// eventuallyLocked waits for a state of a server.
func eventuallyLocked(t *testing.T, s *Server, what string, state func() bool) {
	t.Helper()
	if !eventuallyTrue(func() bool { s.mu.Lock(); defer s.mu.Unlock(); return state() }) {
		t.Fatalf("never: %s", what)
	}
}

func TestExtensionsAreKnownByTheirIdentifier(t *testing.T) {
	for _, path := range []string{"GET event/next", "POST init/error", "POST exit/error"} {
		_, w := serve(t, Config{})
		x := extensionOf(t, w)
		method, path, _ := strings.Cut(path, " ")
		x.expect("403 Extension.MissingExtensionIdentifier", method, path, "")
		x.expect("403 Extension.InvalidExtensionIdentifier", method, path, "", "Lambda-Extension-Identifier", "me")
		x.expect("403 Extension.UnknownExtensionIdentifier", method, path, "", "Lambda-Extension-Identifier", NewID())
		x.expect("200 handler", "POST", "register", `{"events":[]}`, "Lambda-Extension-Name", "own")
		if method == "GET" {
			short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if text, err := x.call(short, method, path, ""); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("it does not wait: %s (%v)", text, err)
			}
			x.expect("403 State transition from Ready to Ready", method, path, "")
			continue
		}
		x.expect("403 Extension.MissingHeader", method, path, "{}")
		x.expect("202 OK", method, path, "{}", "Lambda-Extension-Function-Error-Type", "Fatal.X")
		x.expect("202 OK", method, path, "{}", "Lambda-Extension-Function-Error-Type", "Fatal.X")
	}
}

// TestInvocationsWaitForExtensions: an environment is ready when all have asked, and an invocation is over when those that
// take it have asked again; the answer does not wait.
func TestInvocationsWaitForExtensions(t *testing.T) {
	s, w := serve(t, Config{})
	x, bystander := extensionOf(t, w), extensionOf(t, w)
	x.expect("200 handler", "POST", "register", `{"events":["INVOKE"]}`, "Lambda-Extension-Name", "own")
	bystander.expect("200 handler", "POST", "register", `{"events":[]}`, "Lambda-Extension-Name", "bystander")
	ids := make(chan string, 2)
	go func() { id, _ := w.next(t.Context()); ids <- id }()
	result := invoke(t, s, Event{ID: "one"})
	events := make(chan string, 2)
	ask := func(x *extensionWire) { text, _ := x.call(t.Context(), "GET", "event/next", ""); events <- text }
	// An event is handed over once a channel is closed, which is done, if at all, as the last of the runtime and the extensions asks.
	asked := func(n int) bool {
		for _, x := range s.extensions.all {
			if x.state == extensionReady {
				n--
			}
		}
		return s.idle && n == 0
	}
	go ask(x)
	eventuallyLocked(t, s, "the runtime and an extension ask", func() bool { return asked(1) || s.isReady() })
	if s.isReady() || len(ids) > 0 {
		t.Fatal("an event is handed over though an extension is not ready")
	}
	go ask(bystander)
	if id := <-ids; id != "one" {
		t.Fatal(id)
	}
	if text := <-events; !strings.Contains(text, `"eventType":"INVOKE"`) || !strings.Contains(text, `"requestId":"one"`) {
		t.Error(text)
	}
	w.expect(202, "", "POST", "invocation/one/response", "1")
	if r := <-result; string(r.Payload) != "1" {
		t.Errorf("%+v", r)
	}
	go func() { id, _ := w.next(t.Context()); ids <- id }()
	invoke(t, s, Event{ID: "two"})
	over := false
	eventuallyLocked(t, s, "the runtime asks again", func() bool {
		over = s.current() == nil || s.current().isOver()
		return s.idle || over
	})
	if over || len(ids) > 0 {
		t.Fatal("an event is handed over though an extension is at work")
	}
	go ask(x)
	if id := <-ids; id != "two" {
		t.Fatal(id)
	}
}

// lifetime invokes a lambda that has extensions, and returns the results, what was printed, and how long its end took.
func lifetime(t *testing.T, how string, events []Event, change ...func(*Program)) (results []Result, printed, log string, end time.Duration) {
	t.Helper()
	var out, says buffer
	p := program(t, how, append(change, func(p *Program) { p.Stdout, p.Stderr, p.Log = &out, &out, &says })...)
	f := NewFunction(p, 1)
	for _, e := range events {
		r, err := f.Invoke(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, r)
	}
	began := time.Now()
	f.Close()
	return results, out.String(), says.String(), time.Since(began)
}

func TestExternalExtensions(t *testing.T) {
	t.Parallel()
	e := Event{ID: NewID(), Payload: []byte(`{}`)}
	results, printed, log, end := lifetime(t, "run", []Event{e}, extended(t, "watches", "idle"))
	if string(results[0].Payload) != "{}" {
		t.Errorf("%+v", results)
	}
	for _, want := range []string{
		"watches INVOKE " + e.ID + " arn:aws:lambda:us-east-1:012345678912:function:echo  false\n", "watches SHUTDOWN   spindown false\n",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in %s", want, printed)
		}
	}
	if strings.Contains(printed, "idle SHUTDOWN") || strings.Contains(printed, "idle INVOKE") {
		t.Errorf("an extension is told what it did not ask for: %s", printed)
	}
	if end > externalGrace {
		t.Errorf("the end took %s", end)
	}
	if !strings.Contains(log, "EXTENSION\tName: watches\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n") || !strings.Contains(log, "EXTENSION\tName: idle\tState: Ready\tEvents: []\n") {
		t.Error(log)
	}
}

// TestAnswersDoNotWaitForExtensions: the next invocation does, and the report has the time.
func TestAnswersDoNotWaitForExtensions(t *testing.T) {
	t.Parallel()
	var out buffer
	p := program(t, "run", extended(t, "held"), func(p *Program) { p.Stdout, p.Stderr = &out, &out })
	release := func(n int) {
		if err := os.WriteFile(filepath.Join(p.Dir, fmt.Sprintf("release-%d", n)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := NewFunction(p, 1)
	defer f.Close()
	if r, err := f.Invoke(t.Context(), Event{}); err != nil || r.FunctionError != "" { // else it would time out
		t.Fatalf("%+v %v", r, err)
	}
	var waited Result
	returned := make(chan error)
	go func() {
		var err error
		waited, err = f.Invoke(t.Context(), Event{LogTail: true})
		returned <- err
	}()
	release(1)
	if !eventuallyTrue(func() bool { return strings.Count(out.String(), "held INVOKE") == 2 }) {
		t.Fatal("the extension does not get the second event")
	}
	began := time.Now()
	f.mu.Lock()
	server := f.all[0].sandbox.Server
	f.mu.Unlock()
	eventuallyLocked(t, server, "the runtime has answered, and asks", func() bool { return strings.Count(out.String(), "event ") == 2 && server.idle })
	select {
	case err := <-returned:
		t.Fatalf("the report does not wait for the extension: %+v %v", waited, err)
	default:
	}
	held := time.Since(began)
	release(2)
	if err := <-returned; err != nil {
		t.Fatal(err)
	}
	if waited.Billed < held || waited.Billed <= waited.Duration || !strings.Contains(string(waited.Log), "END RequestId: "+waited.RequestID) {
		t.Errorf("held for %s, answered after %s, billed %s; %s", held, waited.Duration, waited.Billed, waited.Log)
	}
}

func TestExtensionsThatFail(t *testing.T) {
	short := func(p *Program) { p.initTimeout, p.Timeout = 400*time.Millisecond, 400*time.Millisecond }
	for name, c := range map[string]struct {
		event              Event
		errorType, message string
		log                string
	}{
		"dies":     {Event{}, "Extension.Crash", "exit status 4", "State: Started"},
		"crashes":  {Event{Payload: []byte(`{"ms":5000}`)}, "Extension.Crash", "exit status 3", "Extension.Crash\nEND"},
		"gives-up": {Event{Payload: []byte(`{"ms":5000}`)}, "Extension.ExitError", "Fatal.Tired", "Extension.ExitError\nEND"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			results, printed, log, _ := lifetime(t, "run", []Event{c.event}, extended(t, name))
			if r := results[0]; r.ErrorType != c.errorType || !strings.Contains(string(r.Payload), c.message) || !strings.Contains(log, c.log) {
				t.Errorf("%s %s\n%s\n%s", r.ErrorType, r.Payload, printed, log)
			}
		})
	}
	t.Run("cannot start", func(t *testing.T) {
		t.Parallel()
		results, _, log, _ := lifetime(t, "run", []Event{{}}, extended(t, "broken"), func(p *Program) { breakExtension(t, p, "broken") })
		if r := results[0]; r.ErrorType != "Extension.LaunchError" || !strings.Contains(log, "Name: broken\tState: LaunchError\tEvents: []\tError Type: PermissionDenied") {
			t.Errorf("%s %s\n%s", r.ErrorType, r.Payload, log)
		}
	})
	t.Run("timeout", func(t *testing.T) {
		t.Parallel()
		_, printed, _, _ := lifetime(t, "run", []Event{{Payload: []byte(`{"ms":5000}`)}}, extended(t, "watches"), short)
		if !strings.Contains(printed, "watches SHUTDOWN   timeout false") {
			t.Error(printed)
		}
	})
	t.Run("program crash", func(t *testing.T) {
		t.Parallel()
		_, printed, _, _ := lifetime(t, "run", []Event{do("exit")}, extended(t, "watches"))
		if !strings.Contains(printed, "watches SHUTDOWN   failure false") {
			t.Error(printed)
		}
	})
	t.Run("deaf", func(t *testing.T) {
		t.Parallel()
		_, printed, _, end := lifetime(t, "run", []Event{{}}, extended(t, "deaf"))
		if !strings.Contains(printed, "deaf SHUTDOWN") || end < externalGrace/2 || end > externalGrace+2*time.Second {
			t.Errorf("%s after %s", printed, end)
		}
	})
}

// TestTermination: SIGTERM comes to a program that has an extension of its own, and to no other.
func TestTermination(t *testing.T) {
	for how, want := range map[string][2]time.Duration{"internal": {0, internalGrace}, "internal deaf": {internalGrace, 4 * internalGrace}, "run": {0, internalGrace}} {
		for _, supervised := range []bool{true, false} {
			t.Run(how, func(t *testing.T) {
				t.Parallel()
				_, printed, _, end := lifetime(t, how, []Event{{}}, func(p *Program) {
					if !supervised {
						p.Supervisor = nil
					}
				})
				if strings.Contains(printed, "terminated") != (how != "run") || end < want[0] || end > want[1]+3*time.Second {
					t.Errorf("%q after %s", printed, end)
				}
			})
		}
	}
}

func TestExtensionsHaveNotAllVariables(t *testing.T) {
	env := forExtensions(Config{}.Environment("127.0.0.1:1", "/task", limits.Opt))
	for _, v := range env {
		for _, name := range []string{"_HANDLER", "LAMBDA_", "AWS_LAMBDA_LOG_GROUP", "AWS_LAMBDA_LOG_STREAM"} {
			if strings.HasPrefix(v, name) {
				t.Error(v)
			}
		}
	}
	if !slices.Contains(env, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:1") {
		t.Error(env)
	}
}

// TestCloseDuringTheStart does not wait for an extension that never registers.
func TestCloseDuringTheStart(t *testing.T) {
	f := NewFunction(program(t, "run", extended(t, "silent")), 1)
	result := make(chan Result, 1)
	go func() {
		r, _ := f.Invoke(t.Context(), Event{})
		result <- r
	}()
	if !eventuallyTrue(func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.all) == 1 && f.all[0].stop != nil }) {
		t.Fatal("no start")
	}
	time.Sleep(50 * time.Millisecond)
	began := time.Now()
	f.Close()
	if took := time.Since(began); took > externalGrace+2*time.Second {
		t.Errorf("the end took %s", took)
	}
	if r := <-result; r.ErrorType != "Sandbox.Closed" {
		t.Errorf("%+v", r)
	}
}
