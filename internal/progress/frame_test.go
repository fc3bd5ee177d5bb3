package progress

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/screen"
	"lpipe/internal/testparts/golden"
)

// sizes are those of the terminals of the golden files.
var sizes = []screen.Style{{Width: 80, Height: 24}, {Width: 200, Height: 50}, {Width: 40, Height: 12}}

// engineClock is what the engine of the tests believes that it is: another time than here.
var engineClock = time.Unix(1000000000, 0)

// terminalBuild is a build on a terminal whose engine says what a test has it say.
type terminalBuild struct {
	*Display
	t     *testing.T
	began time.Time
}

func newTerminalBuild(t *testing.T, lambdas ...string) *terminalBuild {
	b := &terminalBuild{&Display{board: newBoard(progressui.TtyMode, lambdas)}, t, time.Now()}
	b.heard = b.began
	return b
}

func (b *terminalBuild) now() time.Time { return engineClock.Add(time.Since(b.began)) }

func (b *terminalBuild) heed(s *client.SolveStatus) {
	b.hear(time.Now())
	b.observe(s)
}

// vertex says something about the step called id.
func (b *terminalBuild) vertex(id string, change func(v *client.Vertex)) digest.Digest {
	dgst := digest.FromString(id)
	v := &client.Vertex{Digest: dgst, Name: id}
	if old := b.steps[dgst]; old != nil {
		*v = old.vertex
		v.Name = old.raw
	}
	change(v)
	b.heed(&client.SolveStatus{Vertexes: []*client.Vertex{v}})
	return dgst
}

func (b *terminalBuild) start(id string, k Known, labels ...string) digest.Digest {
	dgst := digest.FromString(id)
	b.Know(map[digest.Digest]Known{dgst: k})
	for _, label := range labels {
		b.Own(label, []digest.Digest{dgst})
	}
	return b.vertex(id, func(v *client.Vertex) { now := b.now(); v.Started = &now })
}

func (b *terminalBuild) done(id string) {
	b.vertex(id, func(v *client.Vertex) { now := b.now(); v.Completed = &now })
}

func (b *terminalBuild) fail(id, message string) {
	b.vertex(id, func(v *client.Vertex) { now := b.now(); v.Completed, v.Error = &now, message })
}

func (b *terminalBuild) cached(id string, k Known, labels ...string) {
	b.start(id, k, labels...)
	b.vertex(id, func(v *client.Vertex) { now := b.now(); v.Completed, v.Cached = &now, true })
}

func (b *terminalBuild) prints(id, text string, stream int) {
	b.heed(&client.SolveStatus{Logs: []*client.VertexLog{{Vertex: digest.FromString(id), Stream: stream, Data: []byte(text), Timestamp: b.now()}}})
}

func (b *terminalBuild) layer(id, layer string, there, size int64) {
	b.heed(&client.SolveStatus{Statuses: []*client.VertexStatus{{
		ID: digest.FromString(layer).String(), Vertex: digest.FromString(id), Current: there, Total: size, Timestamp: b.now(),
	}}})
}

// screens are moments of a build, by name, in their order.
type screens struct {
	names  []string
	frames map[string]screen.Frame
}

func (s *screens) take(name string, b *terminalBuild) {
	if s.frames == nil {
		s.frames = map[string]screen.Frame{}
	}
	s.names = append(s.names, name)
	s.frames[name] = b.frame(time.Now())
}

// What package solve says of the steps of the Dockerfile.
var (
	toolchainStep = Known{Stage: "toolchain", Short: "toolchain", Speaks: true}
	fetchStep     = Known{Stage: "fetch", Short: "downloads", Speaks: true}
	depsStep      = Known{Stage: "deps", Short: "dependencies", Work: CompilesDependencies, Most: 214}
	libsStep      = Known{Stage: "libs", Short: "libraries", Work: CompilesLibraries}
	buildStep     = Known{Stage: "build", Work: CompilesLambda}
	testStep      = Known{Stage: "test", Work: RunsTests}
)

const (
	base    = "[toolchain 1/2] FROM docker.io/library/rust:1@sha256:0123"
	failure = "process \"/bin/sh -c set -eu\" did not complete successfully: exit code: 101"
	mib     = 1 << 20
)

