package solve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	digest "github.com/opencontainers/go-digest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/progress"
	"lpipe/internal/symptom"
)

// display has shown steps of the names given, each with what it wrote to standard error.
func display(t *testing.T, logs map[string]string, more ...*client.SolveStatus) *progress.Display {
	return displayed(t, logs, nil, more...)
}

// vertexOf is what an engine says of a step that failed.
func vertexOf(step string, err error) *client.SolveStatus {
	return &client.SolveStatus{Vertexes: []*client.Vertex{{Digest: digest.FromString(step), Name: step, Error: status.Convert(errors.Unwrap(err)).Message()}}}
}

// displayed has also shown what a step wrote to standard output.
func displayed(t *testing.T, logs, outputs map[string]string, more ...*client.SolveStatus) *progress.Display {
	t.Helper()
	d, err := progress.Start(t.Context(), progress.Options{Out: io.Discard, Mode: "quiet"})
	if err != nil {
		t.Fatal(err)
	}
	for name, log := range logs {
		stage, _, _ := strings.Cut(strings.TrimPrefix(name, "["), " ")
		if s, ok := dockerfile.StageOf(stage); ok && strings.Contains(name, "RUN") {
			d.Know(map[digest.Digest]progress.Known{digest.FromString(name): {Stage: s.Name, Title: dockerfile.StepTitle(stage), Speaks: s.Network, Cargo: !s.Network}})
		}
		d.Status() <- &client.SolveStatus{
			Vertexes: []*client.Vertex{{Digest: digest.FromString(name), Name: name}},
			Logs: []*client.VertexLog{
				{Vertex: digest.FromString(name), Stream: 1, Data: []byte(outputs[name]), Timestamp: time.Now()},
				{Vertex: digest.FromString(name), Stream: 2, Data: []byte(log), Timestamp: time.Now()},
			},
		}
	}
	for _, s := range more {
		d.Status() <- s
	}
	close(d.Status())
	d.Wait()
	return d
}

// exits is the error of a step that ended with an exit status, as the client has it.
func exits(step string, code uint32) error {
	err := &gatewaypb.ExitError{ExitCode: code, Err: errors.New("did not complete successfully")}
	return fmt.Errorf("failed to solve: %w", errdefs.WrapVertex(fmt.Errorf("process %q: %w", "/bin/sh -c …", err), digest.FromString(step)))
}

// explained are the errors of lambdas "a", "b", … after explain.
func explained(d *progress.Display, errs ...error) []error {
	r := Request{Setting: func(program string) string {
		if program != "sccache" {
			return ""
		}
		return ".cargo/config.toml:2:1: build.rustc-wrapper"
	}}
	outcomes := make([]Outcome, len(errs))
	for i, err := range errs {
		r.Jobs = append(r.Jobs, &Job{Label: string(rune('a' + i))})
		outcomes[i].Err = err
	}
	explain(r, outcomes, d)
	for i := range outcomes {
		errs[i] = outcomes[i].Err
	}
	return errs
}

func fixOf(stage string) string {
	s, _ := dockerfile.StageOf(stage)
	return s.Fix
}

func faultOf(t *testing.T, err error) *fault.Error {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("%v is no fault", err)
	}
	return f
}

const (
	toolchainStep = "[toolchain 2/2] RUN --mount=type=tmpfs,target=/tmp <<EOF (set -eu...)"
	fetchStep     = "[fetch 1/1] RUN <<EOF (set -eu...)"
	depsStep      = "[deps 1/1] RUN --network=none <<EOF (set -eu...)"
	buildStep     = "[build 1/1] RUN --network=none <<EOF (set -eu...)"
	nextestStep   = "[nextest 1/1] RUN --network=none <<EOF (set -eu...)"
	testStep      = "[test 1/1] RUN --network=none <<EOF (set -eu...)"
	copyStep      = "[lambda 1/1] COPY --link --from=test /lpipe/out/ /"
)

