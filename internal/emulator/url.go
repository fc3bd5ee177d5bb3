package emulator

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// URL returns a handler that is the function's URL: requests become events of payload format 2.0, and responses
// HTTP again, streamed where the function streams: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html.
// API Gateway's HTTP APIs use the same format. As with [API], who may call is for the listener to decide: see [Listen].
func URL(f Invoker) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := NewID()
		payload, err := readAll(r.Body, EventLimit)
		if err != nil {
			writeJSON(w, http.StatusRequestEntityTooLarge, message("Request Too Large"))
			return
		}
		trace := Trace(r)
		event, err := MarshalEvent(NewURLEvent(r, payload, id, time.Now()))
		switch {
		case err != nil:
			writeJSON(w, http.StatusBadRequest, message("Bad Request"))
			return
		case len(event) > EventLimit: // in base64 a body becomes larger
			writeJSON(w, http.StatusRequestEntityTooLarge, message("Request Too Large"))
			return
		}
		w.Header().Set("X-Amzn-RequestId", id)
		var stream *urlStream
		control := http.NewResponseController(w)
		e := Event{Payload: event, ID: id, TraceID: trace}
		e.Stream = func(contentType string) io.Writer {
			stream = &urlStream{w: w, flush: control.Flush}
			_ = control.SetWriteDeadline(time.Now().Add(f.Config().withDefaults().Timeout))
			if contentType == "" {
				contentType = "application/octet-stream"
			}
			if mediaType, _, _ := mime.ParseMediaType(contentType); mediaType != preludeType {
				stream.begin(urlResponse{StatusCode: http.StatusOK, Headers: map[string]any{"content-type": contentType}})
			}
			return stream
		}
		result, err := f.Invoke(context.WithoutCancel(r.Context()), e) // a caller that hangs up does not end it
		_ = control.SetWriteDeadline(time.Time{})
		switch {
		case stream != nil && stream.begun && (err != nil || result.FunctionError != ""):
			panic(http.ErrAbortHandler) // cut the response short: its status is gone
		case stream != nil && stream.begun:
		case errors.Is(err, ErrThrottled):
			writeJSON(w, http.StatusTooManyRequests, message("Rate Exceeded."))
		case err != nil:
			writeJSON(w, http.StatusInternalServerError, message(err.Error()))
		case stream != nil || result.FunctionError != "": // a stream that ended before its prelude
			writeJSON(w, http.StatusBadGateway, message("Internal Server Error"))
		default:
			if !AnswerURL(w, result.Payload) {
				writeJSON(w, http.StatusBadGateway, message("Internal Server Error"))
			}
		}
	})
}

