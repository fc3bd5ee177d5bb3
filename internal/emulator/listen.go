package emulator

import (
	"context"
	"fmt"
	"net"
)

// AnyPort is the address for [Listen] with a port that is free.
const AnyPort = "127.0.0.1:0"

// Listen returns a listener on an address of the loopback of this machine that takes connections of this user alone, as far
// as this system can tell: see [ownPeer]. It is for the Runtime API, whose clients know no password, and for [API] and [URL],
// which ask for none. An address that others reach is refused.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%s is no address of this machine's loopback", host)
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if err := peersKnown(); err != nil {
		l.Close()
		return nil, fmt.Errorf("telling connections of other users: %w", err)
	}
	return ownListener{l}, nil
}

type ownListener struct{ net.Listener }

// Accept returns the next connection of this user, and closes those of others.
func (l ownListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || ownPeer(c) {
			return c, err
		}
		c.Close()
	}
}
