package emulator

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpipe/internal/pattern"
	"lpipe/internal/testparts/require"
)

// stub answers with what the test says.
type stub func(Event) (Result, error)

func (s stub) Invoke(_ context.Context, e Event) (Result, error) { return s(e) }
func (s stub) Config() Config                                    { return Config{Name: "echo"} }

func api(t *testing.T, f Invoker, log io.Writer) (*API, string) {
	a := &API{Log: log, Lookup: func(name string) (Invoker, bool) { return f, name == "echo" }}
	web := httptest.NewServer(a.Handler())
	t.Cleanup(web.Close)
	return a, web.URL
}

// send posts and returns the response and its body.
func send(t *testing.T, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, strings.TrimSpace(string(b))
}

func TestInvokeAPI(t *testing.T) {
	var got Event
	_, base := api(t, stub(func(e Event) (Result, error) {
		got = e
		switch string(e.Payload) {
		case `"error"`:
			return Result{Payload: []byte(`{"errorType":"X"}`), FunctionError: "Unhandled"}, nil
		case `"busy"`:
			return Result{}, ErrThrottled
		case `"broken"`:
			return Result{}, errors.New("no such file")
		}
		return Result{Payload: e.Payload, Log: []byte("the log")}, nil
	}), nil)
	url := base + "/2015-03-31/functions/echo/invocations"
	b64 := base64.StdEncoding.EncodeToString
	for name, c := range map[string]struct {
		url, body string
		header    []string
		status    int
		want      string // in the body
		errorType string
	}{
		"an event":           {url, `{"a":1}`, nil, 200, `{"a":1}`, ""},
		"by ARN":             {base + "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A012345678912%3Afunction%3Aecho%3Alive/invocations", `1`, nil, 200, `1`, ""},
		"with an alias":      {base + "/2015-03-31/functions/echo:live/invocations?Qualifier=live", `1`, nil, 200, `1`, ""},
		"explicitly":         {url, `1`, []string{"X-Amz-Invocation-Type", "RequestResponse"}, 200, `1`, ""},
		"another alias":      {base + "/2015-03-31/functions/echo:live/invocations?Qualifier=dead", `1`, nil, 400, "does not match the specified qualifier", "InvalidParameterValueException"},
		"no alias":           {base + "/2015-03-31/functions/echo/invocations?Qualifier=a%20b", `1`, nil, 400, "not the name of a version or alias", "InvalidParameterValueException"},
		"an odd log":         {url, `1`, []string{"X-Amz-Log-Type", "Head"}, 400, "None or Tail", "InvalidParameterValueException"},
		"dry":                {url, `1`, []string{"X-Amz-Invocation-Type", "DryRun"}, 204, "", ""},
		"an odd type":        {url, `1`, []string{"X-Amz-Invocation-Type", "Later"}, 400, "RequestResponse, Event or DryRun", "InvalidParameterValueException"},
		"an error":           {url, `"error"`, nil, 200, `{"errorType":"X"}`, ""},
		"too many":           {url, `"busy"`, nil, 429, "Rate Exceeded", "TooManyRequestsException"},
		"no program":         {url, `"broken"`, nil, 500, "no such file", "ServiceException"},
		"not UTF-8":          {url, "\"\xff\"", nil, 400, "Could not parse", "InvalidRequestContentException"},
		"context not UTF-8":  {url, `1`, []string{"X-Amz-Client-Context", b64([]byte("\"\xff\""))}, 400, "base64", "InvalidRequestContentException"},
		"not JSON":           {url, `{`, nil, 400, "Could not parse", "InvalidRequestContentException"},
		"too large":          {url, `"` + strings.Repeat("x", EventLimit) + `"`, nil, 413, "6291456", "RequestTooLargeException"},
		"too large for that": {url, `"` + strings.Repeat("x", asyncLimit) + `"`, []string{"X-Amz-Invocation-Type", "Event"}, 413, "1048576", "RequestTooLargeException"},
		"no tenant":          {url, `1`, []string{"X-Amz-Tenant-Id", "a\tb"}, 400, "the tenant id is none", "InvalidParameterValueException"},
		"bad context":        {url, `1`, []string{"X-Amz-Client-Context", "{}"}, 400, "base64", "InvalidRequestContentException"},
		"unknown":            {base + "/2015-03-31/functions/other/invocations", `1`, nil, 404, "Function not found: other", "ResourceNotFoundException"},
		"another operation":  {base + "/2015-03-31/functions/", `1`, nil, 404, "only the invocation", "UnknownOperationException"},
		"a web page":         {url, `1`, []string{"Origin", "https://example.com"}, 403, "cross-origin", ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := send(t, c.url, c.body, c.header...)
			if resp.StatusCode != c.status || !strings.Contains(body, c.want) || resp.Header.Get("X-Amzn-ErrorType") != c.errorType {
				t.Errorf("%d %s %q", resp.StatusCode, body, resp.Header)
			}
			if wrong := resp.Header.Get("X-Amz-Function-Error"); (wrong == "Unhandled") != (name == "an error") {
				t.Errorf("function error %q", wrong)
			}
		})
	}
	resp, _ := send(t, url, "", "X-Amz-Client-Context", b64([]byte("{\n \"a\": \"b  c\"}")), "X-Amz-Tenant-Id", "t")
	if resp.Header["X-Amz-Log-Result"] != nil || got.LogTail {
		t.Errorf("a log that nobody asked for: %q", resp.Header)
	}
	if resp, _ := send(t, base+"/2015-03-31/functions/echo:live/invocations", "", "X-Amz-Log-Type", "Tail"); resp.Header.Get("X-Amz-Log-Result") != b64([]byte("the log")) || got.Qualifier != "live" {
		t.Errorf("%q %+v", resp.Header, got)
	}
	resp, _ = send(t, url, "", "X-Amz-Client-Context", b64([]byte("{\n \"a\": \"b  c\"}")), "X-Amz-Tenant-Id", "t")
	if got.ClientContext != `{"a":"b  c"}` || got.TenantID != "t" || got.ID == "" || resp.Header.Get("X-Amzn-RequestId") != got.ID {
		t.Errorf("%+v", got)
	}
}

