package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"lpipe/internal/emulator"
	"lpipe/internal/route"
)

// stub keeps the last event and answers with what the test says.
type stub struct {
	event  []byte
	trace  string
	answer string
	result emulator.Result
	err    error
}

func (*stub) Config() emulator.Config { return emulator.Config{} }

func (s *stub) Invoke(_ context.Context, e emulator.Event) (emulator.Result, error) {
	s.event, s.trace = e.Payload, e.TraceID
	r := s.result
	if r.Payload == nil {
		r.Payload = []byte(s.answer)
	}
	return r, s.err
}

// serve answers by the routes, written as in lpipe.toml.
func serve(t *testing.T, s *stub, api route.API, routes ...string) string {
	t.Helper()
	var table route.Table
	for _, text := range routes {
		r, why := route.Parse(text, api)
		if why != "" {
			t.Fatal(why)
		}
		table = append(table, r)
	}
	web := httptest.NewServer(Handler(table, func(name string) (emulator.Invoker, bool) { return s, name == "fn" }))
	t.Cleanup(web.Close)
	return web.URL
}

// send sends "METHOD PATH" with headers in pairs, and returns the response with its body.
func send(t *testing.T, base, line, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	method, path, _ := strings.Cut(line, " ")
	r, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Add(pair[0], pair[1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(got)
}

// decode reads an event by the type of AWS's library, which has to know every field.
func decode[T any](t *testing.T, event []byte) T {
	t.Helper()
	var e T
	decoder := json.NewDecoder(bytes.NewReader(event))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		t.Fatalf("%v: %s", err, event)
	}
	return e
}

const target = "POST /dev/orders/a%20b/x?q=1&q=2%20c&e"

var headers = []string{"Content-Type", "application/json", "X-Many", "1", "X-Many", "2", "Cookie", "a=1; b=2", "User-Agent", "test"}

func TestEventOfAnHTTPAPI(t *testing.T) {
	s := &stub{answer: `{"statusCode":201}`}
	base := serve(t, s, route.API{Service: route.HTTP, Stage: "dev"}, "POST /orders/{id}/x fn")
	if resp, body := send(t, base, target, `{"n":"<"}`, headers...); resp.StatusCode != 201 {
		t.Fatal(resp.Status, body)
	}
	e := decode[events.APIGatewayV2HTTPRequest](t, s.event)
	got := []string{
		e.Version, e.RouteKey, e.RawPath, e.RawQueryString, strings.Join(e.Cookies, "|"), e.QueryStringParameters["q"], e.PathParameters["id"], e.Body, e.Headers["x-many"],
		e.RequestContext.Stage, e.RequestContext.RouteKey, e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path, e.RequestContext.HTTP.SourceIP, e.RequestContext.AccountID,
	}
	want := []string{
		"2.0", "POST /orders/{id}/x", "/dev/orders/a b/x", "q=1&q=2%20c&e", "a=1|b=2", "1,2 c", "a b", `{"n":"<"}`, "1,2",
		"dev", "POST /orders/{id}/x", "POST", "/dev/orders/a b/x", "127.0.0.1", account,
	}
	if !slices.Equal(got, want) || e.IsBase64Encoded || e.RequestContext.TimeEpoch == 0 {
		t.Errorf("%q\nwant %q", got, want)
	}
	if !bytes.Contains(s.event, []byte(`<`)) {
		t.Error("HTML is escaped")
	}
}

func TestEventOfARESTAPI(t *testing.T) {
	s := &stub{answer: `{"statusCode":200}`}
	base := serve(t, s, route.API{Service: route.REST, Stage: "dev"}, "ANY /orders/{proxy+} fn", "GET / fn")
	send(t, base, target, "\xff\x00", headers...)
	e := decode[events.APIGatewayProxyRequest](t, s.event)
	got := []string{
		e.Resource, e.Path, e.HTTPMethod, e.Headers["X-Many"], strings.Join(e.MultiValueHeaders["X-Many"], "|"), e.QueryStringParameters["q"],
		strings.Join(e.MultiValueQueryStringParameters["q"], "|"), e.PathParameters["proxy"], e.Body, e.RequestContext.Path, e.RequestContext.ResourcePath,
		e.RequestContext.Stage, e.RequestContext.Identity.UserAgent, e.Headers["X-Forwarded-Proto"],
	}
	want := []string{
		"/orders/{proxy+}", "/orders/a%20b/x", "POST", "2", "1|2", "2 c", "1|2 c", "a b/x", "/wA=", "/dev/orders/a%20b/x", "/orders/{proxy+}", "dev", "test", "http",
	}
	if !slices.Equal(got, want) || !e.IsBase64Encoded {
		t.Errorf("%q\nwant %q", got, want)
	}

	send(t, base, "GET /", "")
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(s.event, &raw); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"body", "queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables"} {
		if string(raw[name]) != "null" {
			t.Errorf("%s is %s, want null", name, raw[name])
		}
	}
}

