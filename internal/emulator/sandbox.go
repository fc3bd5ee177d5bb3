package emulator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"lpipe/internal/limits"
)

// Sandbox is an execution environment: a program and its extensions, with their Runtime API.
type Sandbox struct {
	*Server
	program    *sandboxed
	extensions map[string]*sandboxed // by name
	container  *container            // of each of them; nil for none
	ungroup    func()                // removes its control group
	exited     chan struct{}         // closed when all processes are gone and their output is written

	mu     sync.Mutex
	all    []*sandboxed
	most   int       // memory of all, in kB
	looked time.Time // when that was looked at
}

// sandboxed is a process of a sandbox, with an address of its own for the Runtime API.
type sandboxed struct {
	*process
	kill   context.CancelFunc
	pids   []int         // of its processes, as they were last
	ended  chan error    // takes the error of its end
	exited chan struct{} // closed when it is gone and its output is in the log
}

// start starts the program. It runs until [Sandbox.Close], until ctx ends, or until the server is gone.
func start(ctx context.Context, p Program, phase string) (*Sandbox, error) {
	p.Config = p.withDefaults()
	path, err := filepath.Abs(p.Path)
	if err != nil {
		return nil, fmt.Errorf("finding the program: %w", err)
	}
	if p.Dir == "" {
		p.Dir = filepath.Dir(path)
	}
	if p.Dir, err = filepath.Abs(p.Dir); err != nil {
		return nil, fmt.Errorf("finding the folder of the program: %w", err)
	}
	var names []string
	files := map[string]string{} // of the extensions, by name
	for _, dir := range []string{p.Opt, p.Dir} {
		if dir == "" {
			continue
		}
		found, err := Extensions(dir)
		if err != nil {
			return nil, err
		}
		for _, name := range found {
			if files[name] == "" {
				files[name] = filepath.Join(dir, limits.ExtensionsDir, name)
				names = append(names, name)
			}
		}
	}
	journal := &journal{format: p.LogFormat, out: p.Log}
	s := &Sandbox{extensions: map[string]*sandboxed{}, ungroup: func() {}, exited: make(chan struct{})}
	if p.Isolation != nil {
		s.container = &container{Isolation: *p.Isolation, Opt: p.Opt}
		if len(p.Runner) > 0 {
			s.container.Runner = p.Runner[0]
			p.Runner = append([]string{s.container.runner()}, p.Runner[1:]...)
		}
		if group, remove, err := shareCPU(p.Memory); err == nil { // see [CanShareCPU]
			s.container.Group, s.ungroup = group, remove
		}
	}
	s.Server = newServer(p.Config, phase, names, journal, s.maxMemory)
	for _, name := range names {
		x, err := s.run(ctx, p, telemetryExtension, files[name], func(api string) []string { return append(forExtensions(p.environment(api)), p.Env...) })
		if err != nil {
			errorType := "UnknownError"
			if errors.Is(err, fs.ErrPermission) {
				errorType = "PermissionDenied"
			}
			s.extensionNotStarted(name, errorType, err)
			break
		}
		s.extensions[name] = x
		go func() { s.extensionExited(<-x.ended) }()
	}
	if len(names) > 0 {
		select {
		case <-s.Server.extensions.registered:
		case <-s.Gone():
		case <-ctx.Done():
			s.Server.Close()
		}
	}
	if !s.isGone() {
		s.program, err = s.run(ctx, p, telemetryFunction, path, func(api string) []string { return append(p.environment(api), p.Env...) })
		if err != nil {
			s.finish(crashed("Runtime.InvalidEntrypoint", err.Error()))
			s.end(context.WithoutCancel(ctx))
			return nil, fmt.Errorf("starting the program: %w", err)
		}
		go func() { s.Exited(<-s.program.ended) }()
	}
	go s.watchMemory(p.Memory)
	go func() {
		<-s.Gone()
		s.end(context.WithoutCancel(ctx))
	}()
	return s, nil
}

