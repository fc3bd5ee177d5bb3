package solve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/pattern"
	"lpipe/internal/progress"
	"lpipe/internal/symptom"
)

// explain turns the raw errors of the outcomes into faults. Jobs that failed in one shared step share one
// fault, which names all of them.
func explain(r Request, outcomes []Outcome, d *progress.Display) {
	labels := map[digest.Digest][]string{}
	for i, o := range outcomes {
		if dgst := failedStep(r.Jobs[i], o.Err, d); dgst != "" {
			labels[dgst] = append(labels[dgst], r.Jobs[i].Label)
		}
	}
	known := map[digest.Digest]error{}
	for i := range outcomes {
		err := outcomes[i].Err
		if err == nil {
			continue
		}
		dgst := failedStep(r.Jobs[i], err, d)
		if dgst == "" {
			outcomes[i].Err = unexplained(r.Jobs[i].Label, err)
			continue
		}
		if known[dgst] == nil {
			of := strings.Join(labels[dgst], ", ")
			f, stage, log := stepFault(err, of, dgst, d)
			known[dgst] = f
			open := strings.HasSuffix(f.Why, "; its output is above") // nothing is known better
			blame(f, of, stage)
			if open && f.Kind != fault.Tests { // a test may well print the words of any tool
				explainSymptom(f, symptom.Step{Stage: stage, Log: log, Setting: r.Setting}, of)
			}
			if r.Explain != nil {
				known[dgst] = r.Explain(f, stage, log)
			}
		}
		outcomes[i].Err = known[dgst]
	}
}

// outputLines is how much of a failed step's output is repeated where a person looks first: at the end.
const outputLines = 200

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if cut := len(lines) - n; cut > 0 {
		lines = append([]string{fmt.Sprintf("(%d earlier lines are left out)", cut)}, lines[cut:]...)
	}
	return strings.Join(lines, "\n")
}

// failedStep returns the step of a job that failed with an error, "" for none.
func failedStep(j *Job, err error, d *progress.Display) digest.Digest {
	var vertex *errdefs.VertexError
	var old *oldFailure
	switch {
	case errors.As(err, &vertex):
		return digest.Digest(vertex.Digest)
	case errors.As(err, &old):
		return d.Failed(j.steps, old.cause.Error())
	}
	return ""
}

// oldFailure is what engines before BuildKit 0.9 say of a program that failed: text alone, which quotes the whole step.
type oldFailure struct {
	cause error
	exit  error // nil where the program did not end by itself
}

func (e *oldFailure) Error() string { return progress.Brief(e.cause.Error()) }

func (e *oldFailure) Unwrap() []error {
	if e.exit == nil {
		return []error{e.cause}
	}
	return []error{e.exit, e.cause}
}

// typed makes an error of these words one that has a type.
func typed(err error) error {
	if err == nil || errors.As(err, new(*gatewaypb.ExitError)) || !strings.Contains(err.Error(), "executor failed running [") {
		return err
	}
	old := &oldFailure{cause: err}
	var code uint32
	if n, _ := fmt.Sscanf(old.Error(), "exit code: %d", &code); n == 1 {
		old.exit = &gatewaypb.ExitError{ExitCode: code}
	}
	return old
}

// What to do about steps that failed.
const (
	correctTests = "correct the tests that failed, or what they test; lpipe test runs them alone"
	buildAgain   = "run the command again; if that does not help, lpipe doctor looks at what a build needs, and lpipe engine status names the engine's log"
)

// notStarted is how cargo says that what starts the tests is missing.
var notStarted = pattern.Of("(?m)^error: test failed, to rerun pass .*\n\nCaused by:\n  could not execute process `")

