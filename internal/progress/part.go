package progress

import (
	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

// Part returns a display for the steps of one of several engines, which appear on d with the engine's name: engines
// know equal steps by equal digests. Call end when nothing more is sent, instead of closing the part's Status, and
// before d's is closed.
func (d *Display) Part(engine string) (part *Display, end func()) {
	part = &Display{in: make(chan *client.SolveStatus), engine: engine, board: d.board}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for status := range part.in {
			part.mark(status)
			d.in <- status
		}
	}()
	return part, func() {
		close(part.in)
		<-done
	}
}

// key is a step's digest on the board.
func (d *Display) key(step digest.Digest) digest.Digest {
	if d.engine == "" {
		return step
	}
	return digest.FromString(d.engine + " " + string(step))
}

func (d *Display) mark(status *client.SolveStatus) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, v := range status.Vertexes {
		v.Digest = d.key(v.Digest)
		for i := range v.Inputs {
			v.Inputs[i] = d.key(v.Inputs[i])
		}
		d.engines[v.Digest] = d.engine
	}
	for _, s := range status.Statuses {
		s.Vertex = d.key(s.Vertex)
	}
	for _, l := range status.Logs {
		l.Vertex = d.key(l.Vertex)
	}
	for _, w := range status.Warnings {
		w.Vertex = d.key(w.Vertex)
	}
}