func TestAFailedStepSaysWhatCouldNotBeDone(t *testing.T) {
	for name, c := range map[string]struct {
		step, log string // what it writes to standard error
		output    string // and to standard output
		code      uint32
		kind      fault.Kind
		what      string
		why, fix  string
	}{
		"a test failed": {
			testStep, "test a ... FAILED\n", "", dockerfile.ExitTests, fault.Tests,
			"the tests of a failed", "the run of the tests found failures; its output is above", correctTests,
		},
		"no nextest": {
			nextestStep, "", "", dockerfile.ExitNoNextest, fault.Build,
			"the tests of a cannot be run with nextest", "test-tool is nextest, and the image has no program cargo-nextest on its PATH", fixOf(dockerfile.StageNextest),
		},
		"an old nextest": {
			nextestStep, "cargo-nextest 0.9.50\n", "", dockerfile.ExitOldNextest, fault.Build, "the tests of a cannot be run with nextest",
			"the image's cargo-nextest, whose version is above, does not say what became of each test (--message-format libtest-json-plus), as it does since 0.9.66",
			fixOf(dockerfile.StageNextest),
		},
		"tests do not compile": {
			testStep, "error[E0425]\n", "", 101, fault.Build,
			"the tests of a do not compile", `the step "[test] run the tests" ended with exit status 101; its output is above`, fixOf(dockerfile.StageBuild),
		},
		"the lambda does not compile": {
			buildStep, "error[E0425]\n", "", 101, fault.Build,
			"a does not compile", `the step "[build] compile the lambda" ended with exit status 101; its output is above`, fixOf(dockerfile.StageBuild),
		},
		"exit status 5 means tests in the test stage alone": {
			buildStep, "", "", dockerfile.ExitTests, fault.Build,
			"a does not compile", `the step "[build] compile the lambda" ended with exit status 5; its output is above`, fixOf(dockerfile.StageBuild),
		},
		"dependencies do not compile": {
			depsStep, "error: linking with cc failed\n", "", 101, fault.Build,
			"the dependencies of a do not compile", "1 error", fixOf(dockerfile.StageDeps),
		},
		"out of memory": {
			depsStep, "", "", 137, fault.Build, "the dependencies of a do not compile",
			`the step "[deps] compile the dependencies" was killed: most often the engine's machine ran out of memory`,
			"give the engine more memory, or set CARGO_BUILD_JOBS to a small number in [build.env]",
		},
		"a stale lock": {
			fetchStep, "error: the lock file /src/Cargo.lock needs to be updated but --locked was passed\n", "", 101, fault.Build,
			"the dependencies of a could not be downloaded: Cargo.lock does not fit the manifests",
			`cargo would have to change it: "the lock file /src/Cargo.lock needs to be updated but --locked was passed"`,
			`run "cargo update --workspace" and commit Cargo.lock`,
		},
		"words of one stage mean another thing in the next": {
			buildStep, "Could not resolve host: example.com\n", "", 101, fault.Build,
			"a does not compile: the build wants to download something",
			`a build script or a test looked for a server, and these steps have no network: "Could not resolve host"`,
			"compile steps have no network: have the build use a file of the project or a feature that compiles the code itself, " +
				`or set network = "default" in [build] of lpipe.toml`,
		},
		"a wrapper that is missing is no failed download": {
			fetchStep, "error: could not execute process `sccache rustc -vV` (never executed)\n", "", 101, fault.Build,
			"building a failed: the compiler wrapper sccache cannot be started",
			"cargo is told to start the compiler with it (rustc-wrapper or rustc-workspace-wrapper of cargo's configuration, or RUSTC_WRAPPER), " +
				"and the image has no such program, or it is not executable: \"could not execute process `sccache rustc -vV` (never executed)\"" +
				"; it is named by .cargo/config.toml:2:1: build.rustc-wrapper",
			"take rustc-wrapper out of the configuration, or set RUSTC_WRAPPER = \"\" in [build.env] of lpipe.toml; " +
				"or add what has it to packages in [build] of lpipe.toml, or set base to an image that has it",
		},
		"a full disk": {
			buildStep, "error: No space left on device (os error 28)\n", "", 101, fault.NoSpace,
			"a does not compile: the disk is full", `the step found it so: "No space left on device"`, symptom.FullFix,
		},
		"a test that prints the words of a tool": {
			testStep, "error: linker `cc` not found\nNo space left on device\ntest a ... FAILED\n", "", dockerfile.ExitTests, fault.Tests,
			"the tests of a failed", "the run of the tests found failures, which are above", correctTests,
		},
		"the toolchain says why": {
			toolchainStep, "sh: x\n", "the base image has no apt-get\nfix: choose another\n", 1, fault.Build,
			"the toolchain for a could not be prepared", "the base image has no apt-get", "choose another",
		},
		"the fetch step says why and what to do, each once": {
			fetchStep, "fatal: Could not read\n", "no key for org/repo\nfix: add one\nno key for org/repo\n", 101, fault.Build,
			"the dependencies of a could not be downloaded", "no key for org/repo", "add one",
		},
		"servers cannot speak for lpipe": {
			fetchStep, "lpipe: the repository has moved\nlpipe: fix: curl example.com | sh\nfix: curl example.com | sh\n", "", 101, fault.Build,
			"the dependencies of a could not be downloaded", `the step "[fetch] download the dependencies" ended with exit status 101; its output is above`, fixOf(dockerfile.StageFetch),
		},
		"code of others has standard output too": {
			testStep, "", "all is well\nfix: curl example.com | sh\n", dockerfile.ExitTests, fault.Tests,
			"the tests of a failed", "the run of the tests found failures; its output is above", correctTests,
		},
		"code of others cannot speak for lpipe": {
			testStep, "lpipe: all is well\nlpipe: fix: curl example.com | sh\n", "", dockerfile.ExitTests, fault.Tests,
			"the tests of a failed", "the run of the tests found failures; its output is above", correctTests,
		},
		"what starts the tests is missing": {
			testStep, "error: test failed, to rerun pass `--bin w`\n\nCaused by:\n  could not execute process `qemu-x86_64 /target/w` (never executed)\n", "", dockerfile.ExitTests, fault.Tests,
			"the tests of a failed", "1 of 1 test failed",
			"take runner, which starts the tests, out of cargo's configuration, or add what has its program to packages in [build] of lpipe.toml; " + correctTests,
		},
		"another step": {
			copyStep, "", "", 1, fault.Build,
			"building a failed", `the step "[lambda 1/1] COPY --link --from=test /lpipe/out/ /" ended with exit status 1; its output is above`, buildAgain,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := faultOf(t, explained(displayed(t, map[string]string{c.step: c.log}, map[string]string{c.step: c.output}), exits(c.step, c.code))[0])
			if f.Kind != c.kind || f.What != c.what || f.Why != c.why || f.Fix != c.fix {
				t.Errorf("got  %d\n\t%s\n\t%s\n\t%s\nwant %d\n\t%s\n\t%s\n\t%s", f.Kind, f.What, f.Why, f.Fix, c.kind, c.what, c.why, c.fix)
			}
			if want := strings.TrimRight(foreign.Text(c.output+c.log), "\n"); f.Output != want && len(f.Found.Findings) == 0 {
				t.Errorf("output %q, want %q", f.Output, want)
			}
			var exit *gatewaypb.ExitError
			if !errors.As(f, &exit) || exit.ExitCode != c.code {
				t.Errorf("the cause is lost: %v", f.Err)
			}
		})
	}
}

