package progress

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/foreign"
)

var (
	from      = digest.FromString("from")
	fetch     = digest.FromString("fetch")
	toolchain = digest.FromString("toolchain")
)

const fromName = "[toolchain 1/2] FROM docker.io/library/rust:1"

// ofLayer is a status of the download of a layer, at a second of the engine's clock.
func ofLayer(name string, second, there, size int64) *client.SolveStatus {
	start := time.Unix(1000000000, 0)
	v := &client.VertexStatus{
		ID: digest.FromString(name).String(), Vertex: from, Current: there, Total: size, Started: &start, Timestamp: start.Add(time.Duration(second) * time.Second),
	}
	if there == size {
		v.Completed = &v.Timestamp
	}
	return &client.SolveStatus{Statuses: []*client.VertexStatus{v}}
}

// says is a line of a step's standard output, at a second of the engine's clock.
func says(dgst digest.Digest, second int64, line string) *client.SolveStatus {
	return &client.SolveStatus{Logs: []*client.VertexLog{{
		Vertex: dgst, Stream: stdout, Data: []byte(line + "\n"), Timestamp: time.Unix(1000000000+second, 0),
	}}}
}

// firstBuild is what an engine says in a first build.
func firstBuild() []*client.SolveStatus {
	const mib = 1 << 20
	return []*client.SolveStatus{
		vertex(from, fromName, "runs"),
		ofLayer("one", 0, 0, 100*mib),
		ofLayer("one", 1, 10*mib, 100*mib),
		ofLayer("two", 3, 0, 50*mib),
		ofLayer("one", 3, 100*mib, 100*mib),
		ofLayer("two", 13, 20*mib, 50*mib),
		ofLayer("two", 14, 50*mib, 50*mib),
		vertex(from, fromName, "done"),
		vertex(toolchain, "[toolchain 2/2] RUN", "runs"),
		says(toolchain, 15, "now: installing the packages musl-tools"),
		log(toolchain, "Get:1 http://deb.debian.org/debian\n"),
		says(toolchain, 17, "now: installing the Rust targets x86_64-unknown-linux-musl"),
		vertex(toolchain, "[toolchain 2/2] RUN", "done"),
		vertex(fetch, "[fetch 1/1] RUN", "runs"),
		says(fetch, 20, "crates: 0 212 0"),
		says(fetch, 23, "crates: 37 212 14680064"),
		log(fetch, " Downloaded itoa v1.0.0\n"),
		says(fetch, 29, "crates: 180 212 73400320"),
		says(fetch, 30, "crates: 190 190 83886080"),
		vertex(fetch, "[fetch 1/1] RUN", "done"),
	}
}

func TestLinesTellOfDownloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		d, err := Start(t.Context(), Options{Out: &out, Mode: "plain"})
		if err != nil {
			t.Fatal(err)
		}
		d.Know(known)
		d.Layers(from, 2)
		for _, s := range firstBuild() {
			d.Status() <- s
			time.Sleep(4 * time.Second)
		}
		close(d.Status())
		d.Wait()
		var lines []string
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "lpipe:") {
				lines = append(lines, strings.TrimSuffix(line, "\n"))
			}
		}
		want := []string{
			"lpipe: downloading 10.0 MiB of at least 100.0 MiB, 10.0 MiB/s: " + fromName,
			"lpipe: downloading 120.0 MiB of 150.0 MiB, 2.0 MiB/s: " + fromName,
			"lpipe: installing the packages musl-tools: [toolchain] work",
			"lpipe: installing the Rust targets x86_64-unknown-linux-musl: [toolchain] work",
			"lpipe: downloading crates, 37 of at most 212, 14.0 MiB, 4.7 MiB/s: [fetch] work",
		}
		if !slices.Equal(lines, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
		}
		if shown := out.String(); strings.Contains(shown, "sha256:") || strings.Contains(shown, "crates: ") || !strings.Contains(shown, "Downloaded itoa") {
			t.Errorf("shown:\n%s", shown)
		}
	})
}

