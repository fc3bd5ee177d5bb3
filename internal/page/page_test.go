package page

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"lpipe/internal/emulator"
	"lpipe/internal/route"
)

// echo answers with its event, in a stream where it can.
type echo struct{ err error }

func (echo) Config() emulator.Config { return emulator.Config{} }

func (f echo) Invoke(_ context.Context, e emulator.Event) (emulator.Result, error) {
	if e.Stream != nil {
		w := e.Stream("text/plain")
		for range 3 {
			if _, err := w.Write(e.Payload); err != nil {
				return emulator.Result{}, err
			}
		}
		return emulator.Result{Streamed: true}, nil
	}
	r := emulator.Result{Payload: e.Payload, Init: 12 * time.Millisecond}
	if strings.Contains(string(e.Payload), "fail") {
		r.FunctionError, r.ErrorType = "Unhandled", "Runtime.ExitError"
	}
	return r, f.err
}

type host struct {
	state State
	f     emulator.Invoker
}

func (h *host) State() State { return h.state }
func (h *host) Version() int { return 7 }
func (h *host) Function(lambda string) (emulator.Invoker, bool) {
	return h.f, lambda == "orders"
}

var began = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func newHost() *host {
	return &host{f: echo{}, state: State{
		Lambdas: []Lambda{{Name: "orders", URL: "/lambda-url/orders/", Since: began, Output: "one\x1b[31m<script>\n"}, {Name: "users", URL: "/lambda-url/users/"}},
		Routes:  route.Table{{API: route.API{Service: route.HTTP}, Method: "GET", Path: "/orders/{id}", Lambda: "orders", Origin: "template.yaml:3"}},
		Build: Build{Began: began, Ended: began.Add(4 * time.Second), Err: "error[E0425]: cannot find value `x<y>`", Steps: []Step{
			{Name: "before", Start: began.Add(-2 * time.Minute), End: began.Add(-time.Minute)},
			{Name: "fetch", Start: began, End: began.Add(time.Second), Cached: true},
			{Name: "compile", Start: began.Add(time.Second), End: began.Add(4 * time.Second)},
		}},
	}}
}

// ask sends "METHOD PATH" with a form, and headers in pairs.
func ask(t *testing.T, h http.Handler, line string, form url.Values, headers ...string) (*http.Response, string) {
	t.Helper()
	method, path, _ := strings.Cut(line, " ")
	r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost:9000"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

func TestThePageShowsWhatThereIs(t *testing.T) {
	resp, body := ask(t, Handler(newHost(), &Recorder{}), "GET "+Root, nil)
	for _, want := range []string{
		"orders</h3>", "not built", `href="/lambda-url/users/"`, "<code>/orders/{id}</code>", "template.yaml:3",
		"failed</span> at 05:06:11, after 4.00 s", "cannot find value `x&lt;y&gt;`", "one&lt;script&gt;",
		`<rect x="250.0" width="750.0"`, `<rect x="0.0" width="250.0" y="0" height="10" class="cached"/>`, "<option>s3-event-null</option>", "None yet: call a lambda",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("there is no %q in\n%s", want, body)
		}
	}
	if resp.StatusCode != 200 || strings.Contains(body, "before</th>") {
		t.Errorf("%s, and a step of before this build is shown", resp.Status)
	}
}

func TestAnEventIsSentAndKept(t *testing.T) {
	recorder := &Recorder{}
	h := Handler(newHost(), recorder)
	resp, _ := ask(t, h, "POST "+Root+"invoke", url.Values{"lambda": {"orders"}, "event": {`{"a":["<b>"]}`}})
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/_lpipe/invocations/1" {
		t.Fatal(resp.Status, resp.Header)
	}
	_, body := ask(t, h, "GET /_lpipe/invocations/1", nil)
	const indented = "{\n  &#34;a&#34;: [\n    &#34;&lt;b&gt;&#34;\n  ]\n}"
	if strings.Count(body, indented) != 3 || !strings.Contains(body, "<dd>12.0 ms</dd>") || !strings.Contains(body, "answered") { // answer, event, and the form to send it again
		t.Error(body)
	}
	_, _ = ask(t, h, "POST "+Root+"invoke", url.Values{"lambda": {"orders"}, "event": {`"fail"`}})
	_, body = ask(t, h, "GET "+Root, nil)
	if !strings.Contains(body, `<a href="/_lpipe/invocations/2">2</a></td><td>orders`) || !strings.Contains(body, `<span class="state bad">Runtime.ExitError</span>`) {
		t.Error(body)
	}
	if resp, _ := ask(t, h, "GET /_lpipe/invocations/3", nil); resp.StatusCode != 404 {
		t.Error(resp.Status)
	}
}

