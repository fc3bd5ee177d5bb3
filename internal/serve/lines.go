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

// Of returns a writer whose lines are preceded by name. What does not end a line waits for its end.
func (l *Lines) Of(name string) io.Writer { return &named{lines: l, prefix: []byte(name + " | ")} }

type named struct {
	lines  *Lines
	prefix []byte
	rest   []byte // of a line that has not ended
}

func (n *named) Write(p []byte) (int, error) {
	n.lines.mu.Lock()
	defer n.lines.mu.Unlock()
	var out []byte
	n.rest = append(n.rest, p...)
	for {
		end := bytes.IndexByte(n.rest, '\n')
		if end < 0 {
			break
		}
		out = append(append(out, n.prefix...), n.rest[:end+1]...)
		n.rest = n.rest[end+1:]
	}
	if len(out) == 0 {
		return len(p), nil
	}
	_, err := n.lines.W.Write(out)
	return len(p), err
}
