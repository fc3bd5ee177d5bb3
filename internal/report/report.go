// Package report is what a run tells at its end: as text for a person, and as JSON for a program.
//
// The JSON is versioned: within one [Version] fields are only added.
package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"lpipe/internal/artifact"
	"lpipe/internal/fault"
	"lpipe/internal/finding"
	"lpipe/internal/foreign"
)

// Version is the version of the JSON's shape.
const Version = 1

// Summary is what one run did.
type Summary struct {
	Version  int      `json:"version"`
	Engine   string   `json:"engine"`
	Local    bool     `json:"-"`           // steps ran in the network of this machine
	Steps    int      `json:"steps"`       // of the build, shared ones once
	Cached   int      `json:"stepsCached"` // of Steps, those that did not run
	Seconds  float64  `json:"seconds"`     // wall time of the run
	Lambdas  []Lambda `json:"lambdas"`
	Status   int      `json:"status"`             // the exit status
	Kind     string   `json:"kind,omitempty"`     // of the error that decided about it, as of [Error]; absent when all went well
	Errors   []Error  `json:"errors,omitempty"`   // all that went wrong
	Notes    []string `json:"notes,omitempty"`    // decisions of lpipe that the user may want to know of
	Warnings []string `json:"warnings,omitempty"` // what may go wrong later
	// CompilerWarnings are about the project's own packages, whether they were compiled now or before.
	CompilerWarnings []finding.Finding `json:"compilerWarnings,omitempty"`
	// Kept is what this run did that the next one on the engine need not do again; absent where that is nothing.
	Kept *Kept `json:"kept,omitempty"`
	// CacheExportFailed is set when everything was built and the cache could not be written.
	CacheExportFailed bool `json:"cacheExportFailed,omitempty"`
}

// End says in the summary how the run ended.
func (s *Summary) End(err error) {
	s.Errors = nil
	for _, f := range fault.Faults(err) {
		s.Status, s.Kind = fault.Worst(err).ExitCode(), fault.Worst(err).String()
		s.Errors = append(s.Errors, Error{Kind: f.Kind.String(), What: f.What, Why: f.Reason(), Fix: f.Fix, Found: len(f.Found.Findings) > 0})
	}
}

// Error is a mistake or failure, in the sentences that a person reads.
type Error struct {
	Kind string `json:"kind"` // build, tests, artifact, publish, engine, no-space, usage or cancelled
	What string `json:"what"`
	Why  string `json:"why,omitempty"`
	Fix  string `json:"fix"`

	Found bool `json:"-"` // failures of the lambdas say more exactly what went wrong
}

// Kept is what a run downloaded, installed and compiled for all later ones.
type Kept struct {
	BaseImage    int64 `json:"baseImage,omitempty"`    // of the base images, the bytes that were downloaded
	Toolchain    bool  `json:"toolchain,omitempty"`    // packages or Rust targets were installed
	Crates       int   `json:"crates,omitempty"`       // that were downloaded, now or before
	Dependencies int   `json:"dependencies,omitempty"` // that were compiled
}

// Lambda is what became of one lambda.
type Lambda struct {
	Name    string `json:"name"`
	Arch    string `json:"arch"`
	Target  string `json:"target"`
	Base    string `json:"base"` // the base image, with the digest that was used when it is known
	Network bool   `json:"network,omitempty"`
	Engine  string `json:"engine,omitempty"` // where it was built, when there are several

	Error string `json:"error,omitempty"` // why there is no result; of the fields below only the next three and the tests are set then
	Kind  string `json:"kind,omitempty"`  // of that, as of [Error]
	// Failures are what failed in the project: tests, what does not compile, build scripts.
	Failures     []finding.Finding `json:"failures,omitempty"`
	MoreFailures int               `json:"moreFailures,omitempty"` // how many there are beside these

	Package        string   `json:"package,omitempty"`
	PackageVersion string   `json:"packageVersion,omitempty"`
	Bootstrap      string   `json:"bootstrap,omitempty"`     // path of the program
	Zip            string   `json:"zip,omitempty"`           // path of the zip
	Size           int64    `json:"size,omitempty"`          // of the program, in bytes
	ZipSize        int64    `json:"zipSize,omitempty"`       // in bytes
	ZipSizeBefore  int64    `json:"zipSizeBefore,omitempty"` // of the zip that was built before and has another size
	ZipSizeMain    int64    `json:"zipSizeMain,omitempty"`   // of the zip of the main branch, where a cache tells it and this one has another
	Smoke          *Smoke   `json:"smoke,omitempty"`         // absent where there is no smoke test, or none could run
	SHA256         string   `json:"sha256,omitempty"`        // of the zip, in hex
	CodeSHA256     string   `json:"codeSha256,omitempty"`
	Extension      string   `json:"extension,omitempty"`  // the name of the program in the zip of an extension
	Layers         []Layer  `json:"layers,omitempty"`     // that the function has beside its zip, but for extensions
	Debug          string   `json:"debug,omitempty"`      // path of the program with its symbols
	Statements     []string `json:"statements,omitempty"` // paths of the statements on the zip
	Tests          *Tests   `json:"tests,omitempty"`      // absent when they were not run
	Image          *Image   `json:"image,omitempty"`      // absent when none was to be pushed

	Cases []finding.Case `json:"-"` // the tests one by one
}

