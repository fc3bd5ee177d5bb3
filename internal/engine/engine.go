// Package engine finds, starts and connects to the BuildKit that runs the builds.
//
// It ends at a connected client: what is built with it is the business of package solve. An engine is of one
// of three kinds: "embedded" is lpipe's own BuildKit, a background process started on demand (package daemon);
// "docker" is the BuildKit inside Docker Engine; "address" is a buildkitd somewhere else, reached through a
// socket or through another program such as ssh.
package engine

import (
	"context"
	"errors"
	"time"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client"

	"lpipe/internal/engine/daemon"
	"lpipe/internal/fault"
)

// answerTimeout is how long an engine may take to list its workers before it counts as not answering.
const answerTimeout = 10 * time.Second

// errSilent says that something accepted the connection and then said nothing.
var errSilent = errors.New("no answer")

// Registry says how the embedded engine reaches one registry.
type Registry = daemon.Registry

// Options says which engine to use. The zero value picks the best one here, without looking at the environment.
type Options struct {
	Engine  string // --engine: "", "embedded", "docker", or an address such as tcp://host:1234
	Builder string // --builder: the name of a buildx builder
	// Getenv reads the environment that decides, such as LPIPE_ENGINE and DOCKER_HOST; nil reads nothing.
	Getenv func(string) string
	// Log takes one-line notices for the user, such as that an older engine is being replaced; nil drops them.
	Log func(string)

	// The rest is for the embedded engine alone.

	Registries   map[string]Registry // by host; paths are absolute
	Root         string              // state folder; default /var/lib/lpipe for root, else below XDG_DATA_HOME
	Runtime      string              // folder of the socket; default /run/lpipe for root, else below XDG_RUNTIME_DIR
	Idle         time.Duration       // when the engine leaves; default [daemon.DefaultIdle]
	ReadTimeout  time.Duration       // when a registry is given up; default [daemon.DefaultReadTimeout]
	StallTimeout time.Duration       // when an engine that does not answer is given up; zero waits for ever
	// DaemonCommand runs [daemon.Run] with the configuration in the file that is appended as last argument,
	// until SIGTERM: {"/usr/bin/lpipe", "engine", "run"}.
	DaemonCommand []string
}

// Engine is a connected BuildKit. Several builds may share it.
type Engine struct {
	client *client.Client
	closer func() error
	desc   Description

	complete bool                                       // it does all of [Needs]
	ownStore bool                                       // it keeps layers in a way of its own, of which it cannot export any
	renew    func(context.Context, *Engine, bool) error // nil where others use its cache too
}

// Description tells people and later steps what they are connected to.
type Description struct {
	Choice
	Version   string            // of BuildKit; empty when the engine does not tell
	Platforms []string          // which it can run, such as "linux/amd64", the native one first
	Labels    map[string]string // of the worker, as BuildKit defines them
}

// Open connects to the engine that [Choose] picks: see [Connect].
func Open(ctx context.Context, o Options) (*Engine, error) {
	c, err := Choose(o)
	if err != nil {
		return nil, err
	}
	return Connect(ctx, o, c)
}

// Connect connects to an engine that [Choose] picked with the options, starting it if it is the embedded one. The engine has
// answered when Connect returns; errors say which engine failed, why, and how to use another.
func Connect(ctx context.Context, o Options, c Choice) (*Engine, error) {
	e, err := c.open(ctx, o.withDefaults(), c)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return nil, &fault.Error{Kind: fault.Cancelled, What: "connecting to the engine was interrupted", Err: context.Cause(ctx), Fix: "run the command again"}
	}
	return e, err
}

// Client is BuildKit's own client; it is valid until Close.
func (e *Engine) Client() *client.Client { return e.client }

// Description says what the engine is.
func (e *Engine) Description() Description { return e.desc }

// Renewable reports whether [Engine.Renew] works: the cache is that of this user alone.
func (e *Engine) Renewable() bool { return e.renew != nil }

// Renew replaces the engine by a new one, with the cache of the old one or an empty one, when the builds of others that run on
// it are done. It changes e, which its owner closes as before, to the engine that there is then, also when the old one did
// not leave.
func (e *Engine) Renew(ctx context.Context, empty bool) error { return e.renew(ctx, e, empty) }

// Close ends the connection. An embedded engine stays for the next run.
func (e *Engine) Close() error {
	err := e.client.Close()
	if e.closer != nil {
		if closeErr := e.closer(); err == nil {
			err = closeErr
		}
	}
	return err
}

// ready asks the engine for its workers, which proves that it is there and what it is.
func ready(ctx context.Context, c Choice, cl *client.Client) (*Engine, error) {
	answer, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	workers, err := cl.ListWorkers(answer)
	if err != nil {
		if errors.Is(answer.Err(), context.DeadlineExceeded) { // ours, or that of the caller
			return nil, errSilent
		}
		return nil, err
	}
	if len(workers) == 0 {
		return nil, &fault.Error{
			Kind: fault.Engine,
			What: "the BuildKit at " + c.Address + " cannot build",
			Why:  "it has no worker",
			Fix:  "look at buildkitd's log: it needs runc or containerd",
		}
	}
	w := workers[0]
	d := Description{Choice: c, Version: w.BuildkitVersion.Version, Labels: w.Labels}
	for _, p := range w.Platforms {
		d.Platforms = append(d.Platforms, platforms.Format(p))
	}
	return &Engine{client: cl, desc: d}, nil
}

func (o Options) withDefaults() Options {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	return o
}
