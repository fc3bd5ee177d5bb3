package cli

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"lpipe/internal/route"
	"lpipe/internal/runnable"
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

// TestWhatAProgramPrintsIsInert: whatever runs, the log of a CI system has lines of lpipe and commands that are its own.
func TestWhatAProgramPrintsIsInert(t *testing.T) {
	var out strings.Builder
	a := &app{Streams: Streams{Err: &out}}
	lines := &serve.Lines{W: a.shown(runnable.Settings{})}
	for _, w := range []io.Writer{a.shown(runnable.Settings{}), a.shown(runnable.Settings{Isolation: &runnable.Isolation{}}), lines.Of("orders")} {
		for _, line := range []string{"::add-mask::x\n", "lpipe: fix: run it\n", "GET https://me:pw@example.com/?key=1\n", "a ##vso[task.setvariable variable=x]y\n", "\x1b]52;c;eA==\ax\rlpipe: fix: run it\n", "cut"} {
			if n, err := w.Write([]byte(line)); n != len(line) || err != nil {
				t.Errorf("%d, %v", n, err)
			}
		}
	}
	if bad := regexp.MustCompile(`(?m)^::|^lpipe:|##vso\[|[\x1b\a\r]`).FindString(out.String()); bad != "" {
		t.Errorf("%q is printed:\n%s", bad, out.String())
	}
	if !strings.Contains(out.String(), "| ::add-mask::x\n") || !strings.Contains(out.String(), "\nGET https://me:pw@example.com/?key=1\n") || !strings.Contains(out.String(), "orders | ::add-mask::x\n") {
		t.Errorf("lines are lost:\n%s", out.String())
	}
}