// firstOfThree is a first build of three lambdas.
func firstOfThree(t *testing.T, s *screens) {
	all := []string{"api", "jobs", "price"}
	b := newTerminalBuild(t, all...)
	s.take("nothing yet", b)
	b.vertex("fetch", func(*client.Vertex) {}) // an engine announces steps in any order
	b.start("resolve image config for docker-image://docker.io/library/rust:1", Known{})
	time.Sleep(2 * time.Second)
	s.take("the registry is asked", b)
	b.done("resolve image config for docker-image://docker.io/library/rust:1")
	b.start("[context] skeleton-api", Known{}, all...)
	b.heed(&client.SolveStatus{Statuses: []*client.VertexStatus{{ID: "transferring skeleton-api", Vertex: digest.FromString("[context] skeleton-api"), Current: 42 << 10, Timestamp: b.now()}}})
	b.start(base, Known{}, all...)
	b.Layers(digest.FromString(base), 2)
	b.layer(base, "one", 0, 100*mib)
	time.Sleep(4 * time.Second)
	b.layer(base, "one", 40*mib, 100*mib)
	s.take("the base image is downloaded", b)
	b.done("[context] skeleton-api")
	b.layer(base, "one", 100*mib, 100*mib)
	b.layer(base, "two", 50*mib, 50*mib)
	time.Sleep(5 * time.Second)
	s.take("the base image is unpacked", b)
	b.done(base)
	b.start("toolchain", toolchainStep, all...)
	b.prints("toolchain", "now: installing the Rust target x86_64-unknown-linux-musl\n", stdout)
	time.Sleep(3 * time.Second)
	s.take("the toolchain is prepared", b)
	b.done("toolchain")
	b.start("fetch", fetchStep, all...)
	b.prints("fetch", "crates: 0 212 0\n", stdout)
	time.Sleep(3 * time.Second)
	b.prints("fetch", "crates: 37 212 14680064\n", stdout)
	s.take("crates are downloaded", b)
	b.prints("fetch", "crates: 190 190 83886080\n", stdout)
	b.done("fetch")
	b.start("deps", depsStep, all...)
	for i := range 31 {
		b.prints("deps", fmt.Sprintf("   Compiling crate-%d v1.0.0\n", i), 2)
	}
	b.prints("deps", "   Compiling crate-30 v1.0.0\n   Compiling api v0.1.0 (/src/api)\nwarning: Compiling x v1\n", 2)
	time.Sleep(64 * time.Second)
	s.take("dependencies compile", b)
	b.done("deps")
	b.start("libs", libsStep, all...)
	b.prints("libs", "   Compiling money v0.0.0 (/src/money)\n", 2)
	time.Sleep(2 * time.Second)
	s.take("libraries compile", b)
	b.done("libs")
	b.start("libs-2", libsStep, all...)
	b.prints("libs-2", "   Compiling trade v0.0.0 (/src/trade)\n   Compiling tax v0.0.0 (/src/tax)\n", 2)
	time.Sleep(2 * time.Second)
	b.done("libs-2")
	for _, l := range all {
		b.start("build "+l, buildStep, l)
		b.start("test "+l, testStep, l)
	}
	time.Sleep(7 * time.Second)
	b.done("build api")
	b.prints("test api", "   Compiling api v0.1.0 (/src/api)\n", 2)
	b.done("build jobs")
	b.prints("test jobs", "\nrunning 8 tests\ntest a::b ... ok\ntest c ... ignored, slow\n", stdout)
	b.prints("build price", "   Compiling price v0.1.0 (/src/price)\n", 2)
	s.take("lambdas compile and are tested", b)
	b.prints("test jobs", "test d ... FAILED\ntest e ... ok\n", stdout)
	b.prints("build price", "error[E0425]: cannot find value `amount` in this scope\n --> price/src/main.rs:7:13\n", 2)
	b.fail("build price", failure)
	b.End("price", Ended{Err: errors.New("failed to solve: " + failure)})
	b.prints("test api", "running 1 test\ntest one ... ok\n", stdout)
	time.Sleep(time.Second)
	s.take("one does not compile, a test of another fails", b)
	b.done("test api")
	b.End("api", Ended{Size: 1468006})
	b.fail("test jobs", failure)
	b.End("jobs", Ended{Err: errors.New("failed to solve: " + failure)})
	s.take("one is done", b)
}

// edit is a build after an edit of one of two lambdas, on an engine that stops to answer.
func edit(t *testing.T, s *screens) {
	b := newTerminalBuild(t, "api", "jobs")
	b.cached(base, Known{}, "api", "jobs")
	for id, k := range map[string]Known{"toolchain": toolchainStep, "fetch": fetchStep, "deps": depsStep} {
		b.cached(id, k, "api", "jobs")
	}
	b.cached("build api", buildStep, "api")
	b.cached("test api", testStep, "api")
	b.End("api", Ended{Size: 1468006})
	b.start("build jobs", buildStep, "jobs")
	time.Sleep(20 * time.Second)
	s.take("an edit of one lambda", b)
	b.done("build jobs")
	b.start("importing cache manifest from registry.example/cache:main", Known{})
	time.Sleep(20 * time.Second)
	s.take("a silent engine", b)
}

