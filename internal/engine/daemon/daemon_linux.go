package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	// Mounts are listed by their real paths.
	root, err := filepath.EvalSymlinks(c.Root)
	if err != nil {
		return fmt.Errorf("finding the state folder: %w", err)
	}
	c.Root = root
	unlock, err := acquire(ctx, c)
	if errors.Is(err, errServed) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	group := groupOf(c.Root)
	defer removeGroup(group)
	sweepRuntime(filepath.Dir(c.Socket))

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
	clearGroup(group)
	was, err := lastEnd(c.Root)
	if err != nil {
		return err
	}
	if err := healDatabases(c.Root, was); err != nil {
		return err
	}
	// Builds that are running when ctx ends need BuildKit to the last.
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	controller, dbs, err := newController(working, c, was)
	if err != nil {
		return err
	}
	defer controller.Close()
	socket.unsynced = unsynced{root: c.Root, dbs: dbs, files: databases(c.Root)}
	_ = socket.use() // each build tries again

	var calls usage
	calls.touch()
	server := grpc.NewServer(
		grpc.ChainUnaryInterceptor(calls.unary, socket.prepare, grpcerrors.UnaryServerInterceptor),
		grpc.ChainStreamInterceptor(calls.stream, grpcerrors.StreamServerInterceptor),
		grpc.MaxRecvMsgSize(defaults.DefaultMaxRecvMsgSize),
		grpc.MaxSendMsgSize(defaults.DefaultMaxSendMsgSize),
	)
	controller.Register(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()
	socket.waitUnused(ctx, c.Idle)
	// New clients find no socket and start another daemon, which waits for the lock. The connections of the
	// present ones must stay usable, as a running build makes more calls: gRPC's own graceful stop forbids that.
	socket.unlink()
	socket.waitDone(&calls)
	stop()
	server.GracefulStop()
	return errors.Join(<-served, socket.settle())
}

func notice(format string, args ...any) {
	fmt.Fprintf(os.Stderr, NoticePrefix+format+"\n", args...)
}
