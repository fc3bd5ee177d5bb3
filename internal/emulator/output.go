package emulator

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	chunk     = 32 << 10
	pipeLimit = 1 << 20   // no pipe holds more: /proc/sys/fs/pipe-max-size
	lineLimit = 256 << 10 // a longer line is cut, as in CloudWatch: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
)

// output is what a process prints to one of its streams. It is read by us and not by package exec, so that all that was
// printed before an answer is in the log before what follows the answer.
type output struct {
	file *os.File
	raw  syscall.RawConn
	line func([]byte)  // takes each line
	done chan struct{} // closed at the end of the stream

	mu   sync.Mutex
	rest []byte // of a line that has not ended
}

// newOutput returns the reading end of a pipe, and the other end, which is closed by whoever started the process.
func newOutput(line func([]byte)) (*output, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	raw, err := r.SyscallConn()
	if err != nil {
		return nil, nil, errors.Join(err, r.Close(), w.Close())
	}
	o := &output{file: r, raw: raw, line: line, done: make(chan struct{})}
	go func() {
		defer close(o.done)
		_ = raw.Read(func(fd uintptr) bool {
			for {
				if _, err := o.take(int(fd)); err != nil {
					return !errors.Is(err, syscall.EAGAIN)
				}
			}
		})
	}()
	return o, w, nil
}

// take reads what there is, at most a chunk, and hands its lines on. The error is io.EOF at the end, EAGAIN when there is nothing now.
func (o *output) take(fd int) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var buffer [chunk]byte
	n, err := syscall.Read(fd, buffer[:])
	switch {
	case errors.Is(err, syscall.EINTR):
		return 0, nil
	case err != nil:
		return 0, err
	case n == 0:
		if len(o.rest) > 0 {
			o.line(o.rest)
			o.rest = nil
		}
		return 0, io.EOF
	}
	o.rest = append(o.rest, buffer[:n]...)
	for {
		end := bytes.IndexByte(o.rest, '\n') + 1
		if end == 0 && len(o.rest) >= lineLimit {
			end = lineLimit
		}
		if end == 0 {
			return n, nil
		}
		o.line(o.rest[:end])
		o.rest = o.rest[end:]
	}
}

// settle reads what has been printed until now.
func (o *output) settle() {
	_ = o.raw.Control(func(fd uintptr) {
		for total := 0; total < pipeLimit; {
			n, err := o.take(int(fd))
			if err != nil {
				return
			}
			total += n
		}
	})
}

// close reads to the end of the stream, but not for long: somebody else may hold it.
func (o *output) close() {
	select {
	case <-o.done:
	case <-time.After(time.Second):
		o.settle()
	}
	o.file.Close()
	<-o.done
}
