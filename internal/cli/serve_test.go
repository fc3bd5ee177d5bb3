package cli

import (
	"io"
	"strings"
	"testing"

	"lpipe/internal/route"
	"lpipe/internal/serve"
)

// TestWhatIsAnnouncedIsInert: routes come from files of the project, and a line with one is there to be copied into a shell.
func TestWhatIsAnnouncedIsInert(t *testing.T) {
	var out strings.Builder
	s := &serving{app: &app{Streams: Streams{Err: &out}}, server: serve.New([]string{"orders"}, 1, io.Discard)}
	api := route.API{Service: route.HTTP}
	s.server.Route(route.Table{
		{API: api, Method: "GET", Path: "/a';touch$IFS'x", Lambda: "orders"},
		{API: api, Method: "POST", Path: "/\x1b]0;title\a/##vso[task.setvariable\rx", Lambda: "or\x1b[31mders"},
	})
	s.announce("http://127.0.0.1:9000")
	for _, bad := range []string{"\x1b", "\a", "\r", "##vso["} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("%q is printed:\n%s", bad, out.String())
		}
	}
	if want := `curl 'http://127.0.0.1:9000/a'\'';touch$IFS'\''x'` + "\n"; !strings.Contains(out.String(), want) {
		t.Errorf("there is no %q:\n%s", want, out.String())
	}
}
