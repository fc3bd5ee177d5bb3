package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/moby/buildkit/client"

	"lpipe/internal/disk"
	"lpipe/internal/engine/daemon"
	"lpipe/internal/fault"
	"lpipe/internal/program"
)

const (
	dialPoll = 2 * time.Millisecond
	// startTimeout is how long a daemon may start even where one that answers nothing is given up earlier.
	startTimeout = time.Minute
	// maxSocketPath is the longest path of a unix socket on Linux: unix(7), sun_path less the final zero.
	maxSocketPath = 107
)

// proxyVariables reach the daemon, which pulls images, beside PATH and HOME. Everything else of the caller's
// environment stays out: the daemon outlives the caller and may serve runs with other secrets.
var proxyVariables = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR",
}

// embedded is how one configuration of the embedded engine is run.
type embedded struct {
	config  daemon.Config
	logFile string
	env     []string
	command []string
}

// Embedded is lpipe's own BuildKit, a background process that is started on demand.
const Embedded Kind = "embedded"

// chooseEmbedded is the embedded engine where it can run. It is of this user alone, and on this machine.
func chooseEmbedded(o Options, h host, why string) (Choice, error) {
	if err := h.embeddable(o); err != nil {
		return Choice{}, err
	}
	return Choice{Kind: Embedded, Address: stateFolder(o), Local: true, Why: why, open: openEmbedded}, nil
}

// openEmbedded connects to the running daemon of exactly this program and configuration, or starts one. One that does
// not answer is waited for: it may be suspended, or busy with the builds of others.
func openEmbedded(ctx context.Context, o Options, c Choice) (*Engine, error) {
	d, err := newEmbedded(o)
	if err != nil {
		return nil, err
	}
	w := wait(o.StallTimeout, o.Log)
	defer w.look.Stop()
	var child *child
	for {
		e, err := w.connect(ctx, d, c, child)
		if child != nil {
			child.notices(o.Log)
		}
		switch {
		case err == nil:
			return owned(e, o), nil
		case errors.Is(err, daemon.ErrStranger):
			return nil, d.stranger(err)
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			child.leave()
			return nil, d.silent()
		case ctx.Err() != nil:
			return nil, err
		case errors.Is(err, errSilent):
			if w.over() && (!child.starting() || time.Since(w.since) >= startTimeout) {
				child.leave()
				return nil, d.silent()
			}
			continue
		}
		// Nobody listens, or a daemon is just leaving.
		if !child.starting() {
			if child != nil && child.err != nil {
				return nil, child.fault(d)
			}
			if child, err = d.start(); err != nil {
				return nil, err
			}
		}
		select {
		case <-ctx.Done():
		case <-w.look.C:
			// The new daemon may be waiting for one of another configuration that cannot leave.
			if p, ok := daemon.Running(d.config.Root); ok && p.Suspended && w.over() {
				child.leave()
				return nil, d.silent()
			}
			w.notify(d, child)
		case <-time.After(dialPoll):
		}
	}
}

// owned returns an engine of this program with what it can do beside others.
func owned(e *Engine, o Options) *Engine {
	e.complete, e.renew = true, func(ctx context.Context, e *Engine, empty bool) error { return renew(ctx, o, e, empty) }
	return e
}

// waiting is the time in which a daemon does not answer yet.
type waiting struct {
	limit time.Duration // zero waits for ever
	since time.Time
	look  *time.Ticker // when the user is told what is new
	log   func(string)
	said  string
}

func wait(limit time.Duration, log func(string)) *waiting {
	interval := answerTimeout
	if limit > 0 {
		interval = min(interval, max(limit/4, time.Millisecond))
	}
	return &waiting{limit: limit, since: time.Now(), look: time.NewTicker(interval), log: log}
}

// connect is [embedded.connect], during which the user is told what is waited for.
func (w *waiting) connect(ctx context.Context, d *embedded, c Choice, child *child) (e *Engine, err error) {
	timeout := answerTimeout
	if w.limit > 0 {
		timeout = min(timeout, max(w.limit-time.Since(w.since), time.Second))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		e, err = d.connect(ctx, c, timeout)
	}()
	for {
		select {
		case <-done:
			return e, err
		case <-w.look.C:
			w.notify(d, child)
		}
	}
}

func (w *waiting) over() bool { return w.limit > 0 && time.Since(w.since) >= w.limit }

// notify tells the user what is being waited for, once.
func (w *waiting) notify(d *embedded, child *child) {
	text := "the embedded engine is still starting; its log is " + d.logFile
	if p, ok := daemon.Running(d.config.Root); ok && p.Suspended {
		text = fmt.Sprintf("waiting for the embedded engine, which is suspended; \"kill -CONT %d\" lets it go on", p.PID)
	} else if ok && !child.starting() {
		text = fmt.Sprintf("waiting for the embedded engine (process %d), which does not answer; its log is %s", p.PID, d.logFile)
	}
	if text != w.said {
		w.said = text
		w.log(text)
	}
}

// renew is [Engine.Renew] for an embedded engine.
func renew(ctx context.Context, o Options, e *Engine, empty bool) error {
	if empty {
		if err := daemon.Distrust(stateFolder(o)); err != nil {
			return err
		}
	}
	if err := e.Close(); err != nil {
		return err
	}
	_, stopErr := stop(ctx, stateFolder(o))
	fresh, err := Connect(ctx, o, e.desc.Choice)
	if err != nil {
		return errors.Join(stopErr, err)
	}
	*e = *fresh
	return stopErr
}

