package emulator

import (
	"context"
	"errors"
	"math"
	"net/http"
	"path"
	"strings"
	"sync"
)

// External is a function whose program somebody else starts, such as a debugger: the program connects, ends and connects
// again as it likes. An event waits until a program asks for it. Make it with [NewExternal].
type External struct {
	config Config

	mu        sync.Mutex
	now       *Server       // nil without a program
	api       http.Handler  // of it
	connected chan struct{} // closed when there is one
	closed    chan struct{}
}

var _ Invoker = (*External)(nil)

// NewExternal returns a function that no program is connected to.
func NewExternal(c Config) *External {
	c = c.withDefaults()
	c.initTimeout = math.MaxInt64 // somebody may step through it
	return &External{config: c, connected: make(chan struct{}), closed: make(chan struct{})}
}

// Config returns the function's configuration, with Lambda's defaults.
func (x *External) Config() Config { return x.config }

// Connected reports whether there is a program.
func (x *External) Connected() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.now != nil && !x.now.isGone()
}

// Invoke hands the event to the program, when there is one. The error is [ErrClosed] or that of ctx.
func (x *External) Invoke(ctx context.Context, e Event) (Result, error) {
	for {
		x.mu.Lock()
		x.forget()
		server, connected := x.now, x.connected
		x.mu.Unlock()
		if server != nil {
			r, err := server.Invoke(ctx, e)
			if err != nil || r.begun || !server.isGone() {
				return r, err
			}
			continue // the program left without it
		}
		select {
		case <-connected:
		case <-x.closed:
			return Result{}, ErrClosed
		case <-ctx.Done():
			return Result{}, context.Cause(ctx)
		}
	}
}

// errLeft is the end of a program that nobody here sees.
var errLeft = errors.New("the program was ended or started again")

// Handler is the Runtime API for the program. A program that is gone is noticed when its request for an event is cut, or
// when another one begins anew.
func (x *External) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server, api := x.server(r)
		if server == nil {
			<-r.Context().Done() // as where the environment ends
			return
		}
		api.ServeHTTP(w, r)
		if isNext(r) && r.Context().Err() != nil {
			server.Exited(errLeft)
		}
	})
}

func isNext(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/runtime/invocation/next") }

// server returns the environment that a request belongs to, with its API; nil after [External.Close].
func (x *External) server(r *http.Request) (*Server, http.Handler) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if isClosed(x.closed) {
		return nil, nil
	}
	if x.now != nil && x.now.isFollowed(r) {
		x.now.Exited(errLeft)
	}
	x.forget()
	if x.now == nil {
		x.now = New(x.config)
		x.api = x.now.Handler()
		close(x.connected)
	}
	return x.now, x.api
}

// forget has events wait again once the program is gone; x.mu is held.
func (x *External) forget() {
	if x.now != nil && x.now.isGone() {
		x.now, x.connected = nil, make(chan struct{})
	}
}

// isFollowed reports whether a request is the first of another program than the one that the server has: one that asks for an
// event with one in hand, or registers an extension late or twice.
func (s *Server) isFollowed(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case isNext(r):
		inv := s.current()
		return inv != nil && inv.state != answered
	case path.Base(r.URL.Path) == "register":
		name := r.Header.Get("Lambda-Extension-Name")
		return s.extensions.closed || s.extensions.find(func(x *extension) bool { return x.name == name }) != nil
	}
	return false
}

// Close ends the function: events that wait or are under way fail.
func (x *External) Close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !isClosed(x.closed) {
		close(x.closed)
	}
	if x.now != nil {
		x.now.Close()
	}
}
