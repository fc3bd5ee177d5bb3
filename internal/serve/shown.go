package serve

import (
	"cmp"
	"io"
	"slices"
	"time"

	"lpipe/internal/emulator"
	"lpipe/internal/page"
)

// BeginBuild has the page show that a build is under way.
func (s *Server) BeginBuild() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.build = page.Build{Began: time.Now()}
	s.version++
}

// EndBuild has the page show what became of it: why it failed, if it did, and its steps.
func (s *Server) EndBuild(failed string, steps []page.Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.build.Ended, s.build.Err, s.build.Steps = time.Now(), failed, steps
	s.version++
}

// keepOutput keeps the last of what a program prints, and of its log. The server is locked.
func (s *Server) keepOutput(p *emulator.Program) {
	tail := &page.Tail{W: p.Stdout}
	if p.Stdout == nil {
		tail.W = io.Discard
	}
	s.output[p.Name] = tail
	p.Stdout, p.Stderr = tail, tail
	if p.Log != nil {
		p.Log = tail
	}
}

// shown is the server as its page sees it.
type shown struct{ *Server }

var _ page.Host = shown{}

func (s shown) Function(lambda string) (emulator.Invoker, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.functions[lambda]
	return f, ok
}

func (s shown) Version() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

func (s shown) State() page.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := page.State{Routes: s.routes, Build: s.build}
	for name, f := range s.functions {
		l := page.Lambda{Name: name, URL: Prefix + name + "/", Since: s.since[name]}
		if output := s.output[name]; output != nil {
			l.Output = output.String()
		}
		if x, ok := f.(*emulator.External); ok {
			l.External, l.Connected = true, x.Connected()
		}
		state.Lambdas = append(state.Lambdas, l)
	}
	slices.SortFunc(state.Lambdas, func(a, b page.Lambda) int { return cmp.Compare(a.Name, b.Name) })
	return state
}