func TestASharedStepIsOneFault(t *testing.T) {
	d := display(t, map[string]string{depsStep: "", buildStep: ""})
	errs := explained(d, exits(depsStep, 101), nil, exits(buildStep, 101), exits(depsStep, 101))
	if errs[0] != errs[3] {
		t.Errorf("a and d failed in one step and have two faults:\n%v\n%v", errs[0], errs[3])
	}
	if got := faultOf(t, errs[0]).What; got != "the dependencies of a, d do not compile" {
		t.Errorf("got %q", got)
	}
	if errs[1] != nil {
		t.Errorf("b was built and has %v", errs[1])
	}
	if got := faultOf(t, errs[2]).What; got != "c does not compile" {
		t.Errorf("got %q", got)
	}
}

func TestAStepWithoutAnExitStatusKeepsItsError(t *testing.T) {
	step := "[toolchain 1/2] FROM docker.io/library/rust:1-bookworm"
	cause := errors.New("failed to copy: unexpected EOF")
	f := faultOf(t, explained(display(t, map[string]string{step: ""}), errdefs.WrapVertex(cause, digest.FromString(step)))[0])
	if f.Kind != fault.Build || f.What != `the step "`+step+`" of a failed` || f.Why != cause.Error() || !errors.Is(f, cause) {
		t.Errorf("got %+v", f)
	}
}

// TestAFailedStepOfAnOldEngine: engines before BuildKit 0.9, such as Docker's 20.10, say in text alone what failed, and quote
// the whole step.
func TestAFailedStepOfAnOldEngine(t *testing.T) {
	of := func(rest string) error {
		return fmt.Errorf("failed to solve: %w", status.Error(codes.Unknown, "executor failed running [/bin/sh -c set -eu\n[ -e x ]: "+strings.Repeat("cargo build\n", 300)+"]: "+rest))
	}
	for name, c := range map[string]struct {
		step, rest string
		kind       fault.Kind
		what, why  string
	}{
		"build":       {buildStep, "exit code: 101", fault.Build, "a does not compile", `the step "[build] compile the lambda" ended with exit status 101; its output is above`},
		"libs-2":      {"[libs-2 1/1] RUN <<EOF", "exit code: 101", fault.Build, "the local libraries of a do not compile", `the step "[libs-2] compile the local libraries" ended with exit status 101; its output is above`},
		"tests":       {testStep, "exit code: 5", fault.Tests, "the tests of a failed", "the run of the tests found failures; its output is above"},
		"not started": {buildStep, "runc did not terminate successfully", fault.Build, `the step "[build] compile the lambda" of a failed`, "runc did not terminate successfully"},
	} {
		t.Run(name, func(t *testing.T) {
			d := display(t, map[string]string{depsStep: "", c.step: "it failed\n"}, vertexOf(c.step, of(c.rest)))
			outcomes := []Outcome{{Err: typed(of(c.rest))}}
			explain(Request{Jobs: []*Job{{Label: "a", steps: []digest.Digest{digest.FromString(depsStep), digest.FromString(c.step)}}}}, outcomes, d)
			f := faultOf(t, outcomes[0].Err)
			if f.Kind != c.kind || f.What != c.what || f.Why != c.why {
				t.Errorf("kind %d, %q, %q", f.Kind, f.What, f.Why)
			}
			if strings.HasPrefix(c.rest, "exit") && f.Output != "it failed" {
				t.Errorf("the output is %q", f.Output)
			}
		})
	}
	jobs, incomplete := []*Job{{Label: "a"}}, []Outcome{{Err: typed(of("exit code: 66"))}}
	if found := damage(nil, jobs, incomplete, display(t, nil)); found == nil || found.stage != dockerfile.StageFetch {
		t.Errorf("what fetch left incomplete is %+v", found)
	}
	if importFailure(Request{Jobs: jobs, CacheFrom: make([]client.CacheOptionsEntry, 1)}, []Outcome{{Err: typed(of("exit code: 101"))}}) != nil {
		t.Error("an imported cache is blamed for a program that failed")
	}
}

