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

// FuzzExtensionsAPI: whatever an extension asks, in whatever order, the one who invoked the function has one answer, and the
// server ends.
func FuzzExtensionsAPI(f *testing.F) {
	const register, next, telemetry = "POST 2020-01-01/extension/register ", "GET 2020-01-01/extension/event/next", "PUT 2022-07-01/telemetry "
	for _, script := range []string{
		"", register + `{"events":["INVOKE","SHUTDOWN"]}` + "\n" + next + "\n" + next, register + `{"events":[]}` + "\n" + register + "{}\n" + next,
		register + "{\nPOST 2020-01-01/extension/init/error {}", register + "{}\n" + next + "\nPOST 2020-01-01/extension/exit/error x",
		register + "{}\n" + telemetry + `{"schemaVersion":"2022-12-13","types":["platform"],"destination":{"protocol":"TCP","port":1}}` + "\n" + telemetry + "x",
		next + "\nGET 2018-06-01/runtime/invocation/next\n" + next, register + `{"events":["INVOKE","INVOKE","",null]}`,
	} {
		f.Add(script, true)
		f.Add(script, false)
	}
	f.Fuzz(func(t *testing.T, script string, external bool) {
		var names []string
		if external {
			names = []string{"x"}
		}
		journal := &journal{}
		s := newServer(Config{Timeout: time.Hour}, phaseInit, names, journal, func() int { return 0 })
		handler := s.Handler()
		result := make(chan Result, 1)
		go func() {
			r, _ := s.Invoke(t.Context(), Event{ID: "id", LogTail: true})
			result <- r
		}()
		id := ""
		for i, line := range strings.Split(script, "\n") {
			if i == 20 {
				break
			}
			method, rest, _ := strings.Cut(line, " ")
			path, body, _ := strings.Cut(rest, " ")
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			r.Method, r.URL = method, &url.URL{Path: "/" + path}
			r.Header = http.Header{
				"Lambda-Extension-Name": {"x"}, "Lambda-Extension-Identifier": {id}, "Lambda-Extension-Function-Error-Type": {"T"},
			}
			// Nothing is waited for.
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r.WithContext(ctx))
			if given := w.Header().Get("Lambda-Extension-Identifier"); given != "" {
				id = given
			}
		}
		s.Close()
		s.shutdown(time.Now())
		journal.close()
		select {
		case <-result:
		case <-time.After(20 * time.Second):
			t.Fatal("no answer")
		}
	})
}
