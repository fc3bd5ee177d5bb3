package daemon

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker"
)

func TestWhoSaysNothingIsGivenUp(t *testing.T) {
	const limit = 400 * time.Millisecond
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		say := func(text string) {
			_, _ = io.WriteString(w, text)
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.Copy(io.Discard, r.Body)
		switch r.URL.Path {
		case "/never":
			<-done
		case "/half":
			say("half ")
			<-done
		case "/slowly":
			for range 6 {
				say("word ")
				time.Sleep(limit / 4)
			}
		case "/stored":
			time.Sleep(2 * limit)
			say("stored")
		default:
			say("at once")
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(done) })

	hosts, err := withReadTimeout(func(string) ([]docker.RegistryHost, error) {
		return []docker.RegistryHost{{Client: &http.Client{Transport: http.DefaultTransport}}}, nil
	}, limit)("registry.example.com")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path, want string
		silent             bool
	}{
		{"GET", "/", "at once", false},
		{"GET", "/never", "", true},
		{"HEAD", "/never", "", true},
		{"GET", "/half", "half ", true},
		{"GET", "/slowly", "word word word word word word ", false}, // for longer than the limit, and never silent
		{"PUT", "/stored", "stored", false},                         // the registry has something to do
	} {
		t.Run(c.method+c.path, func(t *testing.T) {
			t.Parallel()
			request, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+c.path, strings.NewReader(""))
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			response, err := hosts[0].Client.Do(request)
			if err == nil {
				got, err = io.ReadAll(response.Body)
				response.Body.Close()
			}
			if s := (*silent)(nil); errors.As(err, &s) != c.silent || err != nil && !c.silent || string(got) != c.want {
				t.Errorf("%q, %v", got, err)
			}
			if temporary := (interface{ Temporary() bool })(nil); errors.As(err, &temporary) && temporary.Temporary() {
				t.Error("BuildKit would ask again")
			}
		})
	}
}
