package cli

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lpipe/internal/fault"
)

func TestANewerVersionIsNamed(t *testing.T) {
	const mine = "v1.2.0"
	for _, c := range []struct {
		name, answer string
		status       int
		want         string // of the output, "" where it must fail
	}{
		{"newer", "1.10.0\n", 200, "lpipe v1.10.0 is there, and this is " + mine + ": URL/download/v1.10.0/install.sh installs it\n"},
		{"older", "1.2.0-rc.1\n", 200, "lpipe " + mine + " is the newest\n"},
		{"no version", "<html>", 200, ""},
		{"none", "1.10.0", 404, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/releases/latest/download/VERSION" {
					t.Error(r.URL.Path)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.answer))
			}))
			defer server.Close()
			var out strings.Builder
			err := (&app{Streams: Streams{Out: &out}}).checkVersion(t.Context(), server.URL+"/releases", mine)
			if (err != nil) != (c.want == "") || strings.ReplaceAll(out.String(), server.URL+"/releases", "URL") != c.want {
				t.Errorf("%v\n%s\nwant %s", err, out.String(), c.want)
			}
			if f := new(fault.Error); c.want == "" && (!errors.As(err, &f) || f.Fix == "") {
				t.Errorf("%v says nothing of what to do", err)
			}
		})
	}
	if err := (&app{}).checkVersion(t.Context(), "", mine); err == nil {
		t.Error("a program that knows no releases found one")
	}
}
