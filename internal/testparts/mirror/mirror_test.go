package mirror

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// upstream is a registry whose first answers are errors.
func upstream(t *testing.T, failures int32) (server *httptest.Server, requests *atomic.Int32) {
	requests = new(atomic.Int32)
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case requests.Add(1) <= failures:
			w.WriteHeader(http.StatusServiceUnavailable)
		case strings.Contains(r.URL.Path, "none"):
			http.NotFound(w, r)
		default:
			_, _ = io.WriteString(w, "text of "+r.URL.Path)
		}
	}))
	t.Cleanup(server.Close)
	return server, requests
}

func start(t *testing.T, dir, url string) *Mirror {
	t.Helper()
	m, err := serve(dir, url+"/index", url+"/crates", time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func check(t *testing.T, m *Mirror, path, want string) {
	t.Helper()
	response, err := http.Get(strings.TrimPrefix(m.IndexURL, "sparse+") + path)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || !strings.Contains(string(body), want) {
		t.Errorf("%s answers %q, not %q (%v)", path, body, want, err)
	}
}

func TestMirror(t *testing.T) {
	dir := t.TempDir()
	server, requests := upstream(t, 3)
	m := start(t, dir, server.URL)
	check(t, m, "config.json", `{"dl":"http://127.0.0.1:`)
	check(t, m, "se/rd/serde", "text of /index/se/rd/serde")
	if n := requests.Load(); n != 4 {
		t.Errorf("%d requests, not three that fail and one", n)
	}
	check(t, m, "crates/serde/1.0.0/download", "text of /crates/serde/1.0.0/download")
	check(t, m, "no/ne/none", "404")
	before := requests.Load()
	check(t, m, "se/rd/serde", "text of /index/se/rd/serde")
	check(t, m, "crates/serde/1.0.0/download", "text of /crates/serde/1.0.0/download")
	if requests.Load() != before {
		t.Error("it downloads again what it has")
	}

	// The next run, while crates.io does not answer.
	server.Close()
	m = start(t, dir, server.URL)
	check(t, m, "se/rd/serde", "text of /index/se/rd/serde")
	check(t, m, "crates/serde/1.0.0/download", "text of /crates/serde/1.0.0/download")
	check(t, m, "crates/serde/2.0.0/download", "connection refused")
}
