package hostkeys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

// ProbeOptions says how to reach a host. The zero value dials it directly.
type ProbeOptions struct {
	// Proxy is the URL of a proxy: http://[user:password@]host:port (HTTP CONNECT) or socks5://…. It resolves the host.
	Proxy string
	// Getenv, where Proxy is empty, is asked for ALL_PROXY, then HTTPS_PROXY, and for NO_PROXY, each also in lower
	// case; HTTP_PROXY is for http. Nil asks nothing.
	Getenv func(string) string
	// Timeout is for the whole probe; zero means 15 seconds.
	Timeout time.Duration
}

// Probed is what a server showed.
type Probed struct {
	Host          string // as a known_hosts line spells it
	ServerVersion string // "SSH-2.0-OpenSSH_9.2p1"
	Key           ssh.PublicKey
	Fingerprint   string // of Key, or of the key in it where Key is a certificate
	Pin           Pin    // the line that vouches for Key; the zero Pin if the probe failed
}

// Probe connects to the host, spelled as for [Pins.Lookup], and makes the SSH handshake, in which the server proves that
// it has its key; it checks the key and leaves before logging in. Errors are those of [Pins.Check], beside which
// Probed has what the server showed, or failures to connect.
func (p *Pins) Probe(ctx context.Context, host string, opts ProbeOptions) (Probed, error) {
	probed := Probed{Host: display(host)}
	addr, err := address(host)
	if err != nil {
		return probed, err
	}
	timeout := opts.Timeout
	if timeout == 0 {
		timeout = 15 * time.Second
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %s", timeout))
	defer cancel()
	algorithms := p.Algorithms(host)
	err = probed.handshake(ctx, addr, algorithms, opts)
	if negotiation := new(ssh.AlgorithmNegotiationError); len(algorithms) > 0 && errors.As(err, &negotiation) {
		// The server may have no key of a pinned type any more: let it show another, to report which.
		err = probed.handshake(ctx, addr, nil, opts)
	}
	if err != nil {
		if deadline, _ := ctx.Deadline(); !time.Now().Before(deadline) {
			<-ctx.Done() // a dialer's socket keeps the same deadline, and may be first
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return probed, fmt.Errorf("probing %s: %w", probed.Host, err)
	}
	probed.Pin, err = p.match(host, probed.Key)
	return probed, err
}

// handshake fills in the version and the key of the server. Without algorithms it takes any key.
func (p *Probed) handshake(ctx context.Context, addr string, algorithms []string, opts ProbeOptions) error {
	tcp, err := dial(ctx, addr, opts)
	if err != nil {
		return err
	}
	defer tcp.Close()
	defer context.AfterFunc(ctx, func() { tcp.Close() })()
	conn := &versionConn{Conn: tcp, version: make(chan string, 1)}
	shown := make(chan ssh.PublicKey, 1)
	_, _, _, err = ssh.NewClientConn(conn, addr, &ssh.ClientConfig{
		HostKeyAlgorithms: algorithms,
		// Called once the server's signature is verified. Refusing every key ends the connection before the login.
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			shown <- key
			return errors.New("seen")
		},
	})
	select {
	case p.ServerVersion = <-conn.version:
	default:
	}
	select {
	case p.Key = <-shown:
		p.Fingerprint = fingerprint(p.Key)
		return nil
	default:
		return err
	}
}

// versionConn picks the server's version out of what is read. RFC 4253, section 4.2: a line that starts with "SSH-",
// of at most 255 bytes; lines of text may come before it.
type versionConn struct {
	net.Conn
	version chan string // holds one, once read
	line    []byte
	done    bool
}

func (c *versionConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	for _, char := range b[:n] {
		switch {
		case c.done:
		case char != '\n':
			if len(c.line) < 255 {
				c.line = append(c.line, char)
			}
		case bytes.HasPrefix(c.line, []byte("SSH-")):
			c.version <- string(bytes.TrimRight(c.line, "\r"))
			c.done = true
		default:
			c.line = c.line[:0]
		}
	}
	return n, err
}
