package emulator

import (
	"bytes"
	"encoding/json"
	"io"
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

// journal is the log of an execution environment: the lines that its processes print, and what Lambda has to say. A nil
// journal throws everything away.
type journal struct {
	format LogFormat

	mu      sync.Mutex
	outputs []*output
	out     io.Writer // takes what Lambda has to say; may be nil
	tail    []byte    // what was written since the last report, at most the limit
}

// read adds outputs to those that are read before Lambda has something to say.
func (j *journal) read(outputs ...*output) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.outputs = append(j.outputs, outputs...)
}

// print records a line of a process, with its end if it has one, and passes it on.
func (j *journal) print(line []byte, to io.Writer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.keep(line)
	if to != nil {
		_, _ = to.Write(line) // a broken terminal does not break the program
	}
}

// say records what Lambda has to say, after all that the processes printed before.
func (j *journal) say(events ...platformEvent) {
	if j == nil {
		return
	}
	j.settle()
	j.mu.Lock()
	defer j.mu.Unlock()
	now := time.Now().UTC().Truncate(time.Millisecond)
	for _, e := range events {
		var line []byte
		if j.format == LogJSON {
			if e.logged() {
				line, _ = json.Marshal(struct {
					Time   time.Time     `json:"time"`
					Type   string        `json:"type"`
					Record platformEvent `json:"record"`
				}{now, e.kind(), e})
				line = append(line, '\n')
			}
		} else {
			line = []byte(e.text(now))
		}
		j.keep(line)
		if j.out != nil && len(line) > 0 {
			_, _ = j.out.Write(line)
		}
	}
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
	if j == nil {
		return nil
	}
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