// run starts a process, whose output is telemetry of that kind, with the environment for an address of the Runtime API.
func (s *Sandbox) run(ctx context.Context, p Program, kind, path string, env func(api string) []string) (_ *sandboxed, err error) {
	listener, api, err := listenFor(ctx, s.container)
	if err != nil {
		return nil, fmt.Errorf("listening for the program: %w", err)
	}
	defer func() {
		if err != nil && listener != nil {
			listener.Close()
		}
	}()
	stdout, outEnd, err := newOutput(func(line []byte) { s.journal.print(kind, line, p.Stdout) })
	if err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	stderr, errEnd, err := newOutput(func(line []byte) { s.journal.print(kind, line, p.Stderr) })
	if err != nil {
		outEnd.Close()
		stdout.close()
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	ctx, kill := context.WithCancel(ctx)
	l := launch{p.Supervisor, s.container, p.Runner, p.inside(path), p.Dir, env(api), outEnd, errEnd}
	process, err := l.start(ctx)
	outEnd.Close()
	errEnd.Close()
	if err != nil {
		kill()
		stdout.close()
		stderr.close()
		return nil, err
	}
	s.journal.read(stdout, stderr)
	r := &sandboxed{process: process, kill: kill, ended: make(chan error, 1), exited: make(chan struct{})}
	s.mu.Lock()
	s.all = append(s.all, r)
	s.mu.Unlock()
	dial := dialOwn
	if process.network != nil {
		listener, dial = process.network.api, process.network.dial
		process.network.serve(ctx)
	}
	web := &http.Server{Handler: s.handler(dial), ReadHeaderTimeout: time.Minute}
	go func() { _ = web.Serve(listener) }() // ends with the process, below
	go func() {
		defer close(r.exited)
		defer kill()
		err := process.wait()
		// What it sent with its last breath is still taken in.
		draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = web.Shutdown(draining)
		stdout.close()
		stderr.close()
		r.ended <- err
		web.Close()
	}()
	return r, nil
}

// listenFor listens for a process, and returns the address of the Runtime API that it is told. In a network of its own its supervisor listens.
func listenFor(ctx context.Context, c *container) (listener net.Listener, api string, err error) {
	if c != nil && !c.HostNetwork {
		return nil, aloneAPI, nil
	}
	if listener, err = Listen(ctx, AnyPort); err != nil {
		return nil, "", err
	}
	return listener, listener.Addr().String(), nil
}

// within waits for the end of a process for a time, and then ends it.
func (r *sandboxed) within(d time.Duration) {
	select {
	case <-r.exited:
	case <-time.After(d):
		r.kill()
		<-r.exited
	}
}

// end ends all processes of a sandbox whose server is gone, as Lambda does: without extensions at once; otherwise the program
// is asked to end, and then the extensions are told.
func (s *Sandbox) end(ctx context.Context) {
	defer close(s.exited)
	deadline := time.Now().Add(externalGrace)
	internal, external := s.counts()
	var grace time.Duration
	switch {
	case internal > 0:
		grace = internalGrace
	case external > 0:
		grace = programGrace
	case s.Server.end.payload != nil:
		grace = internalGrace // it may still be printing why it gave up
	}
	if s.program != nil {
		if internal+external > 0 {
			s.program.terminate()
		}
		s.program.within(grace)
	}
	s.flush(ctx, deadline)
	for _, name := range s.shutdown(deadline) {
		if x := s.extensions[name]; x != nil {
			x.kill()
		}
	}
	for _, x := range s.extensions {
		x.within(time.Until(deadline))
	}
	s.ungroup()
	s.journal.close()
}

// flush sends telemetry before the extensions are told of the end.
func (s *Sandbox) flush(ctx context.Context, deadline time.Time) {
	ctx, cancel := context.WithDeadline(ctx, deadline.Add(-externalGrace/2))
	defer cancel()
	s.journal.flush(ctx)
}

// Close ends the program and its extensions, and waits until they are gone.
func (s *Sandbox) Close() {
	s.Server.Close()
	<-s.exited
}

// Run invokes the program with the events, one after the other, and returns a result for each. A process that
// ended is started anew for the next event, as on Lambda. The error is that of ctx or of a program that cannot be
// started; the results so far come with it.
func Run(ctx context.Context, p Program, events ...Event) ([]Result, error) {
	var results []Result
	f := NewFunction(p, 1)
	defer f.Close()
	for _, e := range events {
		r, err := f.invoke(ctx, ctx, e)
		if err != nil {
			return results, err
		}
		results = append(results, r)
	}
	return results, nil
}
