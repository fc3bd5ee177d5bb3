package program

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestTheNewestVersionIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		status int
		want   string // "" where it must fail
	}{
		"a release": {"1.10.0\n", 200, "v1.10.0"}, "a candidate": {"1.2.0-rc.1", 200, "v1.2.0-rc.1"}, "no version": {"<html>", 200, ""}, "none": {"1.10.0", 404, ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/releases/latest/download/VERSION" {
				t.Error(r.URL.Path)
			}
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.answer))
		}))
		if got, err := Newest(t.Context(), server.URL+"/releases"); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		server.Close()
	}
}