func TestEventOfAnHTTPAPIInPayloadFormat1(t *testing.T) {
	s := &stub{answer: `{"statusCode":200}`}
	base := serve(t, s, route.API{Service: route.HTTP1, Stage: route.DefaultStage}, "POST /dev/orders/{id}/x fn")
	send(t, base, target, "text", headers...)
	e := decode[events.APIGatewayProxyRequest](t, cut(t, s.event, "version"))
	if got, want := []string{e.Path, e.Resource, e.PathParameters["id"], e.RequestContext.Stage}, []string{"/dev/orders/a b/x", "/dev/orders/{id}/x", "a b", "$default"}; !slices.Equal(got, want) || !bytes.Contains(s.event, []byte(`"version":"1.0"`)) {
		t.Errorf("%q, want %q", got, want)
	}
}

// cut removes fields of an event.
func cut(t *testing.T, event []byte, names ...string) []byte {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal(event, &all); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(all, func(name string, _ json.RawMessage) bool { return slices.Contains(names, name) })
	rest, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return rest
}

func TestEventsOfLoadBalancers(t *testing.T) {
	s := &stub{answer: `{"statusCode":200}`}
	base := serve(t, s, route.API{Service: route.ALB}, "ANY /dev/* fn")
	send(t, base, target, "text", append(headers, "Content-Encoding", "gzip")...)
	e := decode[events.ALBTargetGroupRequest](t, s.event)
	got := []string{e.Path, e.HTTPMethod, e.Headers["x-many"], e.QueryStringParameters["q"], e.QueryStringParameters["e"], e.Body}
	if want := []string{"/dev/orders/a%20b/x", "POST", "2", "2%20c", "", "dGV4dA=="}; !slices.Equal(got, want) || !e.IsBase64Encoded || e.MultiValueHeaders != nil {
		t.Errorf("%q, want %q; %s", got, want, s.event)
	}

	multi := serve(t, s, route.API{Service: route.ALBMulti}, "ANY * fn")
	send(t, multi, target, "text", headers...)
	e = decode[events.ALBTargetGroupRequest](t, s.event)
	if !slices.Equal(e.MultiValueHeaders["x-many"], []string{"1", "2"}) || !slices.Equal(e.MultiValueQueryStringParameters["q"], []string{"1", "2%20c"}) || e.Headers != nil || e.Body != "text" {
		t.Errorf("%s", s.event)
	}
	send(t, multi, "GET /", "")
	if !bytes.Contains(s.event, []byte(`"multiValueQueryStringParameters":{}`)) || !bytes.Contains(s.event, []byte(`"body":""`)) {
		t.Errorf("%s", s.event)
	}
}

