package trace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"
)

func TestTheFileIsOneThatViewersRead(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1_000_000_000, 0).Add(time.Duration(ms) * time.Millisecond) }
	var r Recorder
	for _, s := range []Span{
		{Group: Steps, Name: "test", Start: at(30), End: at(60)},
		{Group: Run, Name: "solve", Start: at(10), End: at(90)},
		{Group: Run, Name: "read", Start: at(20), End: at(80)},
		{Group: Run, Name: "other", Start: at(70), End: at(95)},
		{Group: Steps, Name: "build", Start: at(20), End: at(50), Args: map[string]any{"cached": true}},
		{Group: Steps, Name: "deps", Start: at(60), End: at(70), Parts: []Part{{"itoa v1.0.0", at(61)}}},
		{Group: Run, Name: "zip", Start: at(90), End: at(91)},
		{Group: Steps, Name: "begun for another run", Start: at(-50), End: at(15)},
		{Group: Steps, Name: "ended before", Start: at(-50), End: at(-20)},
	} {
		r.Add(s)
	}
	var out bytes.Buffer
	if err := r.Write(&out); err != nil {
		t.Fatal(err)
	}
	var file struct {
		TraceEvents []struct {
			Name, Ph string
			Pid, Tid int
			Ts, Dur  float64
			Args     map[string]any
		}
	}
	if err := json.Unmarshal(out.Bytes(), &file); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range file.TraceEvents {
		got = append(got, fmt.Sprintf("%s %s %d/%d %v+%v %v", e.Ph, e.Name, e.Pid, e.Tid, e.Ts, e.Dur, e.Args))
	}
	want := []string{
		"M process_name 1/0 0+0 map[name:lpipe]",
		"X solve 1/1 0+80000 map[]",
		"X read 1/1 10000+60000 map[]",
		"X other 1/2 60000+25000 map[]", // overlaps the two before
		"X zip 1/1 80000+1000 map[]",
		"M process_name 2/0 0+0 map[name:engine]",
		"X begun for another run 2/1 0+5000 map[]",
		"X ended before 2/1 0+0 map[]",
		"X build 2/1 10000+30000 map[cached:true]",
		"X test 2/2 20000+30000 map[]",
		"X deps 2/1 50000+10000 map[]",
		"i itoa v1.0.0 2/1 51000+0 map[]",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestNobodyNeedsToListen(t *testing.T) {
	var r *Recorder
	r.Begin("work")()
	r.Add(Span{})
}
