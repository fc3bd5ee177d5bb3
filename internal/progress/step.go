package progress

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/finding"
	"lpipe/internal/foreign"
)

// tail is how many bytes of the end of a step's output are kept for the report of a failure.
const tail = 1 << 20

// stdout is BuildKit's number of a step's standard output.
const stdout = 1

type step struct {
	raw, name string // BuildKit's name, and the one shown
	cached    bool
	completed bool
	started   bool
	failed    bool
	from, to  time.Time // of the engine's clock
	begun     time.Time // when it was heard that it started, by the clock of this machine
	number    int       // in the order in which steps were heard of
	log       []byte
	stdout    []byte                  // of log, what the step wrote to standard output
	streams   map[int]*foreign.Stream // by BuildKit's numbers
	vertex    client.Vertex           // as it is drawn
	cargo     bool                    // as of [Known]
	findings  finding.Reader
	// begunCrates are those that cargo says it compiles, of a step of cargo.
	begunCrates []Crate

	download
	compileRun
	testRun
}

// OwnerMark is what follows the name of a context and precedes the word that says whose it is, which is not shown.
const OwnerMark = "@"

// Step is one step as it went.
type Step struct {
	Stage      string // of the Dockerfile, whose program it ran; "" for every other step
	Name       string // as it is shown
	Cached     bool
	Failed     bool
	Start, End time.Time // by the engine's clock
	Layers     int64     // bytes of the layers that it downloaded
	Crates     int       // that the step says it has
	Now        string    // what it said last that it does
	Log        string    // what it said, or the end of that if it is long
	ID         string    // tells it from others
	After      []string  // the IDs of the steps that it waits for
	Compiled   []Crate   // what cargo began to compile in it, in that order
}

// Crate is a crate that cargo began to compile.
type Crate struct {
	Name string    // with its version
	At   time.Time // by the engine's clock
}

// Steps returns all steps that ended, in no order.
func (d *Display) Steps() []Step {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Step
	for dgst, s := range d.steps {
		if s.completed && !s.from.IsZero() {
			one := Step{
				d.known[dgst].Stage, s.name, s.cached, s.failed, s.from, s.to, s.downloaded(), s.crates.there, s.now, string(s.log), string(dgst), nil, s.begunCrates,
			}
			for _, input := range s.vertex.Inputs {
				one.After = append(one.After, string(input))
			}
			all = append(all, one)
		}
	}
	return all
}

// Output is what a step said up to now.
type Output struct {
	Stage  string // of the Dockerfile, whose program it ran; "" for every other step
	Name   string // as it is shown
	Log    string // all of it, or the end if it is long
	Stdout string // of it, what was written to standard output
	Found  finding.Report
}

// Failed returns which of the steps failed with the error of this text, "" for none.
func (d *Display) Failed(steps []digest.Digest, text string) digest.Digest {
	d.mu.Lock()
	defer d.mu.Unlock()
	text = foreign.Text(text)
	for _, dgst := range steps {
		if s := d.steps[d.key(dgst)]; s != nil && s.vertex.Error != "" && strings.Contains(text, s.vertex.Error) {
			return dgst
		}
	}
	return ""
}

// Output returns what the step said.
func (d *Display) Output(dgst digest.Digest) Output {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := d.key(dgst)
	if s := d.steps[key]; s != nil {
		s.rest(key) // a line that has not ended is remembered too
		return Output{d.known[key].Stage, s.name, string(s.log), string(s.stdout), s.findings.Report()}
	}
	return Output{}
}

