package emulator

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// subscriber takes telemetry, and sends it in batches. What does not fit into its buffer is dropped, which it is told. Make it
// with [newSubscriber].
type subscriber struct {
	name   string
	types  []string
	limits buffering
	stop   context.CancelFunc
	done   chan struct{} // closed when the last batch was sent or given up

	mu      sync.Mutex
	events  []json.RawMessage
	bytes   int
	lost    dropped
	begun   chan struct{} // has a value when there is something to send
	now     chan struct{} // has a value when it is to be sent at once
	waiting []chan struct{}
}

func newSubscriber(ctx context.Context, name string, types []string, b buffering, deliver delivery) *subscriber {
	ctx, stop := context.WithCancel(ctx)
	s := &subscriber{
		name: name, types: types, limits: b, stop: stop, done: make(chan struct{}), begun: make(chan struct{}, 1), now: make(chan struct{}, 1),
	}
	go s.run(ctx, deliver)
	return s
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// add buffers an event if it is of a kind that the subscriber takes.
func (s *subscriber) add(kind string, event json.RawMessage) {
	if !slices.Contains(s.types, kind) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// One batch may be under way while the next one fills up: docs say that payloads have at most twice the bytes.
	if len(s.events) >= 2*s.limits.items || s.bytes+len(event) > 2*s.limits.bytes && len(s.events) > 0 {
		s.lost.Records++
		s.lost.Bytes += len(event)
		return
	}
	s.events = append(s.events, event)
	s.bytes += len(event)
	wake(s.begun)
	if len(s.events) >= s.limits.items || s.bytes >= s.limits.bytes {
		wake(s.now)
	}
}

// flush sends what there is, and waits for that until ctx ends.
func (s *subscriber) flush(ctx context.Context) {
	sent := make(chan struct{})
	s.mu.Lock()
	s.waiting = append(s.waiting, sent)
	s.mu.Unlock()
	wake(s.begun)
	wake(s.now)
	select {
	case <-sent:
	case <-s.done:
	case <-ctx.Done():
	}
}

// take empties the buffer.
func (s *subscriber) take() (events []json.RawMessage, waiting []chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events, waiting = s.events, s.waiting
	if s.lost.Records > 0 && slices.Contains(s.types, telemetryPlatform) {
		s.lost.Reason = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."
		events = append(events, encode(time.Now(), s.lost))
	}
	s.events, s.bytes, s.lost, s.waiting = nil, 0, dropped{}, nil
	return events, waiting
}

// run sends what is buffered, again and again where that fails, until ctx ends.
func (s *subscriber) run(ctx context.Context, deliver delivery) {
	defer close(s.done)
	for {
		select {
		case <-s.begun:
		case <-ctx.Done():
			return
		}
		full := time.NewTimer(s.limits.timeout)
		select {
		case <-s.now:
		case <-full.C:
		case <-ctx.Done():
		}
		full.Stop()
		events, waiting := s.take()
		for wait := 10 * time.Millisecond; len(events) > 0 && ctx.Err() == nil && deliver(ctx, events) != nil; wait = min(2*wait, time.Second) {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
		}
		for _, c := range waiting {
			close(c)
		}
	}
}