func newEmbedded(o Options) (*embedded, error) {
	if len(o.DaemonCommand) == 0 {
		return nil, errors.New("the command of the embedded engine is not set")
	}
	runc, err := findRunc(o.Getenv, sbin)
	if err != nil {
		return nil, err
	}
	if err := checkRegistries(o.Registries); err != nil {
		return nil, err
	}
	root, folder, err := makeFolders(o)
	if err != nil {
		return nil, err
	}
	d := &embedded{
		config:  daemon.Config{Root: root, Runc: runc, Idle: o.Idle, ReadTimeout: o.ReadTimeout, Registries: o.Registries, Quick: quick()},
		logFile: filepath.Join(root, daemon.LogName),
		env:     []string{"PATH=" + o.Getenv("PATH") + ":" + sbin, "HOME=" + root},
		command: o.DaemonCommand,
	}
	if os.Geteuid() != 0 {
		d.env = append(d.env, "XDG_RUNTIME_DIR="+folder) // runc keeps its state there
	}
	var proxies []string
	for _, name := range proxyVariables {
		if v := o.Getenv(name); v != "" {
			proxies = append(proxies, name+"="+v)
		}
	}
	d.env = append(d.env, proxies...)
	id, err := program.ID(d.command[0])
	if err != nil {
		return nil, fmt.Errorf("identifying %s: %w", d.command[0], err)
	}
	// Whatever changes what the daemon would do is in its name, so nobody talks to one that differs.
	text, err := json.Marshal([]any{id, d.command, d.config, proxies})
	if err != nil {
		return nil, fmt.Errorf("naming the embedded engine: %w", err)
	}
	sum := sha256.Sum256(text)
	d.config.Socket = filepath.Join(folder, hex.EncodeToString(sum[:8])+".sock")
	if len(d.config.Socket) > maxSocketPath {
		return nil, &fault.Error{
			Kind: fault.Engine,
			What: "the path of the embedded engine's socket is too long",
			Why:  fmt.Sprintf("%s has %d bytes of at most %d", d.config.Socket, len(d.config.Socket), maxSocketPath),
			Fix:  "set XDG_RUNTIME_DIR to a shorter path",
		}
	}
	return d, nil
}

// connect returns an engine that has answered. It fails at once when nobody listens, and after the timeout when somebody
// listens and does not answer.
func (d *embedded) connect(ctx context.Context, c Choice, timeout time.Duration) (*Engine, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := daemon.Dial(d.config.Socket)
	if err != nil {
		return nil, err
	}
	// The connection stays open until the real one exists, so that an idle daemon does not leave in between.
	defer conn.Close()
	cl, err := client.New(ctx, "unix://"+d.config.Socket, client.WithContextDialer(func(context.Context, string) (net.Conn, error) {
		return daemon.Dial(d.config.Socket)
	}))
	if err != nil {
		return nil, err
	}
	e, err := ready(ctx, c, cl)
	if err != nil {
		cl.Close()
		return nil, err
	}
	return e, nil
}

// start runs the daemon in the background. Several runs may do so at once: all daemons but one leave.
func (d *embedded) start() (*child, error) {
	file, err := d.config.Save()
	if err != nil {
		return nil, runtimeFault(filepath.Dir(d.config.Socket), err)
	}
	c, err := startChild(append(d.command[:len(d.command):len(d.command)], file), d.env, d.logFile)
	if err != nil {
		os.Remove(file)
		if f := (*fault.Error)(nil); !errors.As(err, &f) {
			err = stateFault(d.config.Root, err)
		}
		return nil, err
	}
	return c, nil
}

// silent is the fault of a daemon that was waited for in vain.
func (d *embedded) silent() error {
	e := &fault.Error{
		Kind: fault.Engine,
		What: "the embedded engine does not answer",
		Why:  "it said nothing on " + d.config.Socket,
		Fix:  "look at " + d.logFile,
	}
	p, ok := daemon.Running(d.config.Root)
	switch {
	case ok && p.Suspended:
		e.Why = fmt.Sprintf("process %d is suspended, as by \"kill -STOP\" or a debugger", p.PID)
		e.Fix = fmt.Sprintf("let it go on with \"kill -CONT %d\"; if it still does not answer, \"kill -9 %d\" ends it with what it builds", p.PID, p.PID)
	case ok:
		e.Fix += fmt.Sprintf("; \"lpipe engine stop\" ends it when its builds are done, and \"kill -9 %d\" with what it builds", p.PID)
	}
	return e
}

// stranger is the fault of a socket in the user's own folder that a process of another user serves.
func (d *embedded) stranger(err error) error {
	return &fault.Error{
		Kind: fault.Engine,
		What: "the embedded engine's socket is not yours",
		Err:  err,
		Fix:  fmt.Sprintf("find out who made it, and remove %s", d.config.Socket),
	}
}

func checkRegistries(registries map[string]Registry) error {
	var wrong fault.List
	for host, r := range registries {
		for _, ca := range r.CA {
			if _, err := disk.ReadFile(ca, disk.MaxSmall); err != nil {
				wrong.Add(&fault.Error{
					Kind: fault.Usage,
					What: fmt.Sprintf("cannot read the certificate of registry %s", host),
					Fix:  fmt.Sprintf("correct ca in [registry.%q]", host),
					Err:  err,
				})
			}
		}
	}
	return wrong.Err()
}
