package page

import (
	"bytes"
	"html/template"
	"io"
	"slices"
	"time"
)

// Timings is where the time of a run went.
type Timings struct {
	Command      string // that was run
	Version      string // of lpipe
	Began, Ended time.Time
	Failed       bool
	Work         []Step // what lpipe did itself
	Steps        []Step // of the engine, in the order in which they began
}

// Build are the engine's steps as a time line of the whole run.
func (t Timings) Build() Build { return Build{Began: t.Began, Ended: t.Ended, Steps: t.Steps} }

// Own is lpipe's own work likewise.
func (t Timings) Own() Build { return Build{Began: t.Began, Ended: t.Ended, Steps: t.Work} }

// Critical are the steps that decide how long the build takes.
func (t Timings) Critical() []Step {
	return slices.DeleteFunc(slices.Clone(t.Steps), func(s Step) bool { return !s.Critical })
}

// CriticalTime is how long these ran.
func (t Timings) CriticalTime() (sum time.Duration) {
	for _, s := range t.Critical() {
		sum += s.End.Sub(s.Start)
	}
	return sum
}

// Compiled are the steps that compiled something.
func (t Timings) Compiled() []Step {
	return slices.DeleteFunc(slices.Clone(t.Steps), func(s Step) bool { return len(s.Crates) == 0 })
}

// WriteTimings writes a page that needs nothing else: no network, no other file and no script.
func WriteTimings(w io.Writer, t Timings) error {
	var b bytes.Buffer
	if err := pages().ExecuteTemplate(&b, "timings", t); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// crates are those of a step as a time line: each until the next one began, the last until the step ended.
func crates(s Step) []bar {
	var all []Step
	for i, c := range s.Crates {
		end := s.End
		if i+1 < len(s.Crates) {
			end = s.Crates[i+1].At
		}
		all = append(all, Step{Name: c.Name, Start: c.At, End: end})
	}
	return place(all, s.Start, s.End)
}

// style is that of the page, to be in another one.
func style() template.CSS {
	data, _ := files.ReadFile("style.css") // embedded, so it is there
	return template.CSS(data)
}
