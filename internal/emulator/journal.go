package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"sync"
	"time"
)

// LogFormat is how Lambda's own lines in a log are written.
type LogFormat string

// The formats of Lambda: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
const (
	LogText LogFormat = "Text" // START, END, REPORT
	LogJSON LogFormat = "JSON" // objects such as {"time":…,"type":"platform.start","record":{…}}
)

// tailLimit is how much of a log Invoke returns, in bytes: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
const tailLimit = 4 << 10

// journal is the log of an execution environment: the lines that its processes print, and what Lambda has to say.
type journal struct {
	format LogFormat

	mu      sync.Mutex
	outputs []*output
	out     io.Writer // takes what Lambda has to say; may be nil
	tail    []byte    // what was written since the last report, at most the limit

	subscribers []*subscriber
	ready       bool              // the initialization is over
	early       []json.RawMessage // what Lambda has said, for those who subscribe until the initialization is over
}

// read adds outputs to those that are read before Lambda has something to say.
func (j *journal) read(outputs ...*output) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.outputs = append(j.outputs, outputs...)
}

// print records a line of a process, with its end if it has one, and passes it on. The kind is that of its telemetry.
func (j *journal) print(kind string, line []byte, to io.Writer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.keep(line)
	if len(j.subscribers) > 0 {
		text := bytes.TrimRight(line, "\r\n")
		var record any = string(text)
		if j.format == LogJSON && bytes.HasPrefix(text, []byte("{")) && json.Valid(text) {
			record = json.RawMessage(text)
		}
		event := encodeAs(time.Now(), kind, record)
		for _, s := range j.subscribers {
			s.add(kind, event)
		}
	}
	if to != nil {
		_, _ = to.Write(line) // a broken terminal does not break the program
	}
}

// say records what Lambda has to say, after all that the processes printed before.
func (j *journal) say(events ...platformEvent) {
	j.settle()
	j.mu.Lock()
	defer j.mu.Unlock()
	now := time.Now()
	for _, e := range events {
		var event json.RawMessage
		if !j.ready || len(j.subscribers) > 0 || j.format == LogJSON {
			event = encode(now, e)
		}
		if !j.ready {
			j.early = append(j.early, event)
		}
		for _, s := range j.subscribers {
			s.add(telemetryPlatform, event)
		}
		line := []byte(e.text(now.UTC()))
		if j.format == LogJSON {
			line = nil
			if e.logged() {
				line = append(slices.Clip(event), '\n')
			}
		}
		j.keep(line)
		if j.out != nil && len(line) > 0 {
			_, _ = j.out.Write(line)
		}
	}
}

// encode writes an event as telemetry and the JSON format have it.
func encode(now time.Time, e platformEvent) json.RawMessage { return encodeAs(now, e.kind(), e) }

func encodeAs(now time.Time, kind string, record any) json.RawMessage {
	event, err := json.Marshal(struct {
		Time   string `json:"time"`
		Type   string `json:"type"`
		Record any    `json:"record"`
	}{now.UTC().Format(timeFormat), kind, record})
	if err != nil {
		panic(err) // records are made of texts and numbers
	}
	return event
}

// subscribe has a subscriber take the telemetry from now on, and what Lambda has said so far. One of the same name ends.
func (j *journal) subscribe(s *subscriber) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.subscribers = slices.DeleteFunc(j.subscribers, func(other *subscriber) bool {
		if other.name == s.name {
			other.stop()
		}
		return other.name == s.name
	})
	j.subscribers = append(j.subscribers, s)
	for _, event := range j.early {
		s.add(telemetryPlatform, event)
	}
}

// initialized forgets what is for those who subscribe before.
func (j *journal) initialized() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ready, j.early = true, nil
}

// flush sends all telemetry, until ctx ends.
func (j *journal) flush(ctx context.Context) {
	j.settle()
	var flushing sync.WaitGroup
	for _, s := range j.listeners() {
		flushing.Go(func() { s.flush(ctx) })
	}
	flushing.Wait()
}

// close ends the telemetry.
func (j *journal) close() {
	for _, s := range j.listeners() {
		s.stop()
		<-s.done
	}
}

func (j *journal) listeners() []*subscriber {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.subscribers)
}

// keep adds a line to the tail; j.mu is held.
func (j *journal) keep(line []byte) {
	j.tail = append(j.tail, line...)
	if over := len(j.tail) - tailLimit; over > 0 {
		j.tail = bytes.Clone(j.tail[over:])
	}
}

// takeTail returns the end of what was written since the last call.
func (j *journal) takeTail() []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	tail := j.tail
	j.tail = nil
	return tail
}

// settle reads all that the processes have printed until now.
func (j *journal) settle() {
	j.mu.Lock()
	outputs := j.outputs
	j.mu.Unlock()
	for _, o := range outputs {
		o.settle()
	}
}
