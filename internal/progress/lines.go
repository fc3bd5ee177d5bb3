package progress

import (
	"bytes"
	"io"
	"sync"
)

// lineWriter passes on whole lines, so that lines of others fit between those of the display, which writes pieces.
type lineWriter struct {
	mu   sync.Mutex
	w    io.Writer
	rest []byte // of a line that has not ended
}

func (l *lineWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	end := bytes.LastIndexByte(l.rest, '\n') + 1
	_, err := l.w.Write(l.rest[:end])
	l.rest = append(l.rest[:0], l.rest[end:]...)
	return len(p), err
}

// between writes whole lines between those of a lineWriter.
type between struct{ *lineWriter }

func (b between) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.w.Write(p)
}
