package page

import (
	"bytes"
	"io"
	"sync"
)

// tailBytes is how much is kept of what a program prints.
const tailBytes = 16 << 10

// Tail passes on what a program prints, and keeps the last of it.
type Tail struct {
	W    io.Writer
	mu   sync.Mutex
	last []byte
}

func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.last = append(t.last, p...)
	if over := len(t.last) - tailBytes; over > 0 {
		// From the start of a line on, if there is one.
		if end := bytes.IndexByte(t.last[over:], '\n'); end >= 0 {
			over += end + 1
		}
		t.last = append(t.last[:0], t.last[over:]...)
	}
	t.mu.Unlock()
	return t.W.Write(p)
}

// String is the last of what was printed.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.last)
}