// stepFault is the fault for a step that failed; labels are the lambdas that need it.
func stepFault(err error, labels string, dgst digest.Digest, d *progress.Display) (f *fault.Error, stage, log string) {
	o := d.Output(dgst)
	name, stage, log := o.Name, o.Stage, o.Log
	f = &fault.Error{Kind: fault.Build, Err: err, Why: err.Error(), Fix: buildAgain}
	of, ok := dockerfile.StageOf(stage)
	var exit *gatewaypb.ExitError
	if !errors.As(err, &exit) {
		if full(err.Error()) {
			return noSpace(err), stage, log
		}
		f.What = fmt.Sprintf("the step %q of %s failed", name, labels)
		if name == "" { // one that did not begin
			f.What = "building " + labels + " failed"
		}
		return f, stage, log
	}
	f.Why = fmt.Sprintf("the step %q ended with exit status %d; its output is above", name, exit.ExitCode)
	quote(f, o, exit.ExitCode, d)
	switch {
	case stage == dockerfile.StageTest && exit.ExitCode == dockerfile.ExitTests:
		f.Kind = fault.Tests
		f.What = fmt.Sprintf("the tests of %s failed", labels)
		f.Why = "the run of the tests found failures; its output is above"
		f.Fix = correctTests
		if notStarted().MatchString(log) {
			f.Fix = "take runner, which starts the tests, out of cargo's configuration, or add what has its program to packages in [build] of lpipe.toml; " + correctTests
		}
		if strings.Contains(log, "Permission denied (os error 13)") {
			f.Fix += "; where they need to be root, test-user = \"root\" in [build] of lpipe.toml"
		}
	case stage == dockerfile.StageTest && exit.ExitCode == dockerfile.ExitSetup:
		f.What = fmt.Sprintf("the setup of the tests of %s failed", labels)
		f.Fix = "correct test-setup in lpipe.toml, which runs in the image as the user of the tests, or what it runs"
	case ok:
		f.What, f.Fix = fmt.Sprintf(of.Failed, labels), of.Fix
		if why := smokeFailure[exit.ExitCode]; stage == dockerfile.StageSmoke && why != "" {
			f.Kind, f.Why = fault.Artifact, why+"; its output is above, and the last line says where"
		}
		if why := nextestFailure[exit.ExitCode]; stage == dockerfile.StageNextest && why != "" {
			f.Why = why
		}
	default:
		f.What = fmt.Sprintf("building %s failed", labels)
	}
	why, fix := "", ""
	if of.Network {
		why, fix = ownWords(o.Stdout)
	}
	switch {
	case why != "":
		f.Why, f.Fix = why, fix
	case exit.ExitCode == 137:
		f.Why = fmt.Sprintf("the step %q was killed: most often the engine's machine ran out of memory", name)
		f.Fix = "give the engine more memory, or set CARGO_BUILD_JOBS to a small number in [build.env]"
	}
	return f, stage, log
}

// smokeFailure is why a program did not pass its smoke test, by the exit status of smoke.rs.
var smokeFailure = map[uint32]string{
	dockerfile.ExitNotStarted:    "it cannot be started in the image: a dynamic program needs its libraries there too",
	dockerfile.ExitEndedAtStart:  "it ended before it asked for an event, as it would on Lambda",
	dockerfile.ExitSilentAtStart: "it did not ask for an event within the 10 seconds that Lambda gives it to start",
	dockerfile.ExitInitError:     "it reported an error while it started",
	dockerfile.ExitEnded:         "it ended while it had an event to answer",
	dockerfile.ExitSilent:        "it gave no answer in time, for which smoke-timeout in lpipe.toml is the limit",
	dockerfile.ExitFunctionError: "it answered an event with an error",
	dockerfile.ExitTooLarge:      "its answer is larger than Lambda takes",
	dockerfile.ExitSlowInit:      "the best of its starts took longer than init in [budget] of lpipe.toml allows",
	dockerfile.ExitTooMuchMemory: "it had more memory than memory in [budget] of lpipe.toml allows",
}

// nextestFailure is why the image cannot run tests with nextest.
var nextestFailure = map[uint32]string{
	dockerfile.ExitNoNextest:  "test-tool is nextest, and the image has no program cargo-nextest on its PATH",
	dockerfile.ExitOldNextest: "the image's cargo-nextest, whose version is above, does not say what became of each test (--message-format libtest-json-plus), as it does since 0.9.66",
}

