package hostkeys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// Signers made once: RSA keys are slow to make.
var (
	ed25519Key = sync.OnceValue(func() ssh.Signer { return signer(newEd25519()) })
	ecdsaKey   = sync.OnceValue(func() ssh.Signer { return signer(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))) })
	rsaKey     = sync.OnceValue(func() ssh.Signer { return signer(must(rsa.GenerateKey(rand.Reader, 2048))) })
	otherKey   = sync.OnceValue(func() ssh.Signer { return signer(newEd25519()) })
	caKey      = sync.OnceValue(func() ssh.Signer { return signer(newEd25519()) })
)

func newEd25519() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return must(key, err)
}

func signer(key crypto.PrivateKey) ssh.Signer { return must(ssh.NewSignerFromKey(key)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// certify returns the signer with a host certificate by the authority for the principals, valid for an hour around now+skew.
func certify(key, authority ssh.Signer, skew time.Duration, principals ...string) ssh.Signer {
	now := time.Now().Add(skew)
	cert := &ssh.Certificate{
		Key: key.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: principals,
		ValidAfter: uint64(now.Add(-time.Hour / 2).Unix()), ValidBefore: uint64(now.Add(time.Hour / 2).Unix()),
	}
	if err := cert.SignCert(rand.Reader, authority); err != nil {
		panic(err)
	}
	return must(ssh.NewCertSigner(cert, key))
}

func line(host string, key ssh.PublicKey) string { return knownhosts.Line([]string{host}, key) + "\n" }

func with(t testing.TB, p *Pins, text string) *Pins {
	t.Helper()
	over, err := p.With("user", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return over
}

func defaults(t testing.TB) *Pins {
	t.Helper()
	p, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// server is an SSH server that lets nobody in.
type server struct {
	addr   string
	logins atomic.Int32 // attempts, "none" included
}

func serve(t *testing.T, keys ...ssh.Signer) *server {
	t.Helper()
	s := new(server)
	config := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-lpipe-test",
		PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
			return nil, errors.New("nobody is let in")
		},
		AuthLogCallback: func(ssh.ConnMetadata, string, error) { s.logins.Add(1) },
	}
	for _, key := range keys {
		config.AddHostKey(key)
	}
	s.addr = listen(t, func(conn net.Conn) {
		ssh.NewServerConn(conn, config)
	})
	return s
}

// listen calls handle for each connection and waits for all to return when the test ends.
func listen(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		running.Wait()
	})
	return listener.Addr().String()
}

func types(pins []Pin) string {
	text := ""
	for _, pin := range pins {
		text += fmt.Sprintf("%s:%d ", pin.File, pin.Line)
	}
	return text
}
