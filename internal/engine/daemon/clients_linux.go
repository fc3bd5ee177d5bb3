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

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/util/bklog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// clients is the daemon's socket. It knows whether anybody is connected.
type clients struct {
	*net.UnixListener
	path string
	usage
	unsynced
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
	l.SetUnlinkOnClose(false)
	c := &clients{UnixListener: l, path: path}
	c.touch()
	return c, nil
}

func (c *clients) unlink() { _ = os.Remove(c.path) }

func (c *clients) Accept() (net.Conn, error) {
	conn, err := c.UnixListener.Accept()
	if err != nil {
		return nil, err
	}
	c.began()
	return &connection{Conn: conn, usage: &c.usage}, nil
}

type connection struct {
	net.Conn
	*usage
	closed atomic.Bool
}

func (c *connection) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.ended()
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
		if _, err := os.Lstat(c.path); errors.Is(err, os.ErrNotExist) || c.unusedFor(idle) {
			return
		}
		if c.unusedFor(settleAfter) {
			if err := c.settle(); err != nil {
				bklog.L.WithError(err).Warn("settling the databases")
			}
		}
	}
}

// usage counts what is going on, and remembers when the last of it ended.
type usage struct {
	count atomic.Int64
	last  atomic.Int64 // unix nanoseconds
}

func (u *usage) began() { u.count.Add(1) }

func (u *usage) ended() {
	u.touch()
	u.count.Add(-1)
}

func (u *usage) touch() { u.last.Store(time.Now().UnixNano()) }

func (u *usage) unusedFor(d time.Duration) bool {
	return u.count.Load() == 0 && time.Since(time.Unix(0, u.last.Load())) >= d
}

func (u *usage) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	u.began()
	defer u.ended()
	return handle(ctx, req)
}

func (u *usage) stream(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	u.began()
	defer u.ended()
	return handle(srv, s)
}

// prepare lets a build begin when the databases are ready for it. All else is served as it is: what removes layers makes
// room.
func (c *clients) prepare(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if info.FullMethod == controlapi.Control_Solve_FullMethodName {
		if err := c.use(); err != nil {
			return nil, status.Error(codes.ResourceExhausted, err.Error())
		}
	}
	return handle(ctx, req)
}

// pause is how long a connected client may do something else, between two builds of one run, before a daemon that
// was asked to leave does so. It holds up another daemon, so it is no longer than packing a few results takes.
const pause = 10 * time.Second

// waitDone returns when all clients have gone, or when those that are left have had no call running for a pause.
func (c *clients) waitDone(calls *usage) {
	for c.count.Load() > 0 && !calls.unusedFor(pause) {
		time.Sleep(lockPoll)
	}
}