// ownWords reads what lpipe's own scripts wrote to the standard output of a step of the Dockerfile, which no code or
// server of others reaches: lines "WHY" and "fix: FIX". Each counts once.
func ownWords(output string) (why, fix string) {
	var whys, fixes []string
	for line := range strings.Lines(output) {
		to := &whys
		text, isFix := strings.CutPrefix(strings.TrimSpace(line), "fix: ")
		if isFix {
			to = &fixes
		}
		if text != "" && !slices.Contains(*to, text) {
			*to = append(*to, text)
		}
	}
	return strings.Join(whys, "\n"), strings.Join(fixes, "\n")
}

// explainSymptom says of a step that failed what the words of a tool in its output mean.
func explainSymptom(f *fault.Error, s symptom.Step, labels string) {
	found, ok := symptom.Find(s)
	if !ok {
		return
	}
	if found.Instead {
		f.What = fmt.Sprintf("building %s failed", labels)
	}
	f.Kind, f.What, f.Why, f.Fix = found.Kind, f.What+": "+found.What, found.Why, found.Fix
}

// unexplained is the fault for an error that no step is responsible for, such as a base image that cannot be
// resolved.
func unexplained(label string, err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	f = &fault.Error{Kind: fault.Build, What: "building " + label + " failed", Err: err, Fix: buildAgain}
	switch {
	case full(err.Error()):
		return noSpace(err)
	case aboutBase(err):
		f.What = "the base image of " + label + " could not be read"
		f.Fix = baseFix(err.Error())
	case gone(err):
		return engineError(err)
	}
	return f
}

// full is true for the words of a system whose disk or quota is full: errno 28 and 122, as C and Go write them.
func full(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "no space left on device") || strings.Contains(text, "disk quota exceeded")
}

func noSpace(err error) *fault.Error {
	return &fault.Error{Kind: fault.NoSpace, What: "the engine's disk is full", Err: err, Fix: symptom.FullFix}
}

// aboutBase is true for a base image whose manifest could not be read.
func aboutBase(err error) bool {
	text := err.Error()
	return strings.Contains(text, unresolved) || strings.Contains(text, "load metadata for")
}

// baseFix is what to do about a base image that could not be read, in the words of Go's programs that read one.
func baseFix(text string) string {
	const elsewhere = "; Docker and other engines have a setting of their own"
	switch {
	case strings.Contains(text, "x509: "):
		return "name the file with the authority's certificate: ca in [network] of lpipe.toml, or SSL_CERT_FILE in lpipe's environment" + elsewhere
	case strings.Contains(text, "proxyconnect "), strings.Contains(text, "Proxy Authentication Required"):
		return "correct HTTPS_PROXY, with the login that the proxy wants: http://USER:PASSWORD@HOST:PORT" + elsewhere
	}
	return "check [build] base in lpipe.toml, and that the engine reaches its registry, which may take HTTPS_PROXY; [registry.\"HOST\"] sets a CA, mirrors or plain HTTP"
}

// unresolved opens the errors about base images, in BuildKit's words.
const unresolved = "failed to resolve source metadata for"

func gone(err error) bool {
	text := strings.ReplaceAll(err.Error(), "Service Unavailable", "") // a registry's 503
	return strings.Contains(text, "Unavailable") || strings.Contains(text, "transport is closing") ||
		strings.Contains(text, "error reading from server: EOF") || strings.Contains(text, "connection refused")
}

// engineError says in one sentence that the engine went away or refused the run.
func engineError(err error) error {
	if full(err.Error()) {
		return noSpace(err)
	}
	if gone(err) {
		return &fault.Error{
			Kind: fault.Engine, What: "the engine went away during the build", Err: err,
			Fix: "run the command again; when it happens again, look at the engine's log (lpipe engine status) and at its machine's memory",
		}
	}
	return &fault.Error{Kind: fault.Engine, What: "the engine could not run the build", Err: err, Fix: buildAgain}
}

func cancelled(ctx context.Context) error {
	return &fault.Error{
		Kind: fault.Cancelled, What: "cancelled", Err: context.Cause(ctx),
		Fix: "run the command again: finished steps and what was downloaded are kept, and no file of an earlier build was changed",
	}
}
