// Package progress shows all solves of one run in one display, and remembers what a report needs of them: how
// many steps there were, how many were cached, and the last words of each.
//
// It draws with BuildKit's progressui, so the modes are its modes. It decides nothing about the build. What steps print
// and are called is text of others, and is shown and remembered as package foreign has it.
package progress

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	digest "github.com/opencontainers/go-digest"
	"golang.org/x/term"

	"lpipe/internal/foreign"
)

// Modes are the displays that --progress chooses from: auto is tty on a terminal and plain elsewhere; quiet
// shows nothing; rawjson is BuildKit's status stream, one JSON object a line.
var Modes = []string{"auto", "plain", "tty", "quiet", "rawjson"}

// silence is how long an engine may say nothing before a line says that lpipe is still waiting.
const silence = 15 * time.Second

// tail is how many bytes of the end of a step's output are kept for the report of a failure.
const tail = 1 << 20

// stdout is BuildKit's number of a step's standard output.
const stdout = 1

// Options of a display.
type Options struct {
	Out  io.Writer // standard error; a terminal when it is an *os.File of one
	Mode string    // one of [Modes]
	// Rename returns the name to show for a step, from BuildKit's name for it.
	Rename func(name string) string
}

// Display shows the steps of one run. It is ready after [Start] and must be ended with Wait.
type Display struct {
	in     chan *client.SolveStatus
	engine string // of a part, see [Display.Part]
	*board
}

// board is what all parts of a display share.
type board struct {
	said chan string
	done chan struct{}

	mode   progressui.DisplayMode
	rename func(string) string

	mu      sync.Mutex
	owners  map[digest.Digest]map[string]bool
	engines map[digest.Digest]string // of the steps of parts
	labels  map[string]bool
	steps   map[digest.Digest]*step
}

type step struct {
	raw, name string // BuildKit's name, and the one shown
	cached    bool
	completed bool
	started   bool
	from, to  time.Time // of the engine's clock
	log       []byte
	stdout    []byte                  // of log, what the step wrote to standard output
	streams   map[int]*foreign.Stream // by BuildKit's numbers
}

// Start opens the display. Pass Status to exactly one client call, which closes it.
func Start(ctx context.Context, o Options) (*Display, error) {
	mode, out := progressui.DisplayMode(o.Mode), o.Out
	if mode == progressui.AutoMode {
		mode = progressui.PlainMode
		if f, ok := o.Out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			mode = progressui.TtyMode
		}
	}
	ui, err := progressui.NewDisplay(out, mode)
	if mode == progressui.TtyMode && err != nil || mode == progressui.PlainMode {
		// A terminal that cannot be drawn on gets lines: a display never fails a build.
		mode, out = progressui.PlainMode, &lineWriter{w: o.Out}
		ui, err = progressui.NewDisplay(out, mode)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the progress display: %w", err)
	}
	d := &Display{in: make(chan *client.SolveStatus), board: &board{
		said:    make(chan string),
		done:    make(chan struct{}),
		rename:  o.Rename,
		mode:    mode,
		owners:  map[digest.Digest]map[string]bool{},
		engines: map[digest.Digest]string{},
		labels:  map[string]bool{},
		steps:   map[digest.Digest]*step{},
	}}
	heartbeat := io.Discard
	if mode == progressui.PlainMode {
		heartbeat = between{out.(*lineWriter)}
	}
	go d.run(context.WithoutCancel(ctx), ui, heartbeat)
	return d, nil
}

// Status is the channel to hand to the BuildKit client.
func (d *Display) Status() chan *client.SolveStatus { return d.in }

// Flush returns when all that was sent to Status before is remembered, for Output and Count.
func (d *Display) Flush() {
	// The display takes the next status when it is done with the last; a part has one more on its way.
	d.in <- &client.SolveStatus{}
	d.in <- &client.SolveStatus{}
}

// Wait returns when the channel was closed and everything is drawn.
func (d *Display) Wait() { <-d.done }

// ShowsFailure reports whether the output of a failed step is the last thing on the display when Wait returns.
func (d *Display) ShowsFailure() bool { return d.mode == progressui.TtyMode }

// Own says that the steps are part of building the lambda called label. A step that only one of several
// lambdas has is shown with its label.
func (d *Display) Own(label string, steps []digest.Digest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.labels[label] = true
	for _, s := range steps {
		s = d.key(s)
		d.engines[s] = d.engine
		if d.owners[s] == nil {
			d.owners[s] = map[string]bool{}
		}
		d.owners[s][label] = true
	}
}

// Again says that all is done once more: the steps up to now do not count.
func (d *Display) Again() {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.owners, func(s digest.Digest, _ map[string]bool) bool { return d.engines[s] == d.engine })
}