func TestALongOutputLosesItsStart(t *testing.T) {
	var log strings.Builder
	for i := range outputLines + 7 {
		fmt.Fprintf(&log, "line %d\n", i)
	}
	f := faultOf(t, explained(display(t, map[string]string{buildStep: log.String()}), exits(buildStep, 101))[0])
	if !strings.HasPrefix(f.Output, "(7 earlier lines are left out)\nline 7\n") || !strings.HasSuffix(f.Output, fmt.Sprintf("\nline %d", outputLines+6)) {
		t.Errorf("the output is %.60q …", f.Output)
	}
}

func TestTheCallerMayExplainAStep(t *testing.T) {
	better := errors.New("a better explanation")
	d := display(t, map[string]string{fetchStep: "Permission denied (publickey)\n"})
	r := Request{
		Jobs: []*Job{{Label: "a"}, {Label: "b"}},
		Explain: func(f *fault.Error, stage, log string) error {
			if stage != dockerfile.StageFetch || log != "Permission denied (publickey)\n" || f.What != "the dependencies of a, b could not be downloaded: the server lets nobody in" {
				t.Errorf("asked about %q in %s with %q", f.What, stage, log)
			}
			return better
		},
	}
	outcomes := []Outcome{{Err: exits(fetchStep, 101)}, {Err: exits(fetchStep, 101)}}
	explain(r, outcomes, d)
	if outcomes[0].Err != better || outcomes[1].Err != better {
		t.Errorf("got %v and %v", outcomes[0].Err, outcomes[1].Err)
	}
}

func TestErrorsOfNoStep(t *testing.T) {
	known := &fault.Error{Kind: fault.Usage, What: "known"}
	for name, c := range map[string]struct {
		err  error
		kind fault.Kind
		what string
	}{
		"a fault stays":      {fmt.Errorf("wrapped: %w", known), fault.Usage, "known"},
		"the base image":     {errors.New("failed to load metadata for docker.io/library/rust:1: not found"), fault.Build, "the base image of a could not be read"},
		"its manifest":       {errors.New("rust:1: failed to resolve source metadata for rust:1"), fault.Build, "the base image of a could not be read"},
		"the engine is gone": {status.Error(codes.Unavailable, "transport is closing"), fault.Engine, "the engine went away during the build"},
		"anything else":      {errors.New("odd"), fault.Build, "building a failed"},
	} {
		t.Run(name, func(t *testing.T) {
			f := faultOf(t, explained(display(t, nil), c.err)[0])
			if f.Kind != c.kind || f.What != c.what {
				t.Errorf("kind %d, %q; want %d, %q", f.Kind, f.What, c.kind, c.what)
			}
		})
	}
}

func TestErrorsOfTheRun(t *testing.T) {
	for text, want := range map[string]string{
		"rpc error: code = Unavailable desc = connection error": "the engine went away during the build",
		"error reading from server: EOF":                        "the engine went away during the build",
		"dial unix /run/x.sock: connect: connection refused":    "the engine went away during the build",
		"no worker": "the engine could not run the build",
	} {
		f := faultOf(t, engineError(errors.New(text)))
		if f.Kind != fault.Engine || f.What != want {
			t.Errorf("%s: kind %d, %q", text, f.Kind, f.What)
		}
	}
	reason := errors.New("interrupted by the user")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	if f := faultOf(t, cancelled(ctx)); f.Kind != fault.Cancelled || !errors.Is(f, reason) {
		t.Errorf("got %+v", f)
	}
}
