package cli

import (
	"errors"
	"io"
	"strings"

	"lpipe/internal/fault"
)

// checkedWriter is standard output, which remembers what could not be written: a script would take an empty answer for one.
type checkedWriter struct {
	io.Writer
	err error
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.err = errors.Join(w.err, err)
	return n, err
}

// fault is nil where all was written.
func (w *checkedWriter) fault() error {
	if w.err == nil {
		return nil
	}
	first, _, _ := strings.Cut(w.err.Error(), "\n")
	return &fault.Error{Kind: fault.Build, What: "standard output could not be written", Why: first, Fix: "write it to a place with room for it"}
}
