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
	"strconv"
	"time"

	"github.com/moby/buildkit/client"

	"lpipe/internal/disk"
	"lpipe/internal/engine/daemon"
	"lpipe/internal/fault"
)

const (
	dialPoll = 2 * time.Millisecond
	// patience is when the user is told that the engine is still starting.
	patience = 10 * time.Second
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
	file    string // the configuration, for the daemon to read
	logFile string
	env     []string
	command []string
}

// openEmbedded connects to the running daemon of exactly this program and configuration, or starts one.
func openEmbedded(ctx context.Context, o Options, c Choice) (*Engine, error) {
	d, err := newEmbedded(o)
	if err != nil {
		return nil, err
	}
	var child *child
	late := time.After(patience)
	for {
		e, err := d.connect(ctx, c)
		if child != nil {
			child.notices(o.Log)
		}
		switch {
		case err == nil:
			return e, nil
		case errors.Is(err, errSilent):
			return nil, d.silent()
		case ctx.Err() != nil:
			return nil, err
		}
		// Nobody listens, or a daemon is just leaving.
		if child == nil || child.exited() {
			if child != nil && child.err != nil {
				return nil, child.fault(d)
			}
			if child, err = d.start(); err != nil {
				return nil, err
			}
		}
		select {
		case <-ctx.Done():
		case <-late:
			o.Log("the embedded engine is still starting; its log is " + d.logFile)
		case <-time.After(dialPoll):
		}
	}
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
	folder, err := runtimeFolder(o)
	if err != nil {
		return nil, err
	}
	root := stateFolder(o)
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, &fault.Error{Kind: fault.Engine, What: "cannot make the embedded engine's state folder", Err: err, Fix: "set LPIPE_ENGINE_ROOT to a folder that can be written to"}
	}
	d := &embedded{
		config:  daemon.Config{Root: root, Runc: runc, Idle: o.Idle, Silence: o.Silence, Registries: o.Registries},
		logFile: filepath.Join(root, "daemon.log"),
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
	program, err := ProgramID(d.command[0])
	if err != nil {
		return nil, fmt.Errorf("identifying %s: %w", d.command[0], err)
	}
	// Whatever changes what the daemon would do is in its name, so nobody talks to one that differs.
	text, err := json.Marshal([]any{program, d.command, d.config, proxies})
	if err != nil {
		return nil, fmt.Errorf("naming the embedded engine: %w", err)
	}
	sum := sha256.Sum256(text)
	name := filepath.Join(folder, hex.EncodeToString(sum[:8]))
	d.file, d.config.Socket = name+".json", name+".sock"
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

// connect returns an engine that has answered. It fails at once when nobody listens.
func (d *embedded) connect(ctx context.Context, c Choice) (*Engine, error) {
	conn, err := net.Dial("unix", d.config.Socket)
	if err != nil {
		return nil, err
	}
	// The connection stays open until the real one exists, so that an idle daemon does not leave in between.
	defer conn.Close()
	cl, err := client.New(ctx, "unix://"+d.config.Socket)
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
	if err := d.config.Save(d.file); err != nil {
		return nil, err
	}
	return startChild(append(d.command[:len(d.command):len(d.command)], d.file), d.env, d.logFile)
}

func (d *embedded) silent() error {
	e := &fault.Error{
		Kind: fault.Engine,
		What: "the embedded engine does not answer",
		Why:  "it accepts connections on " + d.config.Socket + " and then says nothing",
		Fix:  "look at " + d.logFile,
	}
	if p, ok := daemon.Running(d.config.Root); ok {
		e.Fix += fmt.Sprintf("; \"kill -9 %d\" ends it, and the next run starts a new one", p.PID)
	}
	return e
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

// stateFolder returns the folder of the cache; the daemon, which works elsewhere, needs the whole path.
func stateFolder(o Options) string {
	switch {
	case o.Root != "":
		if root, err := filepath.Abs(o.Root); err == nil {
			return root
		}
		return o.Root
	case os.Geteuid() == 0:
		return "/var/lib/lpipe"
	case o.Getenv("XDG_DATA_HOME") != "":
		return filepath.Join(o.Getenv("XDG_DATA_HOME"), "lpipe")
	default:
		return filepath.Join(o.Getenv("HOME"), ".local/share/lpipe")
	}
}

// runtimeFolder makes the folder of the sockets. Who can enter it can run anything as the daemon's user, so it
// must be the user's own, also below the shared /tmp.
func runtimeFolder(o Options) (string, error) {
	folder := o.Runtime
	switch {
	case folder != "":
	case os.Geteuid() == 0:
		folder = "/run/lpipe"
	case o.Getenv("XDG_RUNTIME_DIR") != "":
		folder = filepath.Join(o.Getenv("XDG_RUNTIME_DIR"), "lpipe")
	default:
		folder = filepath.Join(os.TempDir(), "lpipe-"+strconv.Itoa(os.Geteuid()))
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", &fault.Error{Kind: fault.Engine, What: "cannot make the folder of the embedded engine's socket", Err: err, Fix: "set XDG_RUNTIME_DIR to a folder that can be written to"}
	}
	info, err := os.Lstat(folder)
	if err != nil {
		return "", fmt.Errorf("reading the folder of the embedded engine's socket: %w", err)
	}
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !mine(info) {
		return "", &fault.Error{
			Kind: fault.Engine,
			What: "the folder of the embedded engine's socket is not safe",
			Why:  fmt.Sprintf("%s must be a folder that only you can enter, and is %s", folder, info.Mode()),
			Fix:  "remove it, or set XDG_RUNTIME_DIR",
		}
	}
	return folder, nil
}
