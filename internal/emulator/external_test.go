package emulator

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// player is a runtime that a test plays by hand.
type player struct {
	t   *testing.T
	url string
}

// next asks for an event, and returns its id and the event.
func (p player) next(ctx context.Context) (id, event string, err error) {
	req, err := http.NewRequestWithContext(ctx, "GET", p.url+"/2018-06-01/runtime/invocation/next", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.Header.Get("Lambda-Runtime-Aws-Request-Id"), string(b), err
}

func (p player) answer(id, body string) {
	p.t.Helper()
	if resp, _ := send(p.t, p.url+"/2018-06-01/runtime/invocation/"+id+"/response", body); resp.StatusCode != 202 {
		p.t.Error(resp.Status)
	}
}

// register registers an extension, as runtimes do for a graceful end, which waits as long as ctx lives.
func (p player) register(ctx context.Context) int {
	p.t.Helper()
	resp, _ := send(p.t, p.url+"/2020-01-01/extension/register", `{"events":[]}`, "Lambda-Extension-Name", "graceful")
	req, err := http.NewRequestWithContext(ctx, "GET", p.url+"/2020-01-01/extension/event/next", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Lambda-Extension-Identifier", resp.Header.Get("Lambda-Extension-Identifier"))
	go func() {
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
		}
	}()
	return resp.StatusCode
}

func external(t *testing.T) (*External, player) {
	x := NewExternal(Config{Timeout: time.Hour})
	web := httptest.NewServer(x.Handler())
	t.Cleanup(func() { x.Close(); web.CloseClientConnections(); web.Close() })
	return x, player{t, web.URL}
}

// invoke sends an event, and returns where its result comes.
func invokeExternal(t *testing.T, x *External, event string) chan Result {
	results := make(chan Result, 1)
	go func() {
		r, err := x.Invoke(t.Context(), Event{Payload: []byte(event)})
		if err != nil {
			r.ErrorType = err.Error()
		}
		results <- r
	}()
	return results
}

func TestAnEventWaitsForAProgramThatConnects(t *testing.T) {
	x, p := external(t)
	first := invokeExternal(t, x, `1`)
	if p.register(t.Context()) != 200 {
		t.Error("it cannot register")
	}
	id, event, err := p.next(t.Context())
	if err != nil || event != `1` {
		t.Fatalf("%q, %v", event, err)
	}
	p.answer(id, `"done"`)
	if r := <-first; string(r.Payload) != `"done"` || r.FunctionError != "" {
		t.Errorf("%+v", r)
	}
}

// TestAProgramThatWaitedIsStartedAgain: what a debugger does when its user presses stop and start.
func TestAProgramThatWaitedIsStartedAgain(t *testing.T) {
	x, p := external(t)
	for range 3 {
		ctx, stop := context.WithCancel(t.Context())
		if got := p.register(ctx); got != 200 {
			t.Fatalf("register: %d", got)
		}
		ended := make(chan error, 1)
		go func() { _, _, err := p.next(ctx); ended <- err }()
		x.mu.Lock()
		server := x.now
		x.mu.Unlock()
		<-server.ready
		stop()
		if err := <-ended; err == nil {
			t.Error("an event came from nowhere")
		}
		<-server.Gone()
	}
	result := invokeExternal(t, x, `2`)
	p.register(t.Context())
	id, event, err := p.next(t.Context())
	if err != nil || event != `2` {
		t.Fatal(event, err)
	}
	p.answer(id, `3`)
	if r := <-result; string(r.Payload) != `3` {
		t.Errorf("%s", r.Payload)
	}
}

// TestAProgramThatWorkedIsStartedAgain: its event fails, and the next one goes to the program that began anew.
func TestAProgramThatWorkedIsStartedAgain(t *testing.T) {
	for name, begin := range map[string]func(p player){"with an extension": func(p player) { p.register(p.t.Context()) }, "without": func(player) {}} {
		t.Run(name, func(t *testing.T) {
			x, p := external(t)
			begin(p)
			lost := invokeExternal(t, x, `1`)
			if _, event, err := p.next(t.Context()); err != nil || event != `1` {
				t.Fatal(event, err)
			}
			begin(p)
			type asked struct{ id, event string }
			second := make(chan asked, 1)
			go func() { id, event, _ := p.next(t.Context()); second <- asked{id, event} }()
			if r := <-lost; r.FunctionError == "" || !strings.Contains(string(r.Payload), "started again") {
				t.Errorf("%s", r.Payload)
			}
			result := invokeExternal(t, x, `2`)
			got := <-second
			if got.event != `2` {
				t.Fatal(got)
			}
			p.answer(got.id, `3`)
			if r := <-result; string(r.Payload) != `3` {
				t.Errorf("%s", r.Payload)
			}
		})
	}
}

func TestEventsEndWithAnExternalFunction(t *testing.T) {
	x, _ := external(t)
	waiting := invokeExternal(t, x, `1`)
	x.Close()
	x.Close()
	if r := <-waiting; r.ErrorType != ErrClosed.Error() {
		t.Errorf("%+v", r)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the caller is gone")
	cancel(gone)
	open, _ := external(t)
	if _, err := open.Invoke(ctx, Event{}); !errors.Is(err, gone) {
		t.Error(err)
	}
}

// TestAnEventOutlivesAProgramThatNeverAskedForIt: one that was ended while it started, such as at a breakpoint.
func TestAnEventOutlivesAProgramThatNeverAskedForIt(t *testing.T) {
	x, p := external(t)
	p.register(t.Context())
	result := invokeExternal(t, x, `1`)
	p.register(t.Context())
	id, event, err := p.next(t.Context())
	if err != nil || event != `1` {
		t.Fatal(event, err)
	}
	p.answer(id, `2`)
	if r := <-result; string(r.Payload) != `2` {
		t.Errorf("%s", r.Payload)
	}
}
