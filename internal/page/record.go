package page

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"lpipe/internal/emulator"
)

// What is kept of invocations: the last ones, of each as many bytes of the event and of the answer.
const (
	kept      = 50
	keptBytes = 256 << 10
)

// Invocation is a call of a lambda that has ended, or is under way while Ended is zero.
type Invocation struct {
	ID            int // counts from 1
	Lambda        string
	Began, Ended  time.Time
	Event, Answer Text
	Result        emulator.Result // without the payload
	Err           string          // why there is no result
}

// Init is how long the new process took, "" for a warm one.
func (i Invocation) Init() string {
	if i.Result.Init == 0 {
		return ""
	}
	return took(i.Result.Init)
}

// Text is the beginning of what was sent or answered.
type Text struct {
	Bytes []byte
	Cut   bool // there was more
}

func textOf(data []byte) Text {
	if len(data) > keptBytes {
		return Text{bytes.Clone(data[:keptBytes]), true}
	}
	return Text{bytes.Clone(data), false}
}

// Recorder keeps the last invocations of the functions that it watches. The zero value is ready to use.
type Recorder struct {
	mu      sync.Mutex
	last    int
	all     []*Invocation // oldest first
	changes int
}

// Watch returns f, whose invocations are kept.
func (r *Recorder) Watch(f emulator.Invoker, lambda string) emulator.Invoker {
	return watched{f, lambda, r}
}

type watched struct {
	emulator.Invoker
	lambda   string
	recorder *Recorder
}

func (w watched) Invoke(ctx context.Context, e emulator.Event) (emulator.Result, error) {
	_, result, err := w.recorder.invoke(ctx, w.Invoker, w.lambda, e)
	return result, err
}

// invoke calls a lambda and keeps what came of it under the number.
func (r *Recorder) invoke(ctx context.Context, f emulator.Invoker, lambda string, e emulator.Event) (id int, result emulator.Result, err error) {
	inv := r.begin(lambda, e)
	var stream *tee
	if open := e.Stream; open != nil {
		e.Stream = func(contentType string) io.Writer {
			stream = &tee{w: open(contentType)}
			return stream
		}
	}
	result, err = f.Invoke(ctx, e)
	answer := textOf(result.Payload)
	if stream != nil && len(result.Payload) == 0 {
		answer = Text{stream.begun, stream.cut}
	}
	r.end(inv, result, answer, err)
	return inv.ID, result, err
}

// tee keeps the beginning of a stream.
type tee struct {
	w     io.Writer
	begun []byte
	cut   bool
}

func (t *tee) Write(p []byte) (int, error) {
	room := min(keptBytes-len(t.begun), len(p))
	t.begun = append(t.begun, p[:room]...)
	t.cut = t.cut || room < len(p)
	return t.w.Write(p)
}

func (r *Recorder) begin(lambda string, e emulator.Event) *Invocation {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	r.changes++
	inv := &Invocation{ID: r.last, Lambda: lambda, Began: time.Now(), Event: textOf(e.Payload)}
	r.all = append(r.all, inv)
	if len(r.all) > kept {
		r.all = slices.Delete(r.all, 0, len(r.all)-kept)
	}
	return inv
}

func (r *Recorder) end(inv *Invocation, result emulator.Result, answer Text, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes++
	result.Payload = nil
	inv.Ended, inv.Result, inv.Answer = time.Now(), result, answer
	if err != nil {
		inv.Err = err.Error()
	}
}

// Changes counts what began and ended.
func (r *Recorder) Changes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changes
}

// Last are the invocations that are kept, newest first.
func (r *Recorder) Last() []Invocation {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Invocation, 0, len(r.all))
	for _, inv := range slices.Backward(r.all) {
		all = append(all, *inv)
	}
	return all
}

// Invocation returns the one of a number, if it is kept.
func (r *Recorder) Invocation(id int) (Invocation, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, inv := range r.all {
		if inv.ID == id {
			return *inv, true
		}
	}
	return Invocation{}, false
}