func TestWhatIsNoEventIsShownAgain(t *testing.T) {
	recorder := &Recorder{}
	h := Handler(newHost(), recorder)
	for _, c := range []struct{ lambda, event, want string }{
		{"orders", `{"a": <`, "invalid character"}, {"none", "{}", "no lambda of this name"}, {"orders", "\"\xff\"", "not UTF-8"}, {"orders", `"` + strings.Repeat("x", emulator.EventLimit) + `"`, "up to 6 MiB"},
	} {
		resp, body := ask(t, h, "POST "+Root+"invoke", url.Values{"lambda": {c.lambda}, "event": {c.event}})
		shown, _, _ := strings.Cut(c.event, "\xff")
		if resp.StatusCode != 400 || !strings.Contains(body, c.want) || !strings.Contains(body, strings.ReplaceAll(strings.ReplaceAll(shown, `"`, "&#34;"), "<", "&lt;")) {
			t.Errorf("%.40s: %s", c.event, resp.Status)
		}
	}
	if len(recorder.Last()) > 0 {
		t.Error("something was invoked")
	}
}

func TestExamplesFillTheForm(t *testing.T) {
	h := Handler(newHost(), &Recorder{})
	_, body := ask(t, h, "GET /_lpipe/?lambda=users&example=sqs-event", nil)
	if !strings.Contains(body, "aws:sqs") || !strings.Contains(body, "<option selected>users</option>") || !strings.Contains(body, "<option selected>sqs-event</option>") {
		t.Error(body)
	}
	if resp, body := ask(t, h, "GET /_lpipe/examples/sqs-event", nil); resp.StatusCode != 200 || !strings.Contains(body, `"aws:sqs"`) {
		t.Error(resp.Status)
	}
	if resp, _ := ask(t, h, "GET /_lpipe/examples/..%2fexamples", nil); resp.StatusCode != 404 {
		t.Error(resp.Status)
	}
}

// TestOtherPagesCannotCommand: any page that a browser shows may post a form to this machine.
func TestOtherPagesCannotCommand(t *testing.T) {
	recorder := &Recorder{}
	h := Handler(newHost(), recorder)
	form := url.Values{"lambda": {"orders"}, "event": {"{}"}}
	for _, headers := range [][]string{
		{"Origin", "https://evil.example"},
		{"Origin", "http://localhost:3000"},
		{"Origin", "null"},
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site", "Origin", "http://localhost:3000"},
	} {
		if resp, _ := ask(t, h, "POST "+Root+"invoke", form, headers...); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%q: %s", headers, resp.Status)
		}
	}
	if resp, _ := ask(t, h, "GET "+Root+"invoke?lambda=orders&event=1", nil); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Error(resp.Status)
	}
	if len(recorder.Last()) > 0 {
		t.Error("something was invoked")
	}
	if resp, _ := ask(t, h, "POST "+Root+"invoke", form, "Origin", "http://localhost:9000", "Sec-Fetch-Site", "same-origin"); resp.StatusCode != http.StatusSeeOther {
		t.Error(resp.Status)
	}
}

var inline = regexp.MustCompile(`(?i)<script[^>]*>[^<]|\son\w+=|\sstyle=|<style|https?://`)

