package sshfwd

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

func pemText(b *pem.Block) string { return string(pem.EncodeToMemory(b)) }

// touchAgent stands for an agent with one hardware key.
type touchAgent struct {
	agent.ExtendedAgent
	t      testing.TB
	key    *agent.Key
	asked  func() string
	before string // the events when it was asked to sign
	binds  int
}

func (a *touchAgent) source() Source {
	return Source{"touch", func(context.Context) (agent.ExtendedAgent, io.Closer, error) { return a, io.NopCloser(nil), nil }}
}

func (a *touchAgent) List() ([]*agent.Key, error) { return []*agent.Key{a.key}, nil }

func (a *touchAgent) SignWithFlags(ssh.PublicKey, []byte, agent.SignatureFlags) (*ssh.Signature, error) {
	a.before = a.asked()
	return &ssh.Signature{Format: ssh.KeyAlgoSKED25519, Blob: make([]byte, 64), Rest: make([]byte, 5)}, nil
}

func (a *touchAgent) Extension(string, []byte) ([]byte, error) {
	a.binds++
	return nil, agent.ErrExtensionUnsupported
}

// listen serves the agent on a unix socket and returns its path.
func listen(t testing.TB, a *Agent) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	path := listenConn(t, func(c net.Conn) { a.Serve(ctx, c) })
	t.Cleanup(cancel)
	return path
}

// listenConn serves connections to a unix socket and returns its path.
func listenConn(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	// A socket's path must be short, which t.TempDir's need not be.
	dir, err := os.MkdirTemp("", "sshfwd")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "agent")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
		os.RemoveAll(dir)
	})
	return path
}

// silent is an agent that reads requests and never answers.
type silent struct {
	path string
	ch   chan struct{} // closed when a request has come
}

// listenSilent also returns a channel that is closed when the connection has ended.
func listenSilent(t testing.TB) (reached silent, gone chan struct{}) {
	t.Helper()
	reached.ch, gone = make(chan struct{}), make(chan struct{})
	reached.path = listenConn(t, func(c net.Conn) {
		io.ReadFull(c, make([]byte, 5))
		close(reached.ch)
		io.Copy(io.Discard, c)
		close(gone)
	})
	return reached, gone
}

// pipeEnd is one end of a connection in memory of which, other than with net.Pipe, each direction ends by itself.
type pipeEnd struct {
	*io.PipeReader
	w *io.PipeWriter
}

func duplex() (pipeEnd, pipeEnd) {
	r1, w1 := io.Pipe()
	r2, w2 := io.Pipe()
	return pipeEnd{r1, w2}, pipeEnd{r2, w1}
}

func (p pipeEnd) Write(b []byte) (int, error) { return p.w.Write(b) }
func (p pipeEnd) CloseWrite() error           { return p.w.Close() }
func (p pipeEnd) Close() error                { return errors.Join(p.PipeReader.Close(), p.w.Close()) }
