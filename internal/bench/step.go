package main

import (
	"bytes"
	"strings"
	"time"
)

// stepEnd reads the plain display of a build and notes the processor time that was used when a step ended: the last one
// with step in its name.
type stepEnd struct {
	step  string
	meter meter
	used  time.Duration
	err   error

	number string // "#7 " begins the lines of the step
	rest   []byte // of a line that is not complete
}

func (e *stepEnd) Write(p []byte) (int, error) {
	e.rest = append(e.rest, p...)
	for {
		line, rest, ok := bytes.Cut(e.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		e.rest = rest
		e.line(string(line))
	}
}

func (e *stepEnd) line(line string) {
	number, text, _ := strings.Cut(line, " ")
	switch {
	case !strings.HasPrefix(number, "#"):
	case strings.HasPrefix(text, "[") && strings.Contains(text, e.step):
		e.number = number
	case number == e.number && strings.HasPrefix(text, "DONE"):
		e.used, e.err = e.meter.used()
	}
}