// Layer is the zip of a layer.
type Layer struct {
	artifact.LayerSums
	Zip string `json:"zip"` // its path
}

// Image is what was pushed of a lambda.
type Image struct {
	Names        []string `json:"names"`
	Digest       string   `json:"digest"`
	ConfigDigest string   `json:"configDigest"`
	Error        string   `json:"error,omitempty"` // why it was not pushed
}

// Smoke is what the smoke test measured, now or when its step ran.
type Smoke struct {
	InitMillis float64      `json:"initMillis"`         // from the start of the program until it asked for an event; the best of the starts
	Memory     int64        `json:"memory"`             // the most that the program had at a time, in bytes
	Emulated   bool         `json:"emulated,omitempty"` // under qemu, where numbers say little
	Events     []SmokeEvent `json:"events"`
}

// SmokeEvent is one event of a smoke test, and its answer.
type SmokeEvent struct {
	Event  string  `json:"event"` // as smoke in lpipe.toml has it
	Millis float64 `json:"millis"`
	Size   int64   `json:"size"` // of the answer, in bytes
}

// Tests counts the tests behind a result, whether they ran now or their step was cached.
type Tests struct {
	Passed  int    `json:"passed"`
	Failed  int    `json:"failed"`
	Ignored int    `json:"ignored"`
	Flaky   int    `json:"flaky,omitempty"`  // of those that passed, how many failed at first
	Target  string `json:"target,omitempty"` // the Rust target that they were compiled for
	Runner  string `json:"runner,omitempty"` // "qemu" where they were emulated
	User    string `json:"user,omitempty"`   // who ran them in the image: "tester", the ordinary user, or "root"
}

// shown is the summary as anybody may read it: what is for a person in it is as package foreign has it, the rest is exact.
func (s Summary) shown() Summary {
	s.Engine, s.Notes, s.Warnings, s.Lambdas = foreign.Line(s.Engine), texts(s.Notes), texts(s.Warnings), slices.Clone(s.Lambdas)
	s.CompilerWarnings, s.Errors = findings(s.CompilerWarnings), slices.Clone(s.Errors)
	for i, e := range s.Errors {
		s.Errors[i].What, s.Errors[i].Why, s.Errors[i].Fix = foreign.Text(e.What), foreign.Text(e.Why), foreign.Text(e.Fix)
	}
	for i, l := range s.Lambdas {
		l.Engine, l.Error, l.Failures = foreign.Line(l.Engine), foreign.Text(l.Error), findings(l.Failures)
		if l.Image != nil {
			image := *l.Image
			image.Error = foreign.Text(image.Error)
			l.Image = &image
		}
		s.Lambdas[i] = l
	}
	return s
}

func findings(all []finding.Finding) []finding.Finding {
	all = slices.Clone(all)
	for i, f := range all {
		all[i].Message, all[i].Text = foreign.Text(f.Message), foreign.Text(f.Text)
	}
	return all
}

func texts(all []string) []string {
	all = slices.Clone(all)
	for i := range all {
		all[i] = foreign.Text(all[i])
	}
	return all
}

// JSON writes the summary as one line.
func JSON(w io.Writer, s Summary) error {
	s = s.shown()
	s.Version = Version
	if s.Lambdas == nil {
		s.Lambdas = []Lambda{} // a list, not null, for programs that iterate over it
	}
	return foreign.WriteJSON(w, s, "")
}

// reach says what a step with a network reaches beside other machines, where it is known to be in the network of this one.
func reach(local bool) string {
	if !local {
		return ""
	}
	return ", and what listens on 127.0.0.1 here or on an abstract socket; an engine in a container, such as Docker, keeps them from it"
}

// Notes writes what a person should know of a run, a line each.
func Notes(w io.Writer, notes []string) {
	for _, n := range notes {
		foreign.Fprintf(w, "note: %s\n", n)
	}
}