// TestWhereRequestsComeFrom: services add what they know, and take no request's word for it but for those that it passed before.
func TestWhereRequestsComeFrom(t *testing.T) {
	for _, service := range []route.Service{route.HTTP, route.HTTP1, route.REST, route.ALB, route.ALBMulti} {
		s := &stub{answer: `{"statusCode":200}`}
		base := serve(t, s, route.API{Service: service, Stage: "dev"}, "ANY * fn")
		if service != route.ALB && service != route.ALBMulti {
			base = serve(t, s, route.API{Service: service, Stage: "dev"}, "ANY /{path+} fn")
		}
		header := func() http.Header {
			var e struct {
				Headers           map[string]string
				MultiValueHeaders map[string][]string
			}
			if err := json.Unmarshal(s.event, &e); err != nil {
				t.Fatal(err)
			}
			all := http.Header{}
			for name, values := range e.MultiValueHeaders {
				all[http.CanonicalHeaderKey(name)] = values
			}
			for name, value := range e.Headers {
				all.Set(name, value)
			}
			return all
		}
		send(t, base, "GET /a", "")
		if h := header(); h.Get("X-Forwarded-For") != "127.0.0.1" || h.Get("X-Forwarded-Proto") != "http" || !strings.HasPrefix(h.Get("X-Amzn-Trace-Id"), "Root=1-") || s.trace != h.Get("X-Amzn-Trace-Id") {
			t.Errorf("%s: %q, traced as %s", service, h, s.trace)
		}
		send(t, base, "GET /a", "", "X-Forwarded-For", "192.0.2.1", "X-Forwarded-For", "192.0.2.2", "X-Forwarded-Proto", "https", "X-Forwarded-Port", "1", "X-Amzn-Trace-Id", "Root=1-a")
		port := base[strings.LastIndex(base, ":")+1:]
		if h := header(); h.Get("X-Forwarded-For") != "192.0.2.1, 192.0.2.2, 127.0.0.1" || h.Get("X-Forwarded-Proto") != "http" || h.Get("X-Forwarded-Port") != port || h.Get("X-Amzn-Trace-Id") != "Root=1-a" {
			t.Errorf("%s: %q", service, h)
		}
	}
}

// TestAClientOfHTTP10 names no host.
func TestAClientOfHTTP10(t *testing.T) {
	for _, service := range []route.Service{route.HTTP, route.REST, route.ALB} {
		s := &stub{answer: `{"statusCode":200}`}
		address := strings.TrimPrefix(serve(t, s, route.API{Service: service, Stage: "dev"}, "ANY / fn"), "http://")
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
		answer, err := io.ReadAll(c)
		c.Close()
		if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.0 200 ")) || !strings.Contains(strings.ToLower(string(s.event)), `"host":"`+address+`"`) {
			t.Errorf("%s: %v %q, of %s", service, err, answer, s.event)
		}
	}
}