// observe remembers the status, renames its steps, and makes all of its text fit to be shown. It returns lines about
// downloads for a display of lines.
func (d *Display) observe(status *client.SolveStatus) (lines []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var failures []*client.VertexLog
	for _, v := range status.Vertexes {
		s := d.step(v.Digest)
		if s.completed && v.Started != nil && v.Completed == nil { // it runs again
			s.findings = finding.Reader{}
		}
		s.cached = s.cached || v.Cached
		s.started = s.started || v.Started != nil
		s.completed = s.completed || v.Completed != nil
		if v.Started != nil && s.from.IsZero() {
			s.from, s.begun = *v.Started, time.Now()
		}
		if v.Completed != nil {
			s.to = *v.Completed
		}
		name := cmp.Or(d.known[v.Digest].Title, v.Name)
		if owners := d.owners[v.Digest]; len(owners) == 1 && len(d.labels) > 1 {
			for label := range owners {
				name = label + " " + name
			}
		}
		if engine := d.engines[v.Digest]; engine != "" {
			name += " on " + engine
		}
		name, v.Error = foreign.Line(name), foreign.Text(v.Error)
		if v.ProgressGroup != nil {
			v.ProgressGroup.Name = foreign.Line(v.ProgressGroup.Name)
		}
		s.raw, s.name, v.Name = v.Name, name, name
		s.failed = s.failed || v.Error != ""
		s.vertex = *v
		if d.mode == progressui.PlainMode && v.Error != "" && !strings.HasSuffix(v.Error, context.Canceled.Error()) {
			// At its end the plain display repeats a random part of the output of each step with an error, and the
			// whole command. The failure is reported by lpipe, with all of the output.
			failures = append(failures, &client.VertexLog{
				Vertex: v.Digest, Data: []byte("FAILED: " + Brief(v.Error) + "\n"), Timestamp: time.Now(),
			})
			v.Error = ""
		}
	}
	if d.mode == progressui.PlainMode { // why a step was cancelled is what another one failed with
		status.Vertexes = slices.DeleteFunc(status.Vertexes, func(v *client.Vertex) bool { return strings.HasSuffix(v.Error, context.Canceled.Error()) })
	}
	for _, s := range status.Statuses {
		if name, _, ok := strings.Cut(s.ID, OwnerMark); ok && strings.HasPrefix(s.ID, "transferring ") {
			s.ID = name + ":"
		}
		s.ID, s.Name = foreign.Line(s.ID), foreign.Line(s.Name)
	}
	for _, w := range status.Warnings {
		w.Short, w.URL = []byte(foreign.Line(string(w.Short))), foreign.Line(w.URL)
		for i := range w.Detail {
			w.Detail[i] = []byte(foreign.Line(string(w.Detail[i])))
		}
		if w.SourceInfo != nil {
			w.SourceInfo.Filename, w.SourceInfo.Data = foreign.Line(w.SourceInfo.Filename), []byte(foreign.Text(string(w.SourceInfo.Data)))
		}
	}
	for _, l := range status.Logs {
		s := d.step(l.Vertex)
		if s.streams[l.Stream] == nil {
			s.streams[l.Stream] = &foreign.Stream{}
		}
		l.Data = s.streams[l.Stream].Lines(l.Data)
		if l.Stream == stdout && d.known[l.Vertex].Speaks {
			others := s.heed(l.Data, l.Timestamp)
			s.remember(l.Stream, others)
			if d.mode != progressui.RawJSONMode {
				l.Data = others
			}
			continue
		}
		s.remember(l.Stream, l.Data)
		if d.mode == progressui.TtyMode {
			s.follow(d.known[l.Vertex].Work, l.Data)
		}
		if s.cargo = d.known[l.Vertex].Cargo; s.cargo {
			s.begin(l.Data, l.Timestamp)
			if rest := s.read(l.Data); d.mode != progressui.RawJSONMode {
				l.Data = rest
			}
		}
	}
	for _, v := range status.Vertexes {
		if s := d.step(v.Digest); s.completed {
			status.Logs = append(status.Logs, s.rest(v.Digest)...)
			if !s.failed && d.mode != progressui.RawJSONMode {
				status.Logs = append(status.Logs, s.withheld(v.Digest)...)
			}
		}
	}
	status.Logs = append(status.Logs, failures...)
	status.Logs = slices.DeleteFunc(status.Logs, func(l *client.VertexLog) bool { return len(l.Data) == 0 })
	return d.downloads(status)
}

// rest are the lines of all steps that have not ended.
func (d *Display) rest() *client.SolveStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	status := &client.SolveStatus{}
	for dgst, s := range d.steps {
		status.Logs = append(status.Logs, s.rest(dgst)...)
	}
	return status
}

// rest are the lines of the step that have not ended.
func (s *step) rest(dgst digest.Digest) []*client.VertexLog {
	var logs []*client.VertexLog
	for number, stream := range s.streams {
		if line := stream.End(); len(line) > 0 {
			l := &client.VertexLog{Vertex: dgst, Stream: number, Data: line, Timestamp: time.Now()}
			s.remember(number, line)
			if s.cargo {
				s.read(line)
			}
			logs = append(logs, l)
		}
	}
	return logs
}

// remember keeps the end of the step's output.
func (s *step) remember(stream int, lines []byte) {
	s.log = lastBytes(append(s.log, lines...))
	if stream == stdout {
		s.stdout = lastBytes(append(s.stdout, lines...))
	}
}

// read reads lines for findings, and returns those that are part of none: the report of a failure has them.
func (s *step) read(lines []byte) (rest []byte) {
	for line := range bytes.Lines(lines) {
		if !s.findings.Line(strings.TrimSuffix(string(line), "\n")) {
			rest = append(rest, line...)
		}
	}
	return rest
}

// withheld are the lines of findings of a step that did not fail, which nothing else shows.
func (s *step) withheld(dgst digest.Digest) (logs []*client.VertexLog) {
	for _, f := range s.findings.Report().Findings {
		if f.Text != "" {
			logs = append(logs, &client.VertexLog{Vertex: dgst, Stream: stdout, Data: []byte(f.Text + "\n"), Timestamp: time.Now()})
		}
	}
	s.findings = finding.Reader{}
	return logs
}

func lastBytes(log []byte) []byte { return log[max(0, len(log)-tail):] }

// Brief is the error of a step without the command, which BuildKit quotes in full.
func Brief(text string) string {
	if _, after, found := strings.Cut(text, "did not complete successfully: "); found {
		return after
	}
	if _, after, found := strings.Cut(text, "executor failed running ["); found { // before BuildKit 0.9
		return after[max(0, strings.LastIndex(after, "]: ")+len("]: ")):]
	}
	return text
}

func (d *Display) step(dgst digest.Digest) *step {
	if d.steps[dgst] == nil {
		d.steps[dgst] = &step{streams: map[int]*foreign.Stream{}, number: len(d.steps)}
	}
	return d.steps[dgst]
}
