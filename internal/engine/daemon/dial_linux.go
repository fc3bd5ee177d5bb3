package daemon

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Dial connects to the socket of a daemon that runs as this user. Where a process of another user serves it the error is
// [ErrStranger]: whoever is connected to that would send it sources and secrets.
func Dial(socket string) (net.Conn, error) {
	conn, _, err := dial(socket)
	return conn, err
}

// dial also returns the process that serves the socket. The kernel says which it is, so it is never that of a stranger
// who got the number of a dead daemon; 0 is a process that has no number here.
func dial(socket string) (net.Conn, int, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return nil, 0, err
	}
	cred, err := peer(conn)
	if err == nil && int(cred.Uid) != os.Geteuid() {
		err = fmt.Errorf("%w: %s is served by user %d", ErrStranger, socket, cred.Uid)
	}
	if err != nil {
		conn.Close()
		return nil, 0, err
	}
	return conn, int(cred.Pid), nil
}

func peer(conn *net.UnixConn) (cred *unix.Ucred, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if controlErr != nil {
		return nil, controlErr
	}
	return cred, err
}
