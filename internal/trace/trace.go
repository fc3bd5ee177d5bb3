// Package trace records what a run spends its time on, and writes it as a file that chrome://tracing and
// ui.perfetto.dev show.
//
// It measures nothing by itself: the packages that do the work say when it begins and ends. A nil [Recorder] records
// nothing, so that they need not ask whether anybody wants to know.
package trace

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"lpipe/internal/foreign"
)

// Groups of spans; each is a process in the viewer.
const (
	Run   = "lpipe"  // what lpipe does itself
	Steps = "engine" // the steps of the build, by the engine's clock
)

// Span is a piece of work.
type Span struct {
	Group, Name string // Group is [Run] or [Steps]
	Start, End  time.Time
	Args        map[string]any // what else is shown of it; may be nil

	ID    string   // of a step; "" for all else
	After []string // the IDs of the steps that it waits for
	Parts []Part   // what began in it, in that order
}

// Part is what began in a span, of which nothing says when it ended.
type Part struct {
	Name string
	At   time.Time
}

// Recorder collects spans. Several goroutines may use it.
type Recorder struct {
	mu    sync.Mutex
	spans []Span
}

// Begin starts a span of [Run]; end ends it.
func (r *Recorder) Begin(name string) (end func()) {
	if r == nil {
		return func() {}
	}
	start := time.Now()
	return func() { r.Add(Span{Group: Run, Name: name, Start: start, End: time.Now()}) }
}

// Add records a span that has ended.
func (r *Recorder) Add(s Span) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = append(r.spans, s)
}

// Spans are those that have ended so far, of a group, in the order in which they began.
func (r *Recorder) Spans(group string) []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.DeleteFunc(slices.Clone(r.spans), func(s Span) bool { return s.Group != group })
	slices.SortStableFunc(all, func(a, b Span) int { return a.Start.Compare(b.Start) })
	return all
}

// event is one of https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (Trace Event
// Format): "X" is a span, "i" a moment in one, "M" the name of a process.
type event struct {
	Name  string         `json:"name"`
	Phase string         `json:"ph"`
	PID   int            `json:"pid"`
	TID   int            `json:"tid"`
	Time  float64        `json:"ts"`            // microseconds
	For   float64        `json:"dur,omitempty"` // microseconds
	Scope string         `json:"s,omitempty"`   // of a moment: "t" for its line
	Args  map[string]any `json:"args,omitempty"`
}

// Write writes all spans as one JSON object. Times start at the first of [Run]: what the engine did before, for others
// that asked for the same, took none of them.
func (r *Recorder) Write(w io.Writer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	// Of two that begin together the longer one comes first: it may hold the other.
	slices.SortStableFunc(r.spans, func(a, b Span) int {
		return cmp.Or(a.Start.Compare(b.Start), b.End.Compare(a.End), cmp.Compare(a.Name, b.Name))
	})
	var start time.Time
	if first := slices.IndexFunc(r.spans, func(s Span) bool { return s.Group == Run }); first >= 0 {
		start = r.spans[first].Start
	}
	events := []event{}
	for i, group := range []string{Run, Steps} {
		events = append(events, event{Name: "process_name", Phase: "M", PID: i + 1, Args: map[string]any{"name": group}})
		var rows []row
		for _, s := range r.spans {
			if s.Group != group {
				continue
			}
			s.Start, s.End = later(s.Start, start), later(s.End, start)
			at := slices.IndexFunc(rows, func(r row) bool { return r.takes(s) })
			if at < 0 {
				at, rows = len(rows), append(rows, nil)
			}
			rows[at] = append(rows[at], s.End)
			events = append(events, event{
				Name: s.Name, Phase: "X", PID: i + 1, TID: at + 1,
				Time: micros(s.Start.Sub(start)), For: micros(s.End.Sub(s.Start)), Args: s.Args,
			})
			for _, p := range s.Parts {
				events = append(events, event{Name: p.Name, Phase: "i", PID: i + 1, TID: at + 1, Time: micros(later(p.At, start).Sub(start)), Scope: "t"})
			}
		}
	}
	err := foreign.WriteJSON(w, map[string]any{"traceEvents": events, "displayTimeUnit": "ms"}, "")
	if err != nil {
		return fmt.Errorf("writing the trace: %w", err)
	}
	return nil
}

// row is a line of the viewer: the ends of its spans. Spans of one line may follow or hold each other, and not overlap
// otherwise.
type row []time.Time

func (r row) takes(s Span) bool {
	return !slices.ContainsFunc(r, func(end time.Time) bool { return end.After(s.Start) && end.Before(s.End) })
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
