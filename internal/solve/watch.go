package solve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/fault"
)

// answerTimeout is how long a silent engine may take to show that it is alive.
const answerTimeout = 15 * time.Second

// watch sees the status of one attempt go by.
type watch struct {
	runs    func(digest.Digest) bool // whether a step runs a program
	mu      sync.Mutex
	last    time.Time
	running map[digest.Digest]string // names of the steps under way
	exports []string                 // why caches were not exported
	imports []string                 // why caches were not imported
	mask    mask
}

func newWatch(runs func(digest.Digest) bool) *watch {
	return &watch{runs: runs, last: time.Now(), running: map[digest.Digest]string{}}
}

// relay passes the status on until from is closed, without secrets.
func (w *watch) relay(from <-chan *client.SolveStatus, to chan<- *client.SolveStatus) {
	for status := range from {
		w.mask.hide(status)
		w.see(status)
		to <- status
	}
	if rest := w.mask.rest(func(stream) bool { return true }); len(rest) > 0 {
		to <- &client.SolveStatus{Logs: rest}
	}
}

func (w *watch) see(status *client.SolveStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = time.Now()
	for _, v := range status.Vertexes {
		if v.Started == nil || v.Completed != nil {
			delete(w.running, v.Digest)
		} else {
			w.running[v.Digest] = v.Name
		}
		if strings.HasPrefix(v.Name, lookName) {
			v.Error = "" // a cache that is not there, or is no image
		}
		if v.Error == "" || strings.HasSuffix(v.Error, context.Canceled.Error()) {
			continue
		}
		// The names that BuildKit gives to work with caches: cache/remotecache/*/ and solver/llbsolver/bridge.go.
		switch ref, isImport := strings.CutPrefix(v.Name, "importing cache manifest from "); {
		case isImport:
			w.imports = append(w.imports, fmt.Sprintf("the cache %s was not read: %s", ref, v.Error))
		case strings.HasPrefix(v.Name, "exporting") && strings.Contains(strings.ToLower(v.Name), "cache"): // "GitHub Actions Cache"
			w.exports = append(w.exports, v.Error)
		}
	}
}

// silence returns for how long nothing was heard; runs says that a program is running in the build, whose silence is
// its own business, and name is some work under way.
func (w *watch) silence() (quiet time.Duration, runs bool, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for dgst, n := range w.running {
		runs = runs || w.runs(dgst)
		name = n
	}
	return time.Since(w.last), runs, name
}

// stalled is the cause with which an attempt is cancelled that does not move.
type stalled struct {
	quiet  time.Duration
	name   string // of the work under way; may be empty
	frozen bool   // the engine itself does not answer
}

func (s *stalled) Error() string {
	if s.frozen {
		return fmt.Sprintf("no answer for %s", s.quiet.Round(time.Second))
	}
	return fmt.Sprintf("%q did not move for %s", s.name, s.quiet.Round(time.Second))
}

// guard cancels an attempt that is silent for longer than limit: at once where the engine does not answer, and else
// where no program runs, since then it waits for a registry.
func (w *watch) guard(ctx context.Context, cancel context.CancelCauseFunc, c *client.Client, limit time.Duration) {
	if limit <= 0 {
		return
	}
	tick := time.NewTicker(max(limit/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		quiet, runs, name := w.silence()
		if quiet < limit {
			continue
		}
		alive := answers(ctx, c)
		if ctx.Err() == nil && (!alive || !runs) {
			cancel(&stalled{quiet, name, !alive})
			return
		}
	}
}

func answers(ctx context.Context, c *client.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	_, err := c.ListWorkers(ctx)
	return err == nil
}

// stallFault is what the user sees of a stall that could not be helped.
func stallFault(s *stalled) error {
	if s.frozen {
		return &fault.Error{
			Kind: fault.Engine, What: "the engine stopped answering", Err: s,
			Fix: "look at the engine's machine and log (lpipe engine status); --stall-timeout sets how long lpipe waits",
		}
	}
	return &fault.Error{
		Kind: fault.Engine, What: "the build stands still", Err: s,
		Fix: "check that the engine's machine reaches the registries of the base image and the caches; --stall-timeout sets how long lpipe waits",
	}
}

// stallOf returns the stall for which ctx was cancelled, nil when it was not.
func stallOf(ctx context.Context) *stalled {
	var s *stalled
	errors.As(context.Cause(ctx), &s)
	return s
}
