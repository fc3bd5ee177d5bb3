package daemon

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker"
)

// spoken is a body whose words come one after the other, each after a time, and end with the request.
type spoken struct {
	ctx   context.Context
	words int
	every time.Duration
	after time.Duration // that the end takes
}

func (s *spoken) Read(p []byte) (int, error) {
	wait := s.every
	if s.words == 0 {
		wait = s.after
	}
	select {
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	case <-time.After(wait):
	}
	if s.words == 0 {
		return 0, io.EOF
	}
	s.words--
	return copy(p, "word "), nil
}

func (s *spoken) Close() error { return nil }

// answering is a registry that answers in its own time.
type answering func(*http.Request) (*http.Response, error)

func (a answering) RoundTrip(request *http.Request) (*http.Response, error) { return a(request) }

func TestWhoSaysNothingIsGivenUp(t *testing.T) {
	const limit, never = time.Minute, 1000 * time.Hour
	for _, c := range []struct {
		name, method string
		header       time.Duration // that the answer takes to begin
		body         spoken
		want         string
		silent       bool
	}{
		{"at once", "GET", 0, spoken{words: 1}, "word ", false},
		{"never", "GET", never, spoken{}, "", true},
		{"never", "HEAD", never, spoken{}, "", true},
		{"a half", "GET", 0, spoken{words: 1, after: never}, "word ", true},
		{"for longer than the limit, and never silent", "GET", limit / 2, spoken{words: 6, every: limit / 2, after: limit / 2}, "word word word word word word ", false},
		{"stored, which the registry has to do something for", "PUT", 2 * limit, spoken{words: 1}, "word ", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := answering(func(r *http.Request) (*http.Response, error) {
					select {
					case <-r.Context().Done():
						return nil, r.Context().Err()
					case <-time.After(c.header):
					}
					c.body.ctx = r.Context()
					return &http.Response{StatusCode: http.StatusOK, Body: &c.body, Request: r}, nil
				})
				hosts, err := withReadTimeout(func(string) ([]docker.RegistryHost, error) {
					return []docker.RegistryHost{{Client: &http.Client{Transport: transport}}}, nil
				}, limit)("registry.example.com")
				if err != nil {
					t.Fatal(err)
				}
				request, err := http.NewRequestWithContext(t.Context(), c.method, "http://registry.example.com/v2/", nil)
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
		})
	}
}