// MarshalEvent writes JSON as the services do, without escapes for HTML.
func MarshalEvent(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func message(text string) map[string]string { return map[string]string{"Message": text} }

// URLEvent is a request in payload format 2.0, of a function URL and of API Gateway's HTTP APIs.
type URLEvent struct {
	Version         string            `json:"version"`
	RouteKey        string            `json:"routeKey"`
	RawPath         string            `json:"rawPath"`
	RawQueryString  string            `json:"rawQueryString"`
	Cookies         []string          `json:"cookies,omitempty"`
	Headers         map[string]string `json:"headers"`
	Query           map[string]string `json:"queryStringParameters,omitempty"`
	PathParameters  map[string]string `json:"pathParameters,omitempty"` // of a route
	RequestContext  URLContext        `json:"requestContext"`
	Body            string            `json:"body,omitempty"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

// URLContext is what a service knows of a request beside what was sent.
type URLContext struct {
	AccountID    string     `json:"accountId"`
	APIID        string     `json:"apiId"`
	DomainName   string     `json:"domainName"`
	DomainPrefix string     `json:"domainPrefix"`
	HTTP         URLRequest `json:"http"`
	RequestID    string     `json:"requestId"`
	RouteKey     string     `json:"routeKey"`
	Stage        string     `json:"stage"`
	Time         string     `json:"time"`
	TimeEpoch    int64      `json:"timeEpoch"` // milliseconds
}

// URLRequest is the line of a request, and who sent it.
type URLRequest struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// NewURLEvent returns the event of a request to a function URL, with the body that was read of it.
func NewURLEvent(r *http.Request, body []byte, id string, now time.Time) URLEvent {
	source, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		source = r.RemoteAddr
	}
	scheme, usual := "http", "80"
	if r.TLS != nil {
		scheme, usual = "https", "443"
	}
	host := r.Host
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && host == "" { // of HTTP/1.0
		host = local.String()
	}
	domain, port, err := net.SplitHostPort(host)
	if err != nil {
		domain, port = host, usual
	}
	prefix, _, _ := strings.Cut(domain, ".")
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	e := URLEvent{
		Version: "2.0", RouteKey: "$default", RawPath: path, RawQueryString: r.URL.RawQuery,
		Headers: map[string]string{"host": host, "x-forwarded-for": source, "x-forwarded-proto": scheme, "x-forwarded-port": port},
		RequestContext: URLContext{
			AccountID: "anonymous", APIID: prefix, DomainName: domain, DomainPrefix: prefix,
			HTTP:      URLRequest{r.Method, path, r.Proto, source, r.UserAgent()},
			RequestID: id, RouteKey: "$default", Stage: "$default",
			Time: now.UTC().Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: now.UnixMilli(),
		},
	}
	for name, values := range r.Header {
		if name == "Cookie" {
			for _, v := range values {
				e.Cookies = append(e.Cookies, strings.Split(v, "; ")...)
			}
			continue
		}
		e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	for name, values := range Query(r.URL.RawQuery) {
		if e.Query == nil {
			e.Query = map[string]string{}
		}
		e.Query[name] = strings.Join(values, ",")
	}
	if e.IsBase64Encoded = len(body) > 0 && !IsText(r.Header.Get("Content-Type"), body); e.IsBase64Encoded {
		e.Body = base64.StdEncoding.EncodeToString(body)
	} else {
		e.Body = string(body)
	}
	return e
}

// Query reads the parameters of a query as the services do: none of its characters but & and = means anything, and an escape that is
// none stays as it is.
func Query(raw string) url.Values {
	read := func(text string) string {
		if plain, err := url.QueryUnescape(text); err == nil {
			return plain
		}
		return text
	}
	all := url.Values{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair != "" {
			name, value, _ := strings.Cut(pair, "=")
			all.Add(read(name), read(value))
		}
	}
	return all
}

// IsText reports whether a body is passed on as it is: text and the usual kinds of JSON, XML and JavaScript.
func IsText(contentType string, body []byte) bool {
	if !utf8.Valid(body) {
		return false
	}
	mediaType, _, _ := mime.ParseMediaType(contentType)
	switch mediaType {
	case "application/json", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(mediaType, "text/") || strings.HasSuffix(mediaType, "+json") || strings.HasSuffix(mediaType, "+xml")
}

// urlResponse is a response in payload format 2.0, and the prelude of a streamed one.
type urlResponse struct {
	StatusCode      int            `json:"statusCode"`
	Headers         map[string]any `json:"headers"` // texts; numbers and booleans are written out
	Cookies         []string       `json:"cookies"`
	Body            string         `json:"body"`
	IsBase64Encoded bool           `json:"isBase64Encoded"`
}

// writeHead writes the status and headers; false means that they are not HTTP.
func (u urlResponse) writeHead(w http.ResponseWriter) bool {
	if u.StatusCode < 200 || u.StatusCode > 599 {
		return false
	}
	headers := map[string]any{"content-type": "application/json"}
	for name, value := range u.Headers {
		headers[strings.ToLower(name)] = value
	}
	for _, name := range []string{"content-length", "transfer-encoding", "connection"} { // net/http's own
		delete(headers, name)
	}
	for name, value := range headers {
		s, ok := value.(string)
		if !ok {
			b, _ := json.Marshal(value)
			s = string(b)
		}
		w.Header().Set(name, s)
	}
	for _, c := range u.Cookies {
		w.Header().Add("Set-Cookie", c)
	}
	w.WriteHeader(u.StatusCode)
	return true
}

// AnswerURL makes HTTP of a whole response of payload format 2.0. A value without statusCode is the body itself. false means
// that the response is none, and that nothing was written.
func AnswerURL(w http.ResponseWriter, payload []byte) bool {
	var keys map[string]json.RawMessage
	if json.Unmarshal(payload, &keys) != nil || keys["statusCode"] == nil {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(payload)
		return true
	}
	var u urlResponse
	err := json.Unmarshal(payload, &u)
	body := []byte(u.Body)
	if err == nil && u.IsBase64Encoded {
		body, err = base64.StdEncoding.DecodeString(u.Body)
	}
	if err != nil || !u.writeHead(w) {
		return false
	}
	_, _ = w.Write(body) // an error is that of the other side, or of a status without a body
	return true
}

// The content type of a stream that starts with status and headers, and what ends those.
const (
	preludeType  = "application/vnd.awslambda.http-integration-response"
	preludeLimit = 128 << 10
)

var preludeEnd = make([]byte, 8)

var errPrelude = errors.New("the response does not start with a status and headers")

// urlStream makes HTTP of a streamed response as it comes.
type urlStream struct {
	w       http.ResponseWriter
	flush   func() error
	prelude []byte
	begun   bool
}

func (s *urlStream) begin(u urlResponse) bool {
	s.begun = u.writeHead(s.w)
	return s.begun
}

func (s *urlStream) Write(p []byte) (int, error) {
	n := len(p)
	if !s.begun {
		s.prelude = append(s.prelude, p...)
		head, body, found := bytes.Cut(s.prelude, preludeEnd)
		if !found && len(s.prelude) <= preludeLimit {
			return n, nil
		}
		u := urlResponse{StatusCode: http.StatusOK}
		if !found || json.Unmarshal(head, &u) != nil || !s.begin(u) {
			return 0, errPrelude
		}
		p, s.prelude = body, nil
	}
	if _, err := s.w.Write(p); err != nil {
		return 0, err
	}
	return n, s.flush()
}
