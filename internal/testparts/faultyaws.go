package testparts

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// AWS is moto behind a server that behaves as Lambda does and moto does not: an update takes time, in which others are
// refused; what was just changed may be read as it was; too many requests are throttled; a version is published only of the
// code that the request names; a function and an alias have another revision after each change, and are changed only if they still have the one
// that the request names; and code can be downloaded. It counts requests.
type AWS struct {
	*Moto
	Server string // its URL, in place of that of moto

	mu       sync.Mutex
	updating time.Duration
	stale    time.Duration
	every    int // request of which one is throttled
	sent     int
	counts   map[string]int
	denied   *regexp.Regexp
	onRead   func(request string) // before a request is sent on
	onDone   func(request string) // when it was done, before the answer
	ofBody   *regexp.Regexp       // paths of the requests whose bodies onBody gets
	onBody   func(body string)
	answers  map[string]string            // of functions, in place of moto's
	busy     map[string]time.Time         // until when an update of a function takes
	changed  map[string]time.Time         // when a function was changed
	seen     map[string]map[string][]byte // what was read before, by function and path
	code     map[string][]byte            // by CodeSha256
	revision map[string]int               // of aliases, by path, and of functions, by name
}

// NewAWS starts moto and the server before it.
func NewAWS(t testing.TB) *AWS {
	t.Helper()
	a := &AWS{
		Moto: NewMoto(t), counts: map[string]int{}, answers: map[string]string{}, busy: map[string]time.Time{}, changed: map[string]time.Time{},
		seen: map[string]map[string][]byte{}, code: map[string][]byte{},
		revision: map[string]int{},
	}
	to, err := url.Parse(a.Moto.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: a.modify,
	}
	proxy.ErrorLog = log.New(io.Discard, "", 0) // of clients that are killed
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, proxy) }))
	t.Cleanup(server.Close)
	a.Server = server.URL
	return a
}

// Env are the variables by which AWS's programs and SDKs find it.
func (a *AWS) Env() map[string]string {
	env := a.Moto.Env()
	env["AWS_ENDPOINT_URL"] = a.Server
	return env
}

// Slow makes an update take so long, and reads be old for so long after one.
func (a *AWS) Slow(updating, stale time.Duration) {
	a.set(func() { a.updating, a.stale = updating, stale })
}

// Throttle refuses one request of so many.
func (a *AWS) Throttle(every int) { a.set(func() { a.every = every }) }

// Deny refuses requests like "PUT /2015-03-31/functions/echo/code" for want of permission; "" refuses none.
func (a *AWS) Deny(expression string) {
	a.set(func() {
		a.denied = nil
		if expression != "" {
			a.denied = regexp.MustCompile(expression)
		}
	})
}

// Fails has invocations of a function fail, with that payload; "" lets them go on to moto.
func (a *AWS) Fails(function, payload string) { a.set(func() { a.answers[function] = payload }) }

// Before calls do with each request of Lambda's before it is sent on.
func (a *AWS) Before(do func(request string)) { a.set(func() { a.onRead = do }) }

// After calls do with each request that was done, before it is answered.
func (a *AWS) After(do func(request string)) { a.set(func() { a.onDone = do }) }

// BodyOf calls do with the body of each request of Lambda's whose path matches.
func (a *AWS) BodyOf(expression string, do func(body string)) {
	a.set(func() { a.ofBody, a.onBody = regexp.MustCompile(expression), do })
}

// Counts are the requests since the last call, by method and path, with NAME for the function.
func (a *AWS) Counts() map[string]int {
	var counts map[string]int
	a.set(func() { counts, a.counts = a.counts, map[string]int{} })
	return counts
}

// Count is how many of the requests match.
func Count(counts map[string]int, expression string) (n int) {
	r := regexp.MustCompile(expression)
	for _, request := range slices.Sorted(maps.Keys(counts)) {
		if r.MatchString(request) {
			n += counts[request]
		}
	}
	return n
}

func (a *AWS) set(do func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	do()
}

var functionPath = regexp.MustCompile(`^(/\d{4}-\d{2}-\d{2}/functions/)([^/]+)(.*)$`)

