package serve

import (
	"bytes"
	"io"
	"sync"
)

// Lines gives each of several programs a writer, so that whole lines come out, with the name of who wrote them.
type Lines struct {
	W  io.Writer
	mu sync.Mutex
}

// Of returns a writer whose lines are preceded by name. What is written at once is whole lines, as the emulator hands them on; the
// last may lack its break, as where a program ends in the middle of a line.
func (l *Lines) Of(name string) io.Writer { return &named{lines: l, prefix: []byte(name + " | ")} }

type named struct {
	lines  *Lines
	prefix []byte
}

func (n *named) Write(p []byte) (int, error) {
	var out []byte
	for line := range bytes.Lines(p) {
		out = append(append(out, n.prefix...), bytes.TrimSuffix(line, []byte("\n"))...)
		out = append(out, '\n')
	}
	n.lines.mu.Lock()
	defer n.lines.mu.Unlock()
	_, err := n.lines.W.Write(out)
	return len(p), err
}