func TestResponses(t *testing.T) {
	const multi = `{"statusCode":"202","headers":{"x-a":"1","x-n":7,"content-length":"9"},"multiValueHeaders":{"Set-Cookie":["a=1","b=2"]},"body":"aGk=","isBase64Encoded":true}`
	type want struct {
		status  int
		body    string
		headers map[string][]string
	}
	for _, c := range []struct {
		service route.Service
		answer  string
		want    want
	}{
		{route.REST, multi, want{202, "hi", map[string][]string{"X-A": {"1"}, "X-N": {"7"}, "Set-Cookie": {"a=1", "b=2"}, "Content-Type": {"application/json"}}}},
		{route.HTTP1, multi, want{202, "hi", map[string][]string{"Set-Cookie": {"a=1", "b=2"}}}},
		{route.ALB, multi, want{202, "hi", map[string][]string{"X-A": {"1"}, "X-N": {"7"}, "Set-Cookie": nil, "Content-Type": {"application/octet-stream"}}}},
		{route.ALBMulti, multi, want{202, "hi", map[string][]string{"X-A": nil, "Set-Cookie": {"a=1", "b=2"}, "Content-Type": {"application/octet-stream"}}}},
		{route.REST, `{"body":"x"}`, want{200, "x", nil}},
		{route.REST, `{}`, want{200, "", nil}},
		{route.ALB, `{"body":"x"}`, want{502, "502 Bad Gateway\n", nil}},
		{route.REST, `"text"`, want{502, `{"message":"Internal server error"}`, nil}},
		{route.REST, `null`, want{502, `{"message":"Internal server error"}`, nil}},
		{route.REST, `{"statusCode":99}`, want{502, `{"message":"Internal server error"}`, nil}},
		{route.REST, `{"statusCode":200,"body":{"a":1}}`, want{502, `{"message":"Internal server error"}`, nil}},
		{route.REST, `{"statusCode":200,"headers":{"a":[1]}}`, want{502, `{"message":"Internal server error"}`, nil}},
		{route.REST, `{"statusCode":200,"body":"%","isBase64Encoded":true}`, want{502, `{"message":"Internal server error"}`, nil}},
		{route.HTTP, `{"statusCode":200,"body":"%","isBase64Encoded":true}`, want{500, `{"message":"Internal Server Error"}`, nil}},
		{route.HTTP, `"text"`, want{200, `"text"`, map[string][]string{"Content-Type": {"application/json"}}}},
		{route.HTTP, `{"statusCode":200,"cookies":["a=1","b=2"],"headers":{"content-type":"text/html"},"body":"<p>"}`, want{200, "<p>", map[string][]string{"Set-Cookie": {"a=1", "b=2"}, "Content-Type": {"text/html"}}}},
	} {
		base := serve(t, &stub{answer: c.answer}, route.API{Service: c.service, Stage: "dev"}, "ANY / fn")
		resp, body := send(t, base, "GET /", "")
		if resp.StatusCode != c.want.status || body != c.want.body {
			t.Errorf("%s %s: %d %q, want %d %q", c.service, c.answer, resp.StatusCode, body, c.want.status, c.want.body)
		}
		for name, values := range c.want.headers {
			if !reflect.DeepEqual(resp.Header.Values(name), values) {
				t.Errorf("%s %s: %s is %q, want %q", c.service, c.answer, name, resp.Header.Values(name), values)
			}
		}
	}
}

// TestWhatNoFunctionAnswers: each service has answers of its own for what goes wrong.
func TestWhatNoFunctionAnswers(t *testing.T) {
	large := strings.Repeat("x", bodyLimit+1)
	for service, want := range map[route.Service]string{
		route.HTTP: "404 413 500 503 500 500", route.REST: "403 413 502 429 502 502", route.ALB: "404 413 502 503 502 502",
	} {
		s := &stub{answer: `{"statusCode":200}`}
		base := serve(t, s, route.API{Service: service, Stage: "dev"}, "ANY /a fn", "ANY /other elsewhere")
		var got []string
		ask := func(line, body string) {
			resp, _ := send(t, base, line, body)
			got = append(got, resp.Status[:3])
		}
		ask("GET /nothing", "")
		ask("POST /a", large)
		s.result = emulator.Result{FunctionError: "Unhandled", Payload: []byte(`{"statusCode":200}`)}
		ask("GET /a", "")
		s.result, s.err = emulator.Result{}, emulator.ErrThrottled
		ask("GET /a", "")
		s.err = nil
		s.result = emulator.Result{Streamed: true}
		ask("GET /a", "")
		s.result, s.answer = emulator.Result{}, `{"statusCode":1}`
		ask("GET /a", "")
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %s", service, got, want)
		}
		if service != route.ALB {
			if resp, body := send(t, base, "POST /a", strings.Repeat("\xff", bodyLimit*5/6)); resp.StatusCode != 413 {
				t.Errorf("%s, a body that is too large in base64: %s %s", service, resp.Status, body)
			}
		}
		if resp, body := send(t, base, "GET /other", ""); resp.StatusCode != 404 || !strings.Contains(body, "elsewhere") {
			t.Errorf("%s: %s %s", service, resp.Status, body)
		}
		s.err = errors.New("the function has not been built")
		if resp, body := send(t, base, "GET /a", ""); resp.StatusCode != 500 || !strings.Contains(body, "has not been built") {
			t.Errorf("%s: %s %s", service, resp.Status, body)
		}
	}
}