// sharedFailure is a build whose dependencies do not compile, for two architectures.
func sharedFailure(t *testing.T, s *screens) {
	b := newTerminalBuild(t, "api/arm64", "api/x86_64")
	b.start("deps arm64", depsStep, "api/arm64")
	time.Sleep(time.Second)
	b.start("deps x86_64", depsStep, "api/x86_64")
	b.prints("deps arm64", "   Compiling openssl-sys v0.9.0\n", 2)
	time.Sleep(2 * time.Second)
	s.take("dependencies for two architectures", b)
	b.prints("deps arm64", "error: failed to run custom build command for `openssl-sys v0.9.0`\n", 2)
	b.fail("deps arm64", failure)
	b.fail("deps x86_64", "context canceled")
	for _, l := range b.lambdas {
		b.End(l, Ended{Err: errors.New("failed to solve: " + failure)})
	}
	s.take("dependencies that do not compile", b)
}

// fifty is a build of as many lambdas, some of them with long names.
func fifty(t *testing.T, s *screens) {
	var all []string
	for i := range 50 {
		name := fmt.Sprintf("lambda-%02d", i)
		if i%10 == 7 {
			name = fmt.Sprintf("department-of-payments/reconciliation-of-accounts-%02d", i)
		}
		all = append(all, name)
	}
	b := newTerminalBuild(t, all...)
	b.start("deps", depsStep, all...)
	for i := range 214 {
		b.prints("deps", fmt.Sprintf("   Compiling crate-%d v1.0.0\n", i), 2)
	}
	time.Sleep(90 * time.Second)
	s.take("fifty wait", b)
	b.done("deps")
	for _, l := range all[:20] {
		b.start("build "+l, buildStep, l)
	}
	time.Sleep(5 * time.Second)
	s.take("twenty of fifty compile", b)
	for i, l := range all[:12] {
		if i%5 == 3 {
			b.prints("build "+l, "error[E0308]: mismatched types\n --> src/main.rs:3:5\n", 2)
			b.fail("build "+l, failure)
			b.End(l, Ended{Err: errors.New(failure)})
			continue
		}
		b.done("build " + l)
		b.End(l, Ended{Size: 1468006})
	}
	b.cached("build "+all[49], buildStep, all[49])
	b.End(all[49], Ended{Size: 1468006})
	s.take("two of fifty do not compile", b)
	for _, l := range all[12:20] {
		b.fail("build "+l, failure)
		b.End(l, Ended{Err: errors.New(failure)})
	}
	for _, l := range all[20:49] {
		b.start("build "+l, buildStep, l)
		b.fail("build "+l, failure)
		b.End(l, Ended{Err: errors.New(failure)})
	}
	s.take("most of fifty do not compile", b)
}

func TestScreens(t *testing.T) {
	var s screens
	for _, build := range []func(*testing.T, *screens){firstOfThree, edit, sharedFailure, fifty} {
		synctest.Test(t, func(t *testing.T) { build(t, &s) })
	}
	for _, size := range sizes {
		var text strings.Builder
		for _, name := range s.names {
			f := s.frames[name]
			fmt.Fprintf(&text, "== %s\n", name)
			lines := f.Lines(size)
			if len(lines) >= size.Height {
				t.Errorf("%s: %d lines on a terminal of %d", name, len(lines), size.Height)
			}
			for _, line := range lines {
				if n := len([]rune(line)); n >= size.Width {
					t.Errorf("%s: a line of %d columns on a terminal of %d: %s", name, n, size.Width, line)
				}
				text.WriteString(line + "\n")
			}
			if ran := f.Ran(size); strings.HasPrefix(name, "one ") {
				fmt.Fprintf(&text, "-- what stays\n%s\n", strings.Join(ran, "\n"))
			}
		}
		golden.Check(t, fmt.Sprintf("testdata/screens-%dx%d.golden", size.Width, size.Height), text.String())
	}
}

// TestNoScreenHasTheWordsOfTheBuilding: what the engine calls its steps is nothing that a user knows.
func TestNoScreenHasTheWordsOfTheBuilding(t *testing.T) {
	var s screens
	for _, build := range []func(*testing.T, *screens){firstOfThree, edit, sharedFailure, fifty} {
		synctest.Test(t, func(t *testing.T) { build(t, &s) })
	}
	for name, f := range s.frames {
		for _, line := range f.Lines(sizes[1]) {
			for _, word := range []string{"[", "skeleton", "docker.io", "sha256", "transferring", "/bin/sh", "stub", "closure"} {
				if strings.Contains(strings.ReplaceAll(line, "error[", ""), word) {
					t.Errorf("%s: %q has %q", name, line, word)
				}
			}
		}
	}
}

