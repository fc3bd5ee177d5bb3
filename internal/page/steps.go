package page

import (
	"time"

	"lpipe/internal/trace"
)

// Work is what lpipe did itself of what was recorded.
func Work(t *trace.Recorder) (all []Step) {
	for _, s := range t.Spans(trace.Run) {
		all = append(all, Step{Name: s.Name, Start: s.Start, End: s.End})
	}
	return all
}

// Steps are those of the engine.
func Steps(t *trace.Recorder) (all []Step) {
	spans := t.Spans(trace.Steps)
	critical := map[string]bool{}
	for _, s := range trace.Critical(spans) {
		critical[s.ID] = true
	}
	for _, s := range spans {
		cached, _ := s.Args["cached"].(bool)
		step := Step{Name: s.Name, Start: s.Start, End: s.End, Cached: cached, Critical: critical[s.ID]}
		if ready := trace.Ready(s, spans); !ready.IsZero() && !cached {
			step.Waited = max(0, s.Start.Sub(ready)).Round(time.Millisecond)
		}
		for _, p := range s.Parts {
			step.Crates = append(step.Crates, Crate(p))
		}
		all = append(all, step)
	}
	return all
}
