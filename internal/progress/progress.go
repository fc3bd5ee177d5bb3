// Package progress shows all solves of one run in one display, and remembers what a report needs of them: how
// many steps there were, how many were cached, and the last words of each.
//
// On a terminal it draws the lines of package screen; elsewhere BuildKit's progressui draws. It decides nothing about the
// build. What steps print and are called is text of others, and is shown and remembered as package foreign has it.
package progress

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	digest "github.com/opencontainers/go-digest"
	"golang.org/x/term"

	"lpipe/internal/foreign"
)

// Modes are the displays that --progress chooses from: auto is tty on a terminal and plain elsewhere; tty is plain where
// nothing can be drawn; quiet shows nothing; rawjson is BuildKit's status stream, one JSON object a line.
var Modes = []string{"auto", "plain", "tty", "quiet", "rawjson"}

// silence is how long an engine may say nothing before a line says that lpipe is still waiting.
const silence = 15 * time.Second

// Options of a display.
type Options struct {
	Out     io.Writer // standard error; a terminal when it is an *os.File of one
	Mode    string    // one of [Modes]
	Term    string    // what kind of terminal it is: TERM. Nothing is drawn on one that is dumb or of no kind
	NoColor bool      // NO_COLOR is set
	Lambdas []string  // the labels of all that are built, in the order in which they are shown
	// Last, if set, returns what [Display.Took] was of an earlier build. It is called where something is drawn.
	Last func() map[string]int
}

// Work is what a step does, for a terminal.
type Work int

// What steps do. One that compiles or tests a lambda is shown as what the lambda is at.
const (
	Prepares Work = iota
	CompilesDependencies
	CompilesLibraries
	CompilesLambda
	RunsTests
)

// Known is what is known of a step before it starts.
type Known struct {
	Stage string // of the Dockerfile, whose program it runs
	Title string // the name to show in place of BuildKit's
	Short string // what it is called on a terminal, together with other steps of this name
	Work  Work
	Most  int // how many dependencies it compiles at most; 0 where that is not known
	// Speaks is set where its standard output is of lpipe's own Dockerfile, and of nothing else. What such a step says of
	// how far it is becomes part of the display.
	Speaks bool
	// Cargo is set where its output is of cargo and of what cargo runs, and is read for findings.
	Cargo bool
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

	mode    progressui.DisplayMode
	lambdas []string
	last    map[string]int // as of [Options]

	mu      sync.Mutex
	known   map[digest.Digest]Known
	owners  map[digest.Digest]map[string]bool
	engines map[digest.Digest]string // of the steps of parts
	labels  map[string]bool
	steps   map[digest.Digest]*step
	ended   map[string]Ended // by label
	heard   time.Time        // when the engine said something last
}

// Ended is what became of a lambda.
type Ended struct {
	Size int64 // of the program; 0 where none was made
	Err  error

	at time.Time
}

// Start opens the display. Pass Status to exactly one client call, which closes it.
func Start(ctx context.Context, o Options) (*Display, error) {
	d := &Display{in: make(chan *client.SolveStatus), board: newBoard(progressui.DisplayMode(o.Mode), o.Lambdas)}
	if terminal := drawable(o); terminal != nil {
		d.mode = progressui.TtyMode
		if o.Last != nil {
			d.last = o.Last()
		}
		go d.draw(newCanvas(terminal, !o.NoColor))
		return d, nil
	}
	out := o.Out
	if d.mode == progressui.AutoMode || d.mode == progressui.TtyMode {
		d.mode = progressui.PlainMode // a display never fails a build
	}
	heartbeat := io.Discard
	if d.mode == progressui.PlainMode {
		lines := &lineWriter{w: o.Out}
		out, heartbeat = lines, between{lines}
	}
	ui, err := progressui.NewDisplay(out, d.mode)
	if err != nil {
		return nil, fmt.Errorf("opening the progress display: %w", err)
	}
	go d.run(context.WithoutCancel(ctx), ui, heartbeat)
	return d, nil
}

// drawable is the terminal to draw on, nil where lines are written, or nothing.
func drawable(o Options) *os.File {
	f, ok := o.Out.(*os.File)
	if mode := progressui.DisplayMode(o.Mode); !ok || mode != progressui.AutoMode && mode != progressui.TtyMode {
		return nil
	}
	if o.Term == "" || o.Term == "dumb" || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return f
}

func newBoard(mode progressui.DisplayMode, lambdas []string) *board {
	return &board{
		said:    make(chan string),
		done:    make(chan struct{}),
		mode:    mode,
		lambdas: lambdas,
		known:   map[digest.Digest]Known{},
		owners:  map[digest.Digest]map[string]bool{},
		engines: map[digest.Digest]string{},
		labels:  map[string]bool{},
		steps:   map[digest.Digest]*step{},
		ended:   map[string]Ended{},
	}
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

// ShowsLines reports whether the output of steps is shown as it comes, between that of others.
func (d *Display) ShowsLines() bool { return d.mode == progressui.PlainMode }

// Own says that the steps are part of building the lambda called label. A step that only one of several
// lambdas has is shown with its label.
func (d *Display) Own(label string, steps []digest.Digest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.labels[label] = true
	delete(d.ended, label)
	for _, s := range steps {
		s = d.key(s)
		d.engines[s] = d.engine
		if d.owners[s] == nil {
			d.owners[s] = map[string]bool{}
		}
		d.owners[s][label] = true
	}
}

// End says what became of the lambda called label.
func (d *Display) End(label string, e Ended) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e.at = time.Now()
	d.ended[label] = e
}

// Know says what is known of steps.
func (d *Display) Know(steps map[digest.Digest]Known) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s, known := range steps {
		d.known[d.key(s)] = known
	}
}

// Runs reports that a step runs a program of the Dockerfile, as far as is known.
func (d *Display) Runs(step digest.Digest) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known[d.key(step)].Stage != ""
}

// Again says that all is done once more: the steps up to now do not count.
func (d *Display) Again() {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.owners, func(s digest.Digest, labels map[string]bool) bool {
		if d.engines[s] != d.engine {
			return false
		}
		for label := range labels {
			delete(d.ended, label)
		}
		return true
	})
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
			for _, line := range d.observe(status) {
				foreign.Fprintf(heartbeat, "lpipe: %s\n", line)
			}
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