func TestAsynchronousInvocation(t *testing.T) {
	var log buffer
	release := make(chan bool)
	a, base := api(t, stub(func(e Event) (Result, error) {
		<-release
		return Result{Payload: []byte("oh"), FunctionError: "Unhandled"}, nil
	}), &log)
	resp, body := send(t, base+"/2015-03-31/functions/echo/invocations", "{}", "X-Amz-Invocation-Type", "Event")
	if resp.StatusCode != 202 || body != "" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	close(release)
	a.Wait()
	if !strings.Contains(log.String(), "echo: asynchronous invocation "+resp.Header.Get("X-Amzn-RequestId")+" failed: oh") {
		t.Errorf("log %q", &log)
	}
}

// frames reads a stream of AWS's messages and checks their sums.
func frames(t *testing.T, b []byte) (events []string) {
	for len(b) > 0 {
		total, headers := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
		if crc32.ChecksumIEEE(b[:8]) != binary.BigEndian.Uint32(b[8:]) || crc32.ChecksumIEEE(b[:total-4]) != binary.BigEndian.Uint32(b[total-4:]) {
			t.Fatal("wrong checksum")
		}
		h := string(b[12 : 12+headers])
		kind := "InvokeComplete"
		if strings.Contains(h, "PayloadChunk") {
			kind = "PayloadChunk"
		}
		events = append(events, kind+" "+string(b[12+headers:total-4]))
		b = b[total:]
	}
	return events
}

