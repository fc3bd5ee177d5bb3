package emulator

import (
	"io"
	"time"
)

// A streamed response has its first 6 MB at any speed, and the rest at 2 MB a second at most:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html#config-rs-bandwidth-cap
const (
	streamBurst = 6 << 20
	streamRate  = 2 << 20 // bytes a second
)

// pace reads a streamed response as fast as Lambda passes it on. What was not sent in time is not made up for.
type pace struct {
	io.Reader
	ended <-chan struct{} // closed when the runtime is gone, and nothing need be waited for

	taken int64
	due   time.Time // of the last byte
}

func (p *pace) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.taken += int64(n)
	limited := min(int64(n), p.taken-streamBurst)
	if limited <= 0 {
		return n, err
	}
	now := time.Now()
	if p.due.Before(now) {
		p.due = now
	}
	p.due = p.due.Add(time.Duration(limited) * time.Second / streamRate)
	select {
	case <-time.After(p.due.Sub(now)):
	case <-p.ended:
	}
	return n, err
}