// TestThePageNeedsNothingElse: all that it loads is its own, and nothing in it is script or style but the two files.
func TestThePageNeedsNothingElse(t *testing.T) {
	h := Handler(newHost(), &Recorder{})
	for _, path := range []string{Root, Root + "invocations/9", Root + "style.css", Root + "page.js", Root + "version"} {
		resp, body := ask(t, h, "GET "+path, nil)
		policy := resp.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Cross-Origin-Resource-Policy") != "same-origin" {
			t.Errorf("%s: %q", path, resp.Header)
		}
		if found := inline.FindString(body); strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") && found != "" {
			t.Errorf("%s has %q", path, found)
		}
	}
}

func TestStreamsArePassedOnAndKept(t *testing.T) {
	recorder := &Recorder{}
	f := recorder.Watch(echo{}, "orders")
	var out strings.Builder
	if _, err := f.Invoke(t.Context(), emulator.Event{Payload: []byte("abc"), Stream: func(string) io.Writer { return &out }}); err != nil {
		t.Fatal(err)
	}
	if got := recorder.Last()[0]; out.String() != "abcabcabc" || string(got.Answer.Bytes) != "abcabcabc" || got.Answer.Cut {
		t.Errorf("%q, kept %q", out.String(), got.Answer.Bytes)
	}
}

func TestOfManyInvocationsTheLastAreKept(t *testing.T) {
	recorder := &Recorder{}
	f := recorder.Watch(echo{errors.New("closed")}, "orders")
	for i := range 3 * kept {
		_, _ = f.Invoke(t.Context(), emulator.Event{Payload: fmt.Append(nil, i)})
	}
	large := []byte(`"` + strings.Repeat("x", 2*keptBytes) + `"`)
	_, _ = f.Invoke(t.Context(), emulator.Event{Payload: large})
	all := recorder.Last()
	if len(all) != kept || all[0].ID != 3*kept+1 || all[1].ID != 3*kept || all[1].Err != "closed" || string(all[1].Event.Bytes) != fmt.Sprint(3*kept-1) {
		t.Errorf("%d, first %d", len(all), all[0].ID)
	}
	if e := all[0].Event; len(e.Bytes) != keptBytes || !e.Cut {
		t.Errorf("%d bytes, cut %v", len(e.Bytes), e.Cut)
	}
	if recorder.Changes() != 2*(3*kept+1) {
		t.Error(recorder.Changes())
	}
}

func TestTheLastOutputIsKeptFromALineOn(t *testing.T) {
	var all strings.Builder
	tail := &Tail{W: &all}
	for i := range 5000 {
		fmt.Fprintf(tail, "line %d\n", i)
	}
	got := tail.String()
	if len(got) > tailBytes || len(got) < tailBytes-40 || !strings.HasPrefix(got, "line ") || !strings.HasSuffix(all.String(), got) {
		t.Errorf("%d bytes: %.20s", len(got), got)
	}
}

func TestTimingsAreAPageOfTheirOwn(t *testing.T) {
	at := func(s int) time.Time { return began.Add(time.Duration(s) * time.Second) }
	var b strings.Builder
	err := WriteTimings(&b, Timings{
		Command: "lpipe build <b>", Version: "v1", Began: began, Ended: at(40), Failed: true,
		Work: []Step{{Name: "plan", Start: began, End: at(1)}},
		Steps: []Step{
			{Name: "[deps] compile", Start: at(2), End: at(20), Waited: 700 * time.Millisecond, Critical: true, Crates: []Crate{{"itoa v1.0.0", at(3)}, {"x<y> v1", at(5)}}},
			{Name: "base \x1b[31mimage", Start: at(1), End: at(1), Cached: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{
		"<title>lpipe build &lt;b&gt;: where the time went</title>", ">failed</span>", "They ran for 18.00 s.", "<strong>[deps] compile</strong>", `<td class="number">700.0 ms</td>`,
		`<rect x="50.0" width="450.0"`,                          // of the whole run
		`<rect x="55.6" width="111.1"`,                          // itoa, of its step, until the next began
		"x&lt;y&gt; v1</th>", `<td class="number">15.00 s</td>`, // and the last one until the end
		`<td class="number">cached</td>`, "prefers-color-scheme: dark",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if outside := regexp.MustCompile(`(src|href|action)="[^d]|url\(|@import|<script|\x1b`).FindString(text); outside != "" {
		t.Errorf("the page needs, or holds, %q", outside)
	}
}