func (a *AWS) serve(w http.ResponseWriter, r *http.Request, proxy http.Handler) {
	if sum, ok := strings.CutPrefix(r.URL.Path, "/code/"); ok {
		a.mu.Lock()
		defer a.mu.Unlock()
		data, _ := base64.URLEncoding.DecodeString(sum)
		_, _ = w.Write(a.code[base64.StdEncoding.EncodeToString(data)])
		return
	}
	m := functionPath.FindStringSubmatch(r.URL.Path)
	if m == nil {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/functions") {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			denied := false
			a.set(func() {
				a.counts["POST NAME"]++
				a.keep(body)
				denied = a.denied != nil && a.denied.MatchString(r.Method+" "+r.URL.Path)
			})
			if denied {
				refuseRequest(w, accessDenied)
				return
			}
		}
		if strings.Contains(r.URL.Path, "/layers/") {
			denied := false
			a.set(func() {
				a.counts[r.Method+" LAYER"]++
				denied = a.denied != nil && a.denied.MatchString(r.Method+" "+r.URL.Path)
			})
			if denied {
				refuseRequest(w, accessDenied)
				return
			}
		}
		proxy.ServeHTTP(w, r)
		return
	}
	name, rest := m[2], m[3]
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	a.mu.Lock()
	if a.onRead != nil {
		before := a.onRead
		a.mu.Unlock()
		before(r.Method + " " + r.URL.Path)
		a.mu.Lock()
	}
	if a.ofBody != nil && a.ofBody.MatchString(r.URL.Path) {
		a.onBody(string(body))
	}
	a.sent++
	a.counts[r.Method+" NAME"+rest]++
	now := time.Now()
	changes := r.Method == http.MethodPut && (rest == "/code" || rest == "/configuration")
	refuse := ""
	switch {
	case a.every > 0 && a.sent%a.every == 0:
		refuse = "429 TooManyRequestsException Rate exceeded"
	case a.denied != nil && a.denied.MatchString(r.Method+" "+r.URL.Path):
		refuse = accessDenied
	case (changes || rest == "/versions" && r.Method == http.MethodPost) && now.Before(a.busy[name]):
		refuse = "409 ResourceConflictException The operation cannot be performed at this time. An update is in progress for resource"
	case rest == "/versions" && r.Method == http.MethodPost:
		refuse = a.otherCode(name, body)
	case strings.HasPrefix(rest, "/aliases/") && r.Method == http.MethodPut:
		refuse = a.revised(r.URL.Path, body)
	case changes:
		refuse = a.revised(name, body)
	}
	if refuse != "" {
		a.mu.Unlock()
		refuseRequest(w, refuse)
		return
	}
	if answer := a.answers[name]; answer != "" && strings.HasSuffix(rest, "/invocations") {
		a.mu.Unlock()
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		fmt.Fprint(w, answer)
		return
	}
	if changes {
		a.busy[name], a.changed[name] = now.Add(a.updating), now
		a.keep(body)
	}
	if old := a.seen[name][r.URL.RequestURI()]; r.Method == http.MethodGet && old != nil && now.Sub(a.changed[name]) < a.stale {
		a.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(old)
		return
	}
	a.mu.Unlock()
	proxy.ServeHTTP(w, r)
}

const accessDenied = "403 AccessDeniedException User: arn:aws:iam::123456789012:user/test is not authorized"

// refuseRequest answers with a status, the kind of the error, and its message.
func refuseRequest(w http.ResponseWriter, refuse string) {
	status, code, _ := strings.Cut(refuse, " ")
	code, message, _ := strings.Cut(code, " ")
	w.Header().Set("X-Amzn-ErrorType", code)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(map[string]int{"429": 429, "403": 403, "409": 409, "400": 400, "412": 412}[status])
	fmt.Fprintf(w, `{"Type":"User","message":%q}`, message)
}