// Text writes the summary for a person: what the compiler warned of first, in full.
func Text(w io.Writer, s Summary) {
	for _, f := range s.CompilerWarnings {
		if f.Text != "" {
			fmt.Fprintf(w, "%s\n\n", foreign.Text(f.Text))
		}
	}
	for _, l := range s.Lambdas {
		if l.Error != "" {
			foreign.Fprintf(w, "%s: no result: %s\n", l.Name, firstLine(l.Error))
			continue
		}
		foreign.Fprintf(w, "%s  %s  %s\n", l.Name, l.Target, tests(l))
		if l.Network {
			fmt.Fprintln(w, "  WARNING: its build scripts and tests could use the network"+reach(s.Local))
		}
		if l.Zip == "" {
			continue
		}
		if l.Base != "" {
			foreign.Fprintf(w, "  base        %s\n", l.Base)
		}
		fmt.Fprintf(w, "  bootstrap   %s, zip %s%s\n", Size(l.Size), Size(l.ZipSize), growth(l))
		if l.Smoke != nil {
			fmt.Fprintf(w, "  smoke       %s\n", l.Smoke)
		}
		if l.Extension != "" {
			foreign.Fprintf(w, "  extension   %s of a layer\n", l.Extension)
		}
		for _, layer := range l.Layers {
			foreign.Fprintf(w, "  layer       %s, %s, CodeSha256 %s\n", layer.Zip, Size(layer.ZipSize), layer.CodeSHA256)
		}
		fmt.Fprintf(w, "  sha256      %s\n", l.SHA256)
		fmt.Fprintf(w, "  CodeSha256  %s\n", l.CodeSHA256)
		if l.Image != nil && l.Image.Error == "" {
			for _, name := range l.Image.Names {
				foreign.Fprintf(w, "  pushed      %s@%s\n", name, l.Image.Digest)
			}
		}
	}
	Notes(w, s.Notes)
	for _, n := range s.Warnings {
		foreign.Fprintf(w, "warning: %s\n", n)
	}
	if s.Kept != nil {
		fmt.Fprintln(w, "the next build on this engine skips: "+s.Kept.text())
	}
	took := time.Duration(s.Seconds * float64(time.Second))
	fmt.Fprintf(w, "%s, %d cached, %s%s\n", Count(s.Steps, "step", "steps"), s.Cached, compilerWarnings(s), took.Round(10*time.Millisecond))
}

// compilerWarnings counts them for the last line of the summary, "" if there are none.
func compilerWarnings(s Summary) string {
	if len(s.CompilerWarnings) == 0 {
		return ""
	}
	return Count(len(s.CompilerWarnings), "compiler warning", "compiler warnings") + ", "
}

func (k *Kept) text() string {
	var all []string
	if k.BaseImage > 0 {
		all = append(all, fmt.Sprintf("base image (%s)", Size(k.BaseImage)))
	}
	if k.Toolchain {
		all = append(all, "packages and Rust targets")
	}
	if k.Crates > 0 {
		all = append(all, Count(k.Crates, "crate", "crates"))
	}
	if k.Dependencies > 0 {
		all = append(all, Count(k.Dependencies, "compiled dependency", "compiled dependencies"))
	}
	return strings.Join(all, ", ")
}

func tests(l Lambda) string {
	t := l.Tests
	if t == nil {
		return "TESTS NOT RUN (--no-test)"
	}
	text := Count(t.Passed, "test passed", "tests passed")
	if t.Flaky > 0 {
		text += fmt.Sprintf(" (%d flaky)", t.Flaky)
	}
	if t.Ignored > 0 {
		text += fmt.Sprintf(", %d ignored", t.Ignored)
	}
	if t.Target != "" && t.Target != l.Target {
		text += " on " + t.Target
	}
	if t.Runner != "" {
		text += " under " + t.Runner
	}
	return text
}

// Count writes a number of things for a person.
func Count(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

// growth is how the zip differs in size from the one that was built before and from that of the main branch, "" where it does not.
func growth(l Lambda) string {
	var all []string
	if since := by(l.ZipSize, l.ZipSizeBefore); since != "" {
		all = append(all, since)
	}
	if since := by(l.ZipSize, l.ZipSizeMain); since != "" {
		all = append(all, since+" since main")
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, ", ") + ")"
}

// by is the difference of a size and one before, which is 0 where it is not known.
func by(size, before int64) string {
	switch {
	case before == 0 || size == before:
		return ""
	case size < before:
		return "-" + Size(before-size)
	default:
		return "+" + Size(size-before)
	}
}

func (s *Smoke) String() string {
	longest := 0.0
	for _, e := range s.Events {
		longest = max(longest, e.Millis)
	}
	text := fmt.Sprintf("init %.1f ms, memory %s, %s in %.1f ms", s.InitMillis, Size(s.Memory), Count(len(s.Events), "event", "events"), longest)
	if len(s.Events) > 1 {
		text += " at most"
	}
	if s.Emulated {
		text += ", under qemu"
	}
	return text
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// Size writes a number of bytes for a person, in units of 1024.
func Size(n int64) string {
	const unit = 1024
	switch {
	case n < unit:
		return fmt.Sprintf("%d B", n)
	case n < unit*unit:
		return fmt.Sprintf("%.0f KiB", float64(n)/unit)
	case n < unit*unit*unit:
		return fmt.Sprintf("%.1f MiB", float64(n)/unit/unit)
	default:
		return fmt.Sprintf("%.1f GiB", float64(n)/unit/unit/unit)
	}
}