func TestResponseStreamAPI(t *testing.T) {
	f := NewFunction(program(t, "run"), 2)
	defer f.Close()
	_, base := api(t, f, nil)
	url := base + "/2021-11-15/functions/echo/response-streaming-invocations"
	for what, want := range map[string][]string{
		"stream":       {"PayloadChunk first ", "PayloadChunk second", "InvokeComplete {}"},
		"reply":        {`PayloadChunk "v"`, "InvokeComplete {}"},
		"error":        {`InvokeComplete {"ErrorCode":"Unhandled","ErrorDetails":"{\"errorMessage\":\"bad\",\"errorType\":\"My.Error\"}"}`},
		"stream error": {"PayloadChunk half", `InvokeComplete {"ErrorCode":"Unhandled","ErrorDetails":"{\"errorMessage\":\"oh\"}"}`},
	} {
		resp, body := send(t, url, fmt.Sprintf(`{"do":%q,"value":"\"v\""}`, what))
		if got := frames(t, []byte(body)); !slices.Equal(got, want) || resp.Header.Get("Content-Type") != "application/vnd.amazon.eventstream" {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
}

// TestAsynchronousInvocationsWait where there is no room for them, and none is lost.
func TestAsynchronousInvocationsWait(t *testing.T) {
	var log, out buffer
	f := NewFunction(program(t, "run", func(p *Program) { p.Stdout = &out }), 1)
	a, base := api(t, f, &log)
	const n = 5
	for range n {
		resp, body := send(t, base+"/2015-03-31/functions/echo/invocations", `{"do":"count"}`, "X-Amz-Invocation-Type", "Event")
		if resp.StatusCode != http.StatusAccepted {
			t.Error(resp.Status, body)
		}
	}
	a.Wait()
	f.Close()
	if got := strings.Count(out.String(), "event count\n"); got != n || log.String() != "" {
		t.Errorf("%d events came through: %s", got, &log)
	}
}

// TestBodiesThatGrow: the limit is that of the event.
func TestBodiesThatGrow(t *testing.T) {
	invoked := 0
	web := httptest.NewServer(URL(stub(func(Event) (Result, error) { invoked++; return Result{Payload: []byte("{}")}, nil })))
	defer web.Close()
	for size, want := range map[int]int{4 << 20: 200, 5 << 20: 413} { // in base64 it is a third more
		if resp, body := send(t, web.URL, strings.Repeat("\xff", size)); resp.StatusCode != want {
			t.Errorf("%d bytes: %s %s", size, resp.Status, body)
		}
	}
	if resp, body := send(t, web.URL, strings.Repeat("<", 5<<20), "Content-Type", "text/html"); resp.StatusCode != http.StatusOK {
		t.Errorf("HTML: %s %s", resp.Status, body)
	}
	if invoked != 2 {
		t.Errorf("invoked %d times", invoked)
	}
}

func TestQueries(t *testing.T) {
	for raw, want := range map[string]string{
		"a=1&b=2&a=3": "map[a:[1 3] b:[2]]", "a": "map[a:[]]", "q=x;y&z=1;w": "map[q:[x;y] z:[1;w]]", "p=100%&q=%zz": "map[p:[100%] q:[%zz]]", "a=b=c&&": "map[a:[b=c]]", "a+b=c%20d": "map[a b:[c d]]",
	} {
		if got := fmt.Sprint(Query(raw)); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}

// TestDryStreams invoke nothing, and those that nobody waits for are refused.
func TestDryStreams(t *testing.T) {
	invoked := false
	_, base := api(t, stub(func(Event) (Result, error) { invoked = true; return Result{}, nil }), nil)
	for kind, status := range map[string]int{"DryRun": 204, "Event": 400} {
		resp, body := send(t, base+"/2021-11-15/functions/echo/response-streaming-invocations", "{}", "X-Amz-Invocation-Type", kind)
		if resp.StatusCode != status || invoked || (status == 204) != (body == "" && resp.Header.Get("X-Amzn-RequestId") != "") {
			t.Errorf("%s: %s %s", kind, resp.Status, body)
		}
	}
}

// TestTraces: a runtime is told a whole trace id, of the request that was made.
func TestTraces(t *testing.T) {
	whole := pattern.Of(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`)
	for given, want := range map[string]string{"": "", "nonsense": "", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;"} {
		if got := traceOf(given); !whole().MatchString(got) || !strings.HasPrefix(got, want) {
			t.Errorf("%q becomes %q", given, got)
		}
	}
	const sampled = "Root=1-a;Parent=b;Sampled=1;Lineage=c"
	if got := traceOf(sampled); got != sampled {
		t.Error(got)
	}
	var e Event
	web := httptest.NewServer(URL(stub(func(got Event) (Result, error) { e = got; return Result{Payload: []byte("{}")}, nil })))
	defer web.Close()
	send(t, web.URL, "")
	if !strings.HasPrefix(e.TraceID, "Root=1-") || !strings.Contains(string(e.Payload), `"x-amzn-trace-id":"`+e.TraceID+`"`) {
		t.Errorf("%s: %s", e.TraceID, e.Payload)
	}
}

func TestURLEvents(t *testing.T) {
	var got []byte
	web := httptest.NewServer(URL(stub(func(e Event) (Result, error) { got = e.Payload; return Result{Payload: []byte("{}")}, nil })))
	defer web.Close()
	req, _ := http.NewRequest("PUT", web.URL+"/a%20b/c?x=1&y=%26&x=2", strings.NewReader(`{"k":1}`))
	req.Header = http.Header{"Content-Type": {"application/json; charset=utf-8"}, "X-Many": {"a", "b"}, "Cookie": {"c=1; d=2"}, "User-Agent": {"test"}}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	var e URLEvent
	if err := json.Unmarshal(got, &e); err != nil {
		t.Fatal(err)
	}
	if e.Version != "2.0" || e.RawPath != "/a%20b/c" || e.RawQueryString != "x=1&y=%26&x=2" || e.Query["x"] != "1,2" || e.Query["y"] != "&" ||
		!slices.Equal(e.Cookies, []string{"c=1", "d=2"}) || e.Headers["x-many"] != "a,b" || e.Headers["cookie"] != "" || e.Headers["host"] == "" ||
		e.Body != `{"k":1}` || e.IsBase64Encoded {
		t.Errorf("%s", got)
	}
	c := e.RequestContext
	if c.HTTP != (URLRequest{"PUT", "/a%20b/c", "HTTP/1.1", "127.0.0.1", "test"}) || c.RequestID != resp.Header.Get("X-Amzn-RequestId") ||
		time.Since(time.UnixMilli(c.TimeEpoch)) > time.Minute || !strings.HasSuffix(c.Time, " +0000") {
		t.Errorf("%+v", c)
	}
	for contentType, want := range map[string]bool{
		"text/plain": false, "application/vnd.api+json": false, "application/octet-stream": true, "application/x-www-form-urlencoded": true, "": true,
	} {
		send(t, web.URL, "a=b", "Content-Type", contentType)
		var e URLEvent
		if err := json.Unmarshal(got, &e); err != nil {
			t.Fatal(err)
		}
		if e.IsBase64Encoded != want || want && e.Body != "YT1i" || !want && e.Body != "a=b" {
			t.Errorf("%s: %q, base64 %v", contentType, e.Body, e.IsBase64Encoded)
		}
	}
	if resp, _ := send(t, web.URL, strings.Repeat("x", EventLimit+1)); resp.StatusCode != 413 {
		t.Errorf("a large request: %d", resp.StatusCode)
	}
}

func TestURLResponses(t *testing.T) {
	var result Result
	var wrong error
	web := httptest.NewServer(URL(stub(func(Event) (Result, error) { return result, wrong })))
	defer web.Close()
	for payload, c := range map[string]struct {
		status      int
		contentType string
		body        string
	}{
		`{"statusCode":201,"headers":{"Content-Type":"text/html","X-N":3},"cookies":["a=b; Secure","c=d"],"body":"<p>"}`: {201, "text/html", "<p>"},
		`{"statusCode":200,"body":"aGk=","isBase64Encoded":true}`:                                                        {200, "application/json", "hi"},
		`{"statusCode":204,"headers":{"Content-Length":"7"}}`:                                                            {204, "application/json", ""},
		`{"message":"hi"}`:   {200, "application/json", `{"message":"hi"}`},
		`"hi"`:               {200, "application/json", `"hi"`},
		`[1]`:                {200, "application/json", `[1]`},
		`{"statusCode":99}`:  {502, "application/json", `{"Message":"Internal Server Error"}`},
		`{"statusCode":"x"}`: {502, "application/json", `{"Message":"Internal Server Error"}`},
		`{"statusCode":200,"body":"%","isBase64Encoded":true}`: {502, "application/json", `{"Message":"Internal Server Error"}`},
	} {
		result = Result{Payload: []byte(payload)}
		resp, body := send(t, web.URL, "")
		if resp.StatusCode != c.status || resp.Header.Get("Content-Type") != c.contentType || body != c.body {
			t.Errorf("%s: %d %s %s", payload, resp.StatusCode, resp.Header.Get("Content-Type"), body)
		}
		if c.status == 201 && (resp.Header.Get("X-N") != "3" || !slices.Equal(resp.Header["Set-Cookie"], []string{"a=b; Secure", "c=d"})) {
			t.Errorf("%q", resp.Header)
		}
	}
	result = Result{FunctionError: "Unhandled", Payload: []byte(`{"statusCode":200}`)}
	if resp, _ := send(t, web.URL, ""); resp.StatusCode != 502 {
		t.Errorf("a function error: %d", resp.StatusCode)
	}
	wrong = ErrThrottled
	if resp, _ := send(t, web.URL, ""); resp.StatusCode != 429 {
		t.Errorf("too many calls: %d", resp.StatusCode)
	}
	wrong = errors.New("no")
	if resp, _ := send(t, web.URL, ""); resp.StatusCode != 500 {
		t.Errorf("no program: %d", resp.StatusCode)
	}
}

// TestURLStreams sends the event as a body's text, which the test runtime finds in the event's body: so the URL's
// events are unwrapped first.
func TestURLStreams(t *testing.T) {
	f := NewFunction(program(t, "run"), 2)
	defer f.Close()
	web := httptest.NewServer(URL(unwrap{f}))
	defer web.Close()
	resp, body := send(t, web.URL, `{"do":"stream http","value":"streamed"}`, "Content-Type", "application/json")
	if resp.StatusCode != 201 || body != "streamed" || resp.Header.Get("X-A") != "b" || resp.Header.Get("Set-Cookie") != "c=d" {
		t.Errorf("%d %s %q", resp.StatusCode, body, resp.Header)
	}
	resp, body = send(t, web.URL, `{"do":"stream"}`, "Content-Type", "application/json")
	if resp.StatusCode != 200 || body != "first second" || resp.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%d %s %q", resp.StatusCode, body, resp.Header)
	}
	// An error in the middle cuts the response short, so that no client takes it for whole.
	broken, err := http.Post(web.URL, "application/json", strings.NewReader(`{"do":"stream error"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Body.Close()
	if b, err := io.ReadAll(broken.Body); !errors.Is(err, io.ErrUnexpectedEOF) || string(b) != "half" {
		t.Errorf("%q %v", b, err)
	}
	// A caller that hangs up leaves the function alive.
	ctx, hangUp := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "POST", web.URL, strings.NewReader(`{"do":"stream"}`))
	req.Header.Set("Content-Type", "application/json")
	resp, err = http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.ReadFull(resp.Body, make([]byte, len("first ")))
	hangUp()
	resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	for under := 1; under > 0; time.Sleep(10 * time.Millisecond) {
		f.mu.Lock()
		under = 0
		for _, s := range f.all {
			under += s.calls
		}
		f.mu.Unlock()
	}
	if r, err := f.Invoke(t.Context(), do("count")); err != nil || !strings.HasPrefix(string(r.Payload), "[5,") {
		t.Errorf("after the hang-up: %s %v", r.Payload, err)
	}
}

// TestClientsThatDoNotRead: who takes no more of a stream holds the function for its time, and no longer.
func TestClientsThatDoNotRead(t *testing.T) {
	const event = `{"do":"stream much"}`
	for _, target := range []string{"/2021-11-15/functions/echo/response-streaming-invocations", "/"} {
		f := NewFunction(program(t, "run", func(p *Program) { p.Timeout, p.Memory = time.Second, 1024 }), 1)
		handler := (&API{Lookup: func(string) (Invoker, bool) { return f, true }}).Handler()
		if target == "/" {
			handler = URL(unwrap{f})
		}
		web := httptest.NewServer(handler)
		c, err := net.Dial("tcp", web.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", target, len(event), event)
		begun := make([]byte, len("HTTP/1.1 200 OK"))
		if _, err := io.ReadFull(c, begun); err != nil || string(begun) != "HTTP/1.1 200 OK" {
			t.Fatalf("%s: %q %v", target, begun, err)
		}
		answered := eventuallyTrue(func() bool {
			r, err := f.Invoke(t.Context(), do("count"))
			return err == nil && strings.HasPrefix(string(r.Payload), "[1,")
		})
		if !answered {
			t.Errorf("%s: the function takes no other call", target)
		}
		c.Close()
		f.Close()
		web.Close()
	}
}

// unwrap invokes a function with the body of a URL's event.
type unwrap struct{ Invoker }

func (u unwrap) Invoke(ctx context.Context, e Event) (Result, error) {
	var event URLEvent
	if err := json.Unmarshal(e.Payload, &event); err != nil {
		return Result{}, err
	}
	e.Payload = []byte(event.Body)
	return u.Invoker.Invoke(ctx, e)
}

func TestPreludes(t *testing.T) {
	for name, c := range map[string]struct {
		pieces []string
		begun  bool
		status int
		body   string
	}{
		"whole":        {[]string{`{"statusCode":202}` + "\x00\x00\x00\x00\x00\x00\x00\x00body"}, true, 202, "body"},
		"in pieces":    {[]string{`{"statusCode":`, `202}` + "\x00\x00\x00", "\x00\x00\x00\x00\x00b", "ody"}, true, 202, "body"},
		"empty object": {[]string{"{}\x00\x00\x00\x00\x00\x00\x00\x00"}, true, 200, ""},
		"not JSON":     {[]string{"hi\x00\x00\x00\x00\x00\x00\x00\x00body"}, false, 200, ""},
		"no end":       {[]string{"{}"}, false, 200, ""},
		"too long":     {[]string{strings.Repeat(" ", preludeLimit+1)}, false, 200, ""},
		"bad status":   {[]string{`{"statusCode":7}` + "\x00\x00\x00\x00\x00\x00\x00\x00"}, false, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			s := &urlStream{w: rec, flush: func() error { return nil }}
			for _, p := range c.pieces {
				if _, err := io.WriteString(s, p); err != nil {
					break
				}
			}
			if s.begun != c.begun || rec.Code != c.status || rec.Body.String() != c.body {
				t.Errorf("begun %v, %d %q", s.begun, rec.Code, rec.Body)
			}
		})
	}
}

func FuzzURLResponse(f *testing.F) {
	f.Add([]byte(`{"statusCode":200,"headers":{"a":"b","c":[1]},"cookies":["x"],"body":"aGk=","isBase64Encoded":true}`))
	f.Add([]byte(`{"statusCode":101,"headers":{"\n":"\r\n"}}`))
	f.Add(append([]byte(`{"statusCode":201}`), preludeEnd...))
	f.Fuzz(func(t *testing.T, payload []byte) {
		AnswerURL(httptest.NewRecorder(), payload)
		s := &urlStream{w: httptest.NewRecorder(), flush: func() error { return nil }}
		_, _ = s.Write(payload)
	})
}

func FuzzURLEvent(f *testing.F) {
	f.Add("/a?b=c&b", "text/plain", []byte("x"), "c=d; e")
	f.Fuzz(func(t *testing.T, target, contentType string, body []byte, cookie string) {
		req, err := http.NewRequest("POST", "http://localhost", nil)
		if err != nil {
			t.Fatal(err)
		}
		if req.URL, err = req.URL.Parse(target); err != nil {
			return
		}
		req.Header = http.Header{"Content-Type": {contentType}, "Cookie": {cookie}}
		b, err := json.Marshal(NewURLEvent(req, body, "id", time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		var e URLEvent
		if err := json.Unmarshal(b, &e); err != nil {
			t.Fatal(err)
		}
		got := []byte(e.Body)
		if e.IsBase64Encoded {
			if got, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, body) {
			t.Errorf("body %q became %q", body, got)
		}
	})
}

// TestWithTheAWSCLI invokes by the command that people use.
func TestWithTheAWSCLI(t *testing.T) {
	version, err := exec.Command("aws", "--version").CombinedOutput()
	require.Part(t, err == nil, "the AWS CLI", "apt-get install awscli")
	f := NewFunction(program(t, "run"), 2)
	defer f.Close()
	_, base := api(t, f, nil)
	out := filepath.Join(t.TempDir(), "out.json")
	invoke := func(payload string) (string, string) {
		cmd := exec.Command("aws", "lambda", "invoke", "--endpoint-url", base, "--function-name", "echo", "--payload", payload,
			"--client-context", base64.StdEncoding.EncodeToString([]byte(`{"k":"v"}`)), "--log-type", "Tail", "--qualifier", "live", out)
		if strings.HasPrefix(string(version), "aws-cli/2") {
			cmd.Args = append(cmd.Args, "--cli-binary-format", "raw-in-base64-out")
		}
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "AWS_DEFAULT_REGION=us-east-1", "AWS_MAX_ATTEMPTS=1",
			"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
		printed, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, printed)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return string(printed), string(b)
	}
	if printed, got := invoke(`{"do":"headers"}`); !strings.Contains(printed, `"StatusCode": 200`) || !strings.Contains(got, `"Lambda-Runtime-Client-Context":["{\"k\":\"v\"}"]`) {
		t.Errorf("%s\n%s", printed, got)
	}
	printed, got := invoke(`{"do":"headers"}`)
	var answer struct{ LogResult []byte }
	if err := json.Unmarshal([]byte(printed), &answer); err != nil || !strings.Contains(string(answer.LogResult), "\nREPORT RequestId: ") || !strings.Contains(got, ":function:echo:live") {
		t.Errorf("%s\n%s\n%s", printed, answer.LogResult, got)
	}
	if printed, got := invoke(`{"do":"error"}`); !strings.Contains(printed, `"FunctionError": "Unhandled"`) || !strings.Contains(got, "My.Error") {
		t.Errorf("%s\n%s", printed, got)
	}
}
