package page

import (
	"reflect"
	"testing"
	"time"

	"lpipe/internal/trace"
)

// TestStepsAreWhatWasRecorded: what each waited for, and which decide how long it takes.
func TestStepsAreWhatWasRecorded(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	var r trace.Recorder
	r.Add(trace.Span{Group: trace.Run, Name: "plan", Start: at(0), End: at(1)})
	r.Add(trace.Span{Group: trace.Steps, ID: "deps", Name: "deps", Start: at(1), End: at(5), Parts: []trace.Part{{Name: "serde 1.0.0", At: at(2)}}})
	r.Add(trace.Span{Group: trace.Steps, ID: "pull", Name: "pull", Start: at(1), End: at(2), Args: map[string]any{"cached": true}})
	r.Add(trace.Span{Group: trace.Steps, ID: "build", Name: "build", Start: at(7), End: at(9), After: []string{"deps", "pull"}})
	if got, want := Work(&r), []Step{{Name: "plan", Start: at(0), End: at(1)}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	want := []Step{
		{Name: "deps", Start: at(1), End: at(5), Critical: true, Crates: []Crate{{Name: "serde 1.0.0", At: at(2)}}},
		{Name: "pull", Start: at(1), End: at(2), Cached: true},
		{Name: "build", Start: at(7), End: at(9), Waited: 2 * time.Second, Critical: true},
	}
	if got := Steps(&r); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
