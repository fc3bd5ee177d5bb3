package emulator

import (
	"context"
	"errors"
	"slices"
	"time"
)

var (
	errState   = errors.New("the runtime may not do this now")
	errID      = errors.New("the runtime does not have this invocation")
	errAttempt = errors.New("the runtime answers an invocation that has timed out")
)

// ask records that the runtime wants an event. The channels end the wait when it asks again, and open when it may have one.
func (s *Server) ask() (superseded, open chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	current := s.current()
	switch {
	case s.isGone():
		return nil, nil, errState
	case s.config.concurrent() && s.asking+len(s.running) >= s.config.MaxConcurrency:
		return nil, nil, errState
	case current != nil && current.state != answered:
		return nil, nil, errState
	}
	s.idle, s.extensions.closed, open = true, true, s.ready
	s.asking++
	if !s.config.concurrent() {
		if s.waiting != nil {
			close(s.waiting)
		}
		s.waiting = make(chan struct{})
	}
	if current != nil {
		open = current.over
		s.tellDone(current, outcome{Status: statusSuccess})
	}
	s.proceed()
	return s.waiting, open, nil
}

// proceed ends the initialization or the invocation if the runtime and the extensions have ended it; s.mu is held.
func (s *Server) proceed() {
	if s.isGone() || !s.idle || !s.extensions.ready() {
		return
	}
	if !s.isReady() {
		s.timer.Stop()
		if s.phase == phaseInit {
			s.init = time.Since(s.started)
		}
		s.reportInit(outcome{Status: statusSuccess})
		close(s.ready)
	} else if inv := s.current(); inv != nil && !inv.isOver() {
		inv.timer.Stop()
		s.finishInvocation(inv, nil)
	}
}

// take waits for an event that the runtime may have, as long as ctx and the runtime's request live.
func (s *Server) take(ctx context.Context, superseded, open chan struct{}) (*invocation, error) {
	handed := false
	defer func() {
		if !handed {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.asking--
		}
	}()
	select {
	case <-open:
	case <-superseded:
		return nil, errState
	case <-s.gone:
		return nil, errState
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var inv *invocation
	s.mu.Lock()
	if len(s.returned) > 0 {
		inv, s.returned = s.returned[0], s.returned[1:]
	}
	s.mu.Unlock()
	if inv == nil {
		select {
		case inv = <-s.queue:
		case <-superseded:
			return nil, errState
		case <-s.gone:
			return nil, errState
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.isGone():
		s.answer(inv, s.end.result(inv.ID))
		s.finishInvocation(inv, &s.end)
		return nil, errState
	case ctx.Err() != nil || s.waiting != superseded:
		s.returned = append(s.returned, inv)
		return nil, errState
	}
	s.start(inv)
	timeout := s.config.Timeout
	if s.config.concurrent() {
		inv.timer = time.AfterFunc(timeout, func() { s.expire(inv, timedOut(timeout)) })
	} else {
		s.idle, s.waiting = false, nil
		clear(s.running)
		inv.timer = time.AfterFunc(timeout-time.Since(inv.begun), func() {
			s.finishIf(func() bool { return !inv.isOver() }, timedOut(timeout))
		})
	}
	s.running[inv.ID] = inv
	s.asking-- // with the same lock, so that no other request finds this one in both
	handed = true
	s.extensions.invoke(invokeEvent(inv, s.config))
	return inv, nil
}

// expire ends the time of one of several invocations. The runtime goes on with the others, and may go on with this one.
func (s *Server) expire(inv *invocation, why failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inv.isOver() {
		return
	}
	s.forget(inv)
	s.late = append(s.late, inv.ID)
	s.late = s.late[max(0, len(s.late)-lateLimit):]
	s.answer(inv, why.result(inv.ID))
	s.finishInvocation(inv, &why)
}

// forget takes one of several invocations from the runtime; s.mu is held.
func (s *Server) forget(inv *invocation) {
	if s.running[inv.ID] == inv {
		delete(s.running, inv.ID)
	}
}

// begin claims the right to answer the invocation with the id. The attempt is what the runtime echoes, if it does. Who has read
// the answer closes heard of the invocation.
func (s *Server) begin(id, attempt string) (*invocation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	inv := s.running[id]
	switch {
	case inv == nil && slices.Contains(s.late, id):
		return nil, errAttempt
	case inv == nil:
		return nil, errID
	case attempt != "" && attempt != inv.attempt:
		return nil, errAttempt
	case inv.state != running:
		return nil, errState
	}
	inv.state, inv.replying, inv.heard = answering, time.Now(), make(chan struct{})
	return inv, nil
}

// complete answers an invocation; too late is not an error here, the one who waits has had an answer.
func (s *Server) complete(inv *invocation, r Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inv.state != answering || inv.isOver() || s.isGone() {
		return
	}
	inv.state, inv.answered = answered, time.Now()
	s.answer(inv, r)
	if s.config.concurrent() { // nobody can say which invocation a request for the next one follows
		inv.timer.Stop()
		s.forget(inv)
		s.finishInvocation(inv, nil)
	}
}