// revised refuses to change a function or an alias that has another revision, and gives it its next one.
func (a *AWS) revised(path string, body []byte) string {
	var want struct{ RevisionId string }
	_ = json.Unmarshal(body, &want)
	if want.RevisionId != "" && want.RevisionId != fmt.Sprint("revision-", a.revision[path]) {
		return "412 PreconditionFailedException The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to retrieve the latest RevisionId"
	}
	a.revision[path]++
	return ""
}

// otherCode refuses to publish code that is not there.
func (a *AWS) otherCode(name string, body []byte) string {
	var want struct{ CodeSha256 string }
	_ = json.Unmarshal(body, &want)
	var is struct{ CodeSha256 string }
	request, err := http.NewRequest(http.MethodGet, a.Moto.URL+"/2015-03-31/functions/"+name+"/configuration", nil)
	if err != nil {
		return "400 InvalidParameterValueException " + err.Error()
	}
	request.Header.Set("Authorization", signature("lambda"))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "400 InvalidParameterValueException " + err.Error()
	}
	defer answer.Body.Close()
	_ = json.NewDecoder(answer.Body).Decode(&is)
	if want.CodeSha256 != "" && want.CodeSha256 != is.CodeSha256 {
		return "400 InvalidParameterValueException CodeSHA256 (" + want.CodeSha256 + ") is different from current CodeSHA256 in $LATEST (" + is.CodeSha256 + ")"
	}
	return ""
}

// keep remembers the code in a request.
func (a *AWS) keep(body []byte) {
	var request struct {
		ZipFile []byte
		Code    struct{ ZipFile []byte }
	}
	if json.Unmarshal(body, &request) == nil {
		for _, zip := range [][]byte{request.ZipFile, request.Code.ZipFile} {
			sum := sha256.Sum256(zip)
			a.code[base64.StdEncoding.EncodeToString(sum[:])] = zip
		}
	}
}

// modify says in what moto answers where the code is, and that an update is going on.
func (a *AWS) modify(r *http.Response) error {
	m := functionPath.FindStringSubmatch(r.Request.URL.Path)
	if m != nil && m[3] == "/aliases" && r.StatusCode == http.StatusConflict { // which moto calls otherwise
		r.Header.Set("X-Amzn-ErrorType", "ResourceConflictException")
		return replaceBody(r, map[string]any{"Type": "User", "message": "Alias already exists"})
	}
	if r.StatusCode >= 300 {
		return nil
	}
	var done func(string)
	a.set(func() { done = a.onDone })
	if done != nil {
		done(r.Request.Method + " " + r.Request.URL.Path)
	}
	if m == nil {
		return nil
	}
	aboutAlias := strings.HasPrefix(m[3], "/aliases") && (r.Request.Method != http.MethodGet || m[3] != "/aliases") && r.Request.Method != http.MethodDelete
	if !aboutAlias && (r.Request.Method != http.MethodGet || m[3] != "") {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var answer map[string]any
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if aboutAlias {
		answer["RevisionId"] = fmt.Sprint("revision-", a.revision[m[1]+m[2]+"/aliases/"+fmt.Sprint(answer["Name"])])
		return replaceBody(r, answer)
	}
	function, _ := answer["Configuration"].(map[string]any)
	if function["Version"] == "$LATEST" {
		function["RevisionId"] = fmt.Sprint("revision-", a.revision[m[2]])
		if time.Now().Before(a.busy[m[2]]) {
			function["LastUpdateStatus"] = "InProgress"
		}
	}
	if sum, err := base64.StdEncoding.DecodeString(fmt.Sprint(function["CodeSha256"])); err == nil {
		answer["Code"] = map[string]any{"RepositoryType": "S3", "Location": a.Server + "/code/" + base64.URLEncoding.EncodeToString(sum)}
	}
	if err := replaceBody(r, answer); err != nil {
		return err
	}
	body, err = io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if a.seen[m[2]] == nil {
		a.seen[m[2]] = map[string][]byte{}
	}
	a.seen[m[2]][r.Request.URL.RequestURI()] = body
	return err
}

// replaceBody gives an answer another body.
func replaceBody(r *http.Response, answer map[string]any) error {
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", fmt.Sprint(len(body)))
	return nil
}