func TestDownloadsAreRememberedInEachMode(t *testing.T) {
	for _, mode := range Modes {
		var out bytes.Buffer
		d, err := Start(t.Context(), Options{Out: &out, Mode: mode})
		if err != nil {
			t.Fatal(err)
		}
		d.Know(known)
		statuses := firstBuild()
		for _, s := range statuses {
			d.Status() <- s
		}
		close(d.Status())
		d.Wait()
		got := map[string]string{}
		for _, s := range d.Steps() {
			got[s.Name] = fmt.Sprintf("%d bytes, %d crates", s.Layers, s.Crates)
		}
		if got[fromName] != "157286400 bytes, 0 crates" || got["[fetch] work"] != "0 bytes, 190 crates" {
			t.Errorf("%s: %v", mode, got)
		}
		if o := d.Output(fetch); o.Stdout != "" || o.Log != " Downloaded itoa v1.0.0\n" {
			t.Errorf("%s: the step is remembered to have said %+v", mode, o)
		}
		if mode == "quiet" && out.Len() > 0 {
			t.Errorf("quiet: got %q", out.String())
		}
		if mode != "rawjson" {
			continue
		}
		var layers, counts int
		for line := range strings.Lines(out.String()) {
			var s client.SolveStatus
			if err := json.Unmarshal([]byte(line), &s); err != nil {
				t.Fatal(err)
			}
			layers += len(s.Statuses)
			for _, l := range s.Logs {
				if strings.HasPrefix(string(l.Data), "crates: ") {
					counts++
				}
			}
			for _, v := range s.Vertexes {
				if strings.Contains(v.Name, "downloading") {
					t.Errorf("rawjson has the name %q", v.Name)
				}
			}
		}
		if layers != 6 || counts != 4 {
			t.Errorf("rawjson has %d statuses of layers and %d counts:\n%s", layers, counts, out.String())
		}
	}
}

// What others print is no count, whatever it looks like.
func TestOthersDoNotCount(t *testing.T) {
	line := []byte("crates: 1 2 3\nnow: yours\n")
	for name, l := range map[string]*client.VertexLog{
		"standard error of the step":  {Vertex: fetch, Stream: 2, Data: line},
		"a step that runs their code": {Vertex: build, Stream: stdout, Data: line},
	} {
		d, out := show(t, "plain", nil, vertex(l.Vertex, map[digest.Digest]string{fetch: "[fetch 1/1] RUN", build: "[build 1/1] RUN"}[l.Vertex], "done"), &client.SolveStatus{Logs: []*client.VertexLog{l}})
		for _, s := range d.steps {
			if s.now != "" || s.crates != (crates{}) {
				t.Errorf("%s: counted", name)
			}
		}
		if !strings.Contains(out, "crates: 1 2 3") || strings.Contains(out, "lpipe:") {
			t.Errorf("%s: shown is\n%s", name, out)
		}
	}
}

// Whatever a step says, what is taken from it is whole lines of the two kinds, and the rest stays.
func FuzzHeed(f *testing.F) {
	for _, seed := range []string{
		"crates: 1 2 3\n", "now: x\n", "crates: 1 2\ncrates: -1 2 3\nwhy\nfix: do\n", "crates: 99999999999999999999 1 1\n", "now: \n", "lpipe: x\nnow: lpipe: y", "\xff\x00\n\n",
	} {
		f.Add([]byte(seed))
	}
	own := regexp.MustCompile(`^(now: .+|crates: \d+ \d+ \d+)\n?$`)
	f.Fuzz(func(t *testing.T, said []byte) {
		s := &step{name: "name"}
		var stream foreign.Stream
		lines := append(stream.Lines(said), stream.End()...)
		rest := s.heed(bytes.Clone(lines), time.Now())
		for line := range bytes.Lines(lines) {
			if after, ok := bytes.CutPrefix(rest, line); ok {
				rest = after
			} else if !own.Match(line) {
				t.Errorf("%q was taken from %q", line, lines)
			}
		}
		if len(rest) > 0 || strings.Contains(s.text(), "\n") {
			t.Errorf("of %q is left %q, and shown %q", lines, rest, s.text())
		}
	})
}
