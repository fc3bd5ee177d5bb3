package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/defaults"
	"github.com/moby/buildkit/util/grpcerrors"
	fscopy "github.com/tonistiigi/fsutil/copy"
	"google.golang.org/grpc"

	// Requests and answers keep BuildKit's own, faster encoding.
	_ "github.com/moby/buildkit/util/grpcutil/encoding/proto"
)

// Run serves BuildKit on c.Socket until ctx ends or no client has been connected for c.Idle; builds that are
// running are finished first. It returns nil at once when another daemon already serves that socket. A daemon
// that owns c.Root under another socket (another version or configuration) is asked to leave and waited for.
//
// It changes the umask of the process and writes its log to standard error.
func Run(ctx context.Context, c Config) error {
	if err := os.MkdirAll(c.Root, 0o700); err != nil {
		return fmt.Errorf("making the state folder: %w", err)
	}
	unlock, err := acquire(ctx, c)
	if errors.Is(err, errServed) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()

	// The socket exists before BuildKit is up: clients wait in its queue instead of asking again and again.
	socket, err := listen(c.Socket)
	if err != nil {
		return err
	}
	defer socket.Close()
	if err := writeJSON(ownerFile(c.Root), owner{Socket: c.Socket, Version: buildkitVersion(), Started: time.Now()}); err != nil {
		return fmt.Errorf("writing who owns the state folder: %w", err)
	}

	// BuildKit creates files for images, where the mode asked for is the mode that counts.
	syscall.Umask(0)
	fscopy.UmaskIsZero = true
	sweep(ctx, c)
	reset, err := healDatabases(c.Root)
	if err != nil {
		return err
	}
	if reset != "" {
		notice("the build cache starts empty: %s", reset)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	controller, err := newController(ctx, c)
	if err != nil {
		return err
	}
	defer controller.Close()

	server := grpc.NewServer(
		grpc.UnaryInterceptor(grpcerrors.UnaryServerInterceptor),
		grpc.StreamInterceptor(grpcerrors.StreamServerInterceptor),
		grpc.MaxRecvMsgSize(defaults.DefaultMaxRecvMsgSize),
		grpc.MaxSendMsgSize(defaults.DefaultMaxSendMsgSize),
	)
	controller.Register(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()
	socket.waitUnused(ctx, c.Idle)
	stop()
	server.GracefulStop()
	return <-served
}

// clients is a listener that knows how many of its connections are open and when the last one closed.
type clients struct {
	*net.UnixListener
	path string
	open atomic.Int64
	last atomic.Int64 // unix nanoseconds
}

func listen(path string) (*clients, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the socket's folder: %w", err)
	}
	// Whoever made it is gone: the lock is ours.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("removing a stale socket: %w", err)
	}
	defer syscall.Umask(syscall.Umask(0o177))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	c := &clients{UnixListener: l, path: path}
	c.last.Store(time.Now().UnixNano())
	return c, nil
}

func (c *clients) Accept() (net.Conn, error) {
	conn, err := c.UnixListener.Accept()
	if err != nil {
		return nil, err
	}
	c.open.Add(1)
	return &connection{Conn: conn, clients: c}, nil
}

type connection struct {
	net.Conn
	clients *clients
	closed  atomic.Bool
}

func (c *connection) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.clients.last.Store(time.Now().UnixNano())
		c.clients.open.Add(-1)
	}
	return c.Conn.Close()
}

// waitUnused returns when ctx ends, when nobody has been connected for idle, or when the socket's file is gone,
// so that no client can find it any more.
func (c *clients) waitUnused(ctx context.Context, idle time.Duration) {
	if idle <= 0 {
		idle = DefaultIdle
	}
	tick := time.NewTicker(min(time.Second, idle))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := os.Lstat(c.path); errors.Is(err, os.ErrNotExist) {
			return
		}
		if c.open.Load() == 0 && time.Since(time.Unix(0, c.last.Load())) >= idle {
			return
		}
	}
}

func notice(format string, args ...any) {
	fmt.Fprintf(os.Stderr, NoticePrefix+format+"\n", args...)
}
