package testparts

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"lpipe/internal/testparts/require"
)

// Island is a network of its own, from which nothing is reached but its loopback: what a test listens on there.
type Island struct{ namespace *os.File }

// NewIsland makes an empty network. It takes root.
func NewIsland(t testing.TB) *Island {
	t.Helper()
	require.Part(t, os.Geteuid() == 0, "root", "run the tests as root")
	i := &Island{}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this function, and takes the namespace along
		done <- i.make()
	}()
	if err := <-done; err != nil {
		t.Fatalf("making a network: %v", err)
	}
	t.Cleanup(func() { i.namespace.Close() })
	return i
}

// make moves the calling thread into a new network, keeps that, and brings its loopback up.
func (i *Island) make() (err error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	if i.namespace, err = threadNetwork(); err != nil {
		return err
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	loopback.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, loopback)
}

func threadNetwork() (*os.File, error) {
	return os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
}

// Enter moves the calling goroutine into the network, with the processes that it starts, until leave is called.
func (i *Island) Enter(t testing.TB) (leave func()) {
	t.Helper()
	runtime.LockOSThread()
	outside, err := threadNetwork()
	if err == nil {
		err = unix.Setns(int(i.namespace.Fd()), unix.CLONE_NEWNET)
	}
	if err != nil {
		t.Fatalf("entering a network: %v", err)
	}
	return func() {
		defer outside.Close()
		if err := unix.Setns(int(outside.Fd()), unix.CLONE_NEWNET); err != nil {
			t.Fatalf("leaving a network: %v", err) // the thread stays locked, and is not used again
		}
		runtime.UnlockOSThread()
	}
}

// Listen listens on a TCP port of the network's loopback. What is accepted is served from outside of it.
func (i *Island) Listen(t testing.TB, port int) net.Listener {
	t.Helper()
	defer i.Enter(t)()
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}