// Count returns how many steps ran or were found in the cache, and how many of them were found. Sending a
// context is no step: it is looked at each time.
func (d *Display) Count() (steps, cached int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for dgst, s := range d.steps {
		if d.owners[dgst] == nil || !s.completed || strings.HasPrefix(s.raw, "[context") {
			continue
		}
		steps++
		if s.cached {
			cached++
		}
	}
	return steps, cached
}

// Step is one step as it went.
type Step struct {
	Name       string
	Cached     bool
	Start, End time.Time // by the engine's clock
}

// Steps returns all steps that ended, in no order.
func (d *Display) Steps() []Step {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Step
	for _, s := range d.steps {
		if s.completed && !s.from.IsZero() {
			all = append(all, Step{s.name, s.cached, s.from, s.to})
		}
	}
	return all
}

// Output is what a step said up to now.
type Output struct {
	Step   string // the step, by BuildKit's name
	Name   string // as it is shown
	Log    string // all of it, or the end if it is long
	Stdout string // of it, what was written to standard output
}

// Output returns what the step said.
func (d *Display) Output(dgst digest.Digest) Output {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.steps[d.key(dgst)]; s != nil {
		s.rest(dgst) // a line that has not ended is remembered too
		return Output{s.raw, s.name, string(s.log), string(s.stdout)}
	}
	return Output{}
}

func (d *Display) run(ctx context.Context, ui progressui.Display, heartbeat io.Writer) {
	defer close(d.done)
	drawn := make(chan *client.SolveStatus)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		_, _ = ui.UpdateFrom(ctx, drawn)
		for range drawn { // a display that gave up must not block the build
		}
	}()
	last, said := time.Now(), time.Now()
	tick := time.NewTicker(silence / 3)
	defer tick.Stop()
	for {
		select {
		case status, ok := <-d.in:
			if !ok {
				if rest := d.rest(); len(rest.Logs) > 0 {
					drawn <- rest
				}
				close(drawn)
				<-finished
				return
			}
			last = time.Now()
			d.observe(status)
			if len(status.Vertexes)+len(status.Statuses)+len(status.Logs)+len(status.Warnings) > 0 {
				drawn <- status
			}
		case line := <-d.said:
			d.say(line, heartbeat, drawn)
		case <-tick.C:
			if time.Since(last) >= silence && time.Since(said) >= silence {
				said = time.Now()
				foreign.Fprintf(heartbeat, "lpipe: no word from the engine for %s%s\n", time.Since(last).Round(time.Second), d.running())
			}
		}
	}
}

// observe remembers the status, renames its steps, and makes all of its text fit to be shown.
func (d *Display) observe(status *client.SolveStatus) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, v := range status.Vertexes {
		s := d.step(v.Digest)
		s.cached = s.cached || v.Cached
		s.started = s.started || v.Started != nil
		s.completed = s.completed || v.Completed != nil
		if v.Started != nil && s.from.IsZero() {
			s.from = *v.Started
		}
		if v.Completed != nil {
			s.to = *v.Completed
		}
		name := v.Name
		if d.rename != nil {
			name = d.rename(name)
		}
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
		if d.mode == progressui.PlainMode && v.Error != "" && !strings.HasSuffix(v.Error, context.Canceled.Error()) {
			// At its end the plain display repeats a random part of the output of each step with an error, and the
			// whole command. The failure is reported by lpipe, with all of the output.
			status.Logs = append(status.Logs, &client.VertexLog{
				Vertex: v.Digest, Data: []byte("FAILED: " + brief(v.Error) + "\n"), Timestamp: time.Now(),
			})
			v.Error = ""
		}
	}
	for _, s := range status.Statuses {
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
		s.remember(l)
	}
	for _, v := range status.Vertexes {
		if s := d.step(v.Digest); s.completed {
			status.Logs = append(status.Logs, s.rest(v.Digest)...)
		}
	}
	status.Logs = slices.DeleteFunc(status.Logs, func(l *client.VertexLog) bool { return len(l.Data) == 0 })
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
			s.remember(l)
			logs = append(logs, l)
		}
	}
	return logs
}

// remember keeps the end of the step's output.
func (s *step) remember(l *client.VertexLog) {
	s.log = lastBytes(append(s.log, l.Data...))
	if l.Stream == stdout {
		s.stdout = lastBytes(append(s.stdout, l.Data...))
	}
}

func lastBytes(log []byte) []byte { return log[max(0, len(log)-tail):] }

// brief is a step's error without the command, which BuildKit quotes in full.
func brief(text string) string {
	_, after, found := strings.Cut(text, "did not complete successfully: ")
	if !found {
		return text
	}
	return after
}

func (d *Display) step(dgst digest.Digest) *step {
	if d.steps[dgst] == nil {
		d.steps[dgst] = &step{streams: map[int]*foreign.Stream{}}
	}
	return d.steps[dgst]
}

// running names a step that is under way.
func (d *Display) running() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.steps {
		if s.started && !s.completed {
			return "; running " + s.name
		}
	}
	return ""
}
