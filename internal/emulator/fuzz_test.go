package emulator

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// FuzzRuntimeAPI: whatever a program asks, in whatever order, the one who invoked it has one answer, and the program no
// other event.
func FuzzRuntimeAPI(f *testing.F) {
	const next, id = "GET invocation/next", "invocation/id/"
	for _, script := range []string{
		"", next, next + "\nPOST " + id + "response {}", next + "\nPOST " + id + "error {\"errorType\":\"A\"}", "POST init/error {}",
		next + "\n" + next + "\nPOST " + id + "response {}\nPOST " + id + "response {}\n" + next,
		next + "\nPOST " + id + "response x streaming\nPOST init/error x", "POST invocation/other/response x\nPUT /\nGET " + id + "next",
		"POST " + id + "response x\nGET invocation/%2e%2e/next\nGET //", next + "\nPOST invocation/id%00/error \x00",
	} {
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script string) {
		s := New(Config{Timeout: time.Hour})
		handler := s.Handler()
		results := make(chan Result, 2)
		go func() {
			r, _ := s.Invoke(t.Context(), Event{Payload: []byte(`"event"`), ID: "id"})
			results <- r
		}()
		taken := 0
		for i, line := range strings.Split(script, "\n") {
			if i == 20 {
				break
			}
			method, rest, _ := strings.Cut(line, " ")
			path, body, _ := strings.Cut(rest, " ")
			body, streaming := strings.CutSuffix(body, " streaming")
			r := &http.Request{
				Method: method, URL: &url.URL{Path: "/2018-06-01/runtime/" + path}, Header: http.Header{}, Trailer: http.Header{},
				Body: http.NoBody,
			}
			if body != "" {
				r = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
				r.Method, r.URL = method, &url.URL{Path: "/2018-06-01/runtime/" + path}
			}
			if streaming {
				r.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
			}
			// The first request for an event waits for it, later ones for nothing.
			ctx, cancel := context.WithCancel(t.Context())
			if taken > 0 {
				cancel()
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r.WithContext(ctx))
			cancel()
			if w.Body.String() == `"event"` {
				taken++
			}
		}
		s.Close()
		select {
		case <-results:
		case <-time.After(20 * time.Second):
			t.Fatal("no answer")
		}
		if taken > 1 {
			t.Errorf("the event was handed out %d times", taken)
		}
	})
}