func TestWhatIsLeftIsEstimatedFromTheLastBuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := func(last map[string]int) (*terminalBuild, string) {
			b := newTerminalBuild(t, "api", "dependencies")
			b.last = last
			b.start("deps", depsStep, b.lambdas...)
			time.Sleep(20 * time.Second)
			shown := b.frame(time.Now()).Shared[0].Text
			time.Sleep(50 * time.Second)
			shown += "|" + b.frame(time.Now()).Shared[0].Text
			b.done("deps")
			b.start("build api", buildStep, "api")
			time.Sleep(4 * time.Second)
			shown += "|" + b.frame(time.Now()).Lambdas[0].Text
			time.Sleep(3 * time.Second)
			b.done("build api")
			b.End("api", Ended{Size: mib})
			b.cached("build dependencies", buildStep, "dependencies")
			b.End("dependencies", Ended{Size: mib})
			return b, shown
		}
		first, shown := run(nil)
		if shown != "||compiling" {
			t.Errorf("the first build shows %q", shown)
		}
		took := first.Took()
		if want := map[string]int{"step dependencies": 70, "lambda api": 7}; !maps.Equal(took, want) {
			t.Errorf("it took %v, want %v", took, want)
		}
		if _, shown = run(took); shown != "about 50s left||compiling, about 3s left" {
			t.Errorf("the second build shows %q", shown)
		}
	})
}

func TestAnAttemptThatBeginsAgainForgetsWhatEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTerminalBuild(t, "api")
		b.start("build api", buildStep, "api")
		b.done("build api")
		b.End("api", Ended{Err: errors.New("gone")})
		b.Again()
		if got := b.frame(time.Now()).Lambdas[0]; got.State != screen.Waiting || got.Text != "waiting" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestEnginesHaveRowsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTerminalBuild(t, "api", "jobs")
		for _, engine := range []string{"one", "two"} {
			id := "deps of " + engine
			b.start(id, depsStep)
			b.engines[digest.FromString(id)] = engine
		}
		time.Sleep(time.Second)
		var names []string
		for _, row := range b.frame(time.Now()).Shared {
			names = append(names, row.Name)
		}
		if want := []string{"dependencies on one", "dependencies on two"}; !slices.Equal(names, want) {
			t.Errorf("got %q, want %q", names, want)
		}
	})
}

// FuzzFollow: whatever a step prints, a screen has whole lines that are narrow enough.
func FuzzFollow(f *testing.F) {
	for _, seed := range []string{
		"   Compiling a v1\n", "running 999999 tests\ntest x ... ok\n", "error[E1]: x\n --> y\n", "error: \n", "test \n ... FAILED\n", "\xff\x1b[2J日本\n",
	} {
		f.Add([]byte(seed), uint8(40), uint8(10))
	}
	f.Fuzz(func(t *testing.T, text []byte, width, height uint8) {
		b := newTerminalBuild(t, "api", "日本語の関数")
		b.start("deps", depsStep, b.lambdas...)
		b.start("test api", testStep, "api")
		for _, id := range []string{"deps", "test api"} {
			b.prints(id, string(text), stdout)
		}
		style := screen.Style{Width: int(width) + 1, Height: int(height) + 1}
		check := func() {
			lines := b.frame(time.Now()).Lines(style)
			if len(lines) > max(1, style.Height-1) {
				t.Errorf("%d lines on a terminal of %d", len(lines), style.Height)
			}
			for _, line := range lines {
				if strings.ContainsAny(line, "\n\r\x1b") || screen.Rows([]string{line}, screen.Style{Width: max(1, style.Width), Height: 100}) > 1 {
					t.Errorf("%q on a terminal of %d columns", line, style.Width)
				}
			}
		}
		check()
		b.fail("test api", string(text))
		b.fail("deps", string(text))
		check()
	})
}

// The names are those of BuildKit's frontend and solver, and of package solve.
func TestStepsOutsideOfTheDockerfileHaveNamesOfTheirOwn(t *testing.T) {
	for raw, want := range map[string]string{
		base:                                  "base image",
		"[context base] OCI load from client": "base image",
		"resolve image config for docker-image://docker.io/library/rust:1": "base image",
		"[context] libraries-2-price":                                      "sources",
		"importing cache manifest from registry.example/c:main":            "cache",
		"exporting cache to registry":                                      "cache",
		"exporting to GitHub Actions Cache":                                "cache",
		"[auth] library/rust:pull token for registry":                      "",
		"[cache] keep price":                                               "",
		"[bootstrap 1/1] COPY --link --from=build /lpipe/out/ /":           "",
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newTerminalBuild(t)
			b.start(raw, Known{})
			time.Sleep(time.Second)
			got := ""
			for _, row := range b.frame(time.Now()).Shared {
				got += row.Name
			}
			if got != want {
				t.Errorf("%q is shown as %q, want %q", raw, got, want)
			}
		})
	}
}