func TestCORS(t *testing.T) {
	s := &stub{answer: `{"statusCode":200,"headers":{"access-control-allow-origin":"https://wrong.example"}}`}
	cors := &route.CORS{Origins: []string{"https://a.example", "http://localhost*"}, Methods: []string{"GET"}, Headers: []string{"x-a"}, Expose: []string{"x-b"}, MaxAge: "60", Credentials: true}
	http2 := serve(t, s, route.API{Service: route.HTTP, Stage: "dev", CORS: cors}, "ANY /a fn")
	const origin, methods = "Access-Control-Allow-Origin", "Access-Control-Allow-Methods"
	for from, want := range map[string]string{"https://a.example": "https://a.example", "http://localhost:3000": "http://localhost:3000", "https://b.example": "", "": ""} {
		var h []string
		if from != "" {
			h = []string{"Origin", from}
		}
		resp, _ := send(t, http2, "GET /dev/a", "", h...)
		if got := resp.Header.Get(origin); got != want || (want != "") != (resp.Header.Get("Access-Control-Expose-Headers") == "x-b") {
			t.Errorf("from %q: %q", from, resp.Header)
		}
		if from == "" {
			continue
		}
		s.event = nil
		resp, _ = send(t, http2, "OPTIONS /a", "", append(h, "Access-Control-Request-Method", "PUT")...)
		if resp.StatusCode != 204 || resp.Header.Get(origin) != want || s.event != nil || (want != "") != (resp.Header.Get(methods) == "GET" && resp.Header.Get("Access-Control-Max-Age") == "60") {
			t.Errorf("from %q: %s %q", from, resp.Status, resp.Header)
		}
	}

	// A REST API answers preflights, and leaves the rest to the function.
	rest := serve(t, s, route.API{Service: route.REST, Stage: "dev", CORS: &route.CORS{Origins: []string{"*"}}}, "GET /a fn")
	resp, _ := send(t, rest, "OPTIONS /a", "", "Origin", "https://a.example", "Access-Control-Request-Method", "GET")
	if resp.StatusCode != 204 || resp.Header.Get(origin) != "*" || resp.Header.Get(methods) != "*" {
		t.Errorf("%s %q", resp.Status, resp.Header)
	}
	if resp, _ = send(t, rest, "GET /a", "", "Origin", "https://a.example"); resp.Header.Get(origin) != "https://wrong.example" {
		t.Errorf("%q", resp.Header)
	}
	if resp, _ = send(t, rest, "OPTIONS /a", ""); resp.StatusCode != 403 {
		t.Error(resp.Status)
	}
}

// TestCORSOfAStream: it is passed on as it comes.
func TestCORSOfAStream(t *testing.T) {
	flushed := make(chan struct{})
	web := httptest.NewServer(CORS(&route.CORS{Origins: []string{"*"}}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "https://wrong.example")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "first")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-flushed
	})))
	defer web.Close()
	r, err := http.NewRequestWithContext(t.Context(), "GET", web.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://a.example")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	first := make([]byte, 5)
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "first" || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%q %v %q", first, err, resp.Header)
	}
	close(flushed)
}

// FuzzAnswer: whatever a function answers is HTTP or refused before anything is written.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"statusCode":200,"headers":{"a":"b"},"multiValueHeaders":{"c":["d",1,true]},"body":"x","isBase64Encoded":true}`))
	f.Add([]byte(`{"statusCode":"204","headers":{"\n":"\r\n"}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, s := range services() {
			w := httptest.NewRecorder()
			if !s.answer(w, payload) && (w.Body.Len() > 0 || len(w.Result().Header) > 0) {
				t.Errorf("refused, and wrote %q %q", w.Result().Header, w.Body)
			}
		}
	})
}
