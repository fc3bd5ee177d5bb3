package solve

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"lpipe/internal/fault"
	"lpipe/internal/progress"
)

// Engine is one of several engines.
type Engine struct {
	Name     string // decides, with the label of a job, where the job is solved
	Platform string // what its machine is, such as "linux/arm64"; jobs for it are solved there
	Client   *client.Client
	// CacheFrom and CacheTo are its own, instead of those of the request: of what engines write to one place, there is
	// in the end what the last one has built.
	CacheFrom, CacheTo []client.CacheOptionsEntry
	Renew              func(ctx context.Context, empty bool) (*client.Client, error) // as of [Request], likewise its own
}

// Spread is [Run] over several engines. A job goes to the same engine in every run, where its steps are cached; when
// engines come or go only the jobs move that must. What an engine had to solve when it went away is solved once more on
// the others.
func Spread(ctx context.Context, engines []Engine, r Request, d *progress.Display) (*Result, error) {
	defer close(d.Status())
	s := &spread{engines: engines, request: r, display: d, lost: make([]bool, len(engines)), result: &Result{
		Outcomes: make([]Outcome, len(r.Jobs)), Bases: map[string]digest.Digest{},
	}}
	all := make([]int, len(r.Jobs))
	for i := range all {
		all[i] = i
	}
	if err := s.run(ctx, all, false); err != nil {
		if ctx.Err() != nil {
			return nil, cancelled(ctx)
		}
		return nil, err
	}
	return s.result, nil
}

type spread struct {
	engines []Engine
	request Request
	display *progress.Display

	mu     sync.Mutex
	lost   []bool // by engine
	result *Result
}

// run solves the jobs on the engines that are left.
func (s *spread) run(ctx context.Context, jobs []int, again bool) error {
	groups := map[int][]int{}
	s.mu.Lock()
	for _, job := range jobs {
		at := place(s.request.Jobs[job], s.engines, s.lost)
		groups[at] = append(groups[at], job)
	}
	s.mu.Unlock()
	eg, ctx := errgroup.WithContext(ctx)
	for at, mine := range groups {
		eg.Go(func() error { return s.on(ctx, at, mine, again) })
	}
	return eg.Wait()
}

// on solves the jobs on one engine, and when that goes away on the others, unless it is the second time. What moved is
// not kept: it alone would replace what the engine has kept of its own.
func (s *spread) on(ctx context.Context, at int, jobs []int, again bool) error {
	engine, r := s.engines[at], s.share(at, jobs, again)
	part, end := s.display.Part(engine.Name)
	result, err := run(ctx, engine.Client, r, part)
	end()
	switch {
	case err != nil && !lost(err):
		return err
	case err != nil:
		result = &Result{Outcomes: make([]Outcome, len(jobs))}
		for i := range result.Outcomes {
			result.Outcomes[i].Err = err
		}
	}
	if moved := s.keep(at, jobs, result, again); len(moved) > 0 {
		return s.run(ctx, moved, true)
	}
	return nil
}

// share is what one engine is asked to solve of the request.
func (s *spread) share(at int, jobs []int, again bool) Request {
	engine, r := s.engines[at], s.request
	r.CacheFrom, r.CacheTo, r.Renew = engine.CacheFrom, engine.CacheTo, engine.Renew
	if again {
		r.CacheTo = nil
	}
	r.Jobs = make([]*Job, len(jobs))
	for i, job := range jobs {
		r.Jobs[i] = s.request.Jobs[job]
	}
	return r
}

// keep puts what one engine did into the result, and returns the jobs that are to be solved elsewhere.
func (s *spread) keep(at int, jobs []int, result *Result, again bool) (moved []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	engine := s.engines[at].Name
	var labels []string
	for i, job := range jobs {
		o := result.Outcomes[i]
		o.Engine = engine
		s.result.Outcomes[job] = o
		if lost(o.Err) {
			s.lost[at] = true
			moved, labels = append(moved, job), append(labels, s.request.Jobs[job].Label)
		}
	}
	s.result.Warnings = append(s.result.Warnings, result.Warnings...)
	maps.Copy(s.result.Bases, result.Bases)
	if len(moved) == 0 || again || place(&Job{}, s.engines, s.lost) < 0 {
		if result.CacheErr != nil {
			s.result.CacheErr = errors.Join(s.result.CacheErr, fmt.Errorf("%s: %w", engine, result.CacheErr))
		}
		return nil
	}
	warning := fmt.Sprintf("the engine %s went away; built on another: %s", engine, strings.Join(labels, ", "))
	s.display.Say("lpipe: %s", warning)
	s.result.Warnings = append(s.result.Warnings, warning)
	return moved
}

// lost reports that an engine failed, and not what it solved.
func lost(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Kind == fault.Engine
}

// place chooses the engine for a job by rendezvous hashing: of all that are left, or of those among them whose machine is
// the one that the job is for, the one whose name together with the job's label has the highest hash. It returns -1 when
// none is left.
func place(j *Job, engines []Engine, lost []bool) int {
	best, highest, native := -1, "", false
	for i, e := range engines {
		if lost[i] || native && e.Platform != j.Platform {
			continue
		}
		sum := sha256.Sum256([]byte(e.Name + "\x00" + j.Label))
		hash, first := string(sum[:]), !native && e.Platform == j.Platform
		if best < 0 || first || hash > highest {
			best, highest, native = i, hash, native || first
		}
	}
	return best
}
