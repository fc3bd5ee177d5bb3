package emulator

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// aloneAPI is the address of the Runtime API in a network of a program's own, as on Lambda.
const aloneAPI = "127.0.0.1:9001"

// MostPorts bounds [Isolation.Ports].
const MostPorts = 64

// CheckPort says why a port of this machine cannot be one of [Isolation.Ports].
func CheckPort(port int) error {
	switch {
	case port < 1 || port > 65535:
		return fmt.Errorf("ports are 1 to 65535")
	case port == reservedPort:
		return fmt.Errorf("%d is that of the Runtime API", port)
	}
	return nil
}

// dialer connects to an address, as [net.Dialer.DialContext] does.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// ownNetwork is what reaches into the network of a program that does not have that of this machine.
type ownNetwork struct {
	api   net.Listener         // of the Runtime API
	ports map[int]net.Listener // the program's side of ports of this machine
	dial  dialer               // from within
}

// serve passes on connections of the program to ports of this machine, until ctx ends.
func (n *ownNetwork) serve(ctx context.Context) {
	for port, l := range n.ports {
		context.AfterFunc(ctx, func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go relay(ctx, c.(*net.TCPConn), port)
			}
		}()
	}
}

// relay passes a connection on to a port of this machine's loopback. Where nobody listens it is reset.
func relay(ctx context.Context, c *net.TCPConn, port int) {
	defer c.Close()
	dialing := net.Dialer{Timeout: 10 * time.Second}
	var there net.Conn
	var err error
	for _, host := range []string{"127.0.0.1", "::1"} {
		if there, err = dialing.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port))); err == nil {
			break
		}
	}
	if err != nil {
		_ = c.SetLinger(0)
		return
	}
	defer there.Close()
	stop := context.AfterFunc(ctx, func() {
		c.Close()
		there.Close()
	})
	defer stop()
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(there, c)
		_ = there.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(c, there)
	_ = c.CloseWrite()
	<-copied
}
