package engine

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lpipe/internal/engine/enginetest"
	"lpipe/internal/fault"
)

func TestAnAddressPassesTheSuite(t *testing.T) {
	socket := embeddedSocket(t)
	e := open(t, Options{Engine: "unix://" + socket})
	enginetest.Run(t, e.Client(), enginetest.Lacks{})
	if d := e.Description(); d.Kind != Address || d.Address != "unix://"+socket {
		t.Errorf("described as %+v", d)
	}
}

func TestMutualTLSPassesTheSuite(t *testing.T) {
	pki := newPKI(t)
	addr := pki.serve(t, embeddedSocket(t))
	env := map[string]string{"BUILDKIT_TLS_DIR": pki.client, "BUILDKIT_TLS_SERVER_NAME": "buildkitd"}
	e := open(t, Options{Engine: "tcp://" + addr, Getenv: func(n string) string { return env[n] }})
	enginetest.Run(t, e.Client(), enginetest.Lacks{})
}

// TestAnAddressIsNoCommand: an address may be a project's, and goes to programs on this machine, and by ssh to a shell.
func TestAnAddressIsNoCommand(t *testing.T) {
	for addr, why := range map[string]string{
		"ssh://-oProxyCommand=x/run/buildkit":            "would be an option",
		"ssh://-oProxyCommand=x@host":                    "would be an option",
		"ssh://%2DoProxyCommand=x@host":                  "would be an option",
		"ssh://host/;id":                                 "more than a path",
		"ssh://host/$(id)":                               "more than a path",
		"ssh://host/run/a%20b":                           "more than a path",
		"ssh://host/run/%60id%60":                        "more than a path",
		"ssh://host/a%0aid":                              "more than a path",
		"podman-container://--url=x":                     "would be an option",
		"docker-container://x?context=--host=tcp://x":    "would be an option",
		"nerdctl-container://-H":                         "would be an option",
		"kube-pod://pod?namespace=-x":                    "would be an option",
		"ssh://me@host:2222/run/buildkit/buildkitd.sock": "",
		"docker-container://builder?context=c":           "",
		"kube-pod://pod?context=c&namespace=n":           "",
		"tcp://[::1]:1234":                               "",
		"unix:///run/it is here/s":                       "",
	} {
		_, err := Choose(Options{Engine: addr, Getenv: func(string) string { return "" }})
		var f *fault.Error
		if why == "" && err != nil || why != "" && (!errors.As(err, &f) || !strings.Contains(f.Why, why) || f.Kind != fault.Usage) {
			t.Errorf("%s: %v, want %q", addr, err, why)
		}
	}
}

func TestTLSMistakesAreNamed(t *testing.T) {
	pki, other := newPKI(t), newPKI(t)
	addr := pki.serve(t, "/nowhere")
	plain := listenAndDrop(t)
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	ca, cert, key := pki.client+"/ca.pem", pki.client+"/cert.pem", pki.client+"/key.pem"
	for name, c := range map[string]struct {
		addr string
		env  map[string]string
		why  string
		fix  string
	}{
		"wrong server name": {
			addr,
			map[string]string{"BUILDKIT_TLS_CACERT": ca, "BUILDKIT_TLS_CERT": cert, "BUILDKIT_TLS_KEY": key, "BUILDKIT_TLS_SERVER_NAME": "other"},
			"certificate is valid for buildkitd, not other", "BUILDKIT_TLS_SERVER_NAME",
		},
		"no server name": {
			addr,
			map[string]string{"BUILDKIT_TLS_CACERT": ca, "BUILDKIT_TLS_CERT": cert, "BUILDKIT_TLS_KEY": key},
			"127.0.0.1", "BUILDKIT_TLS_SERVER_NAME",
		},
		"no client certificate": {
			addr,
			map[string]string{"BUILDKIT_TLS_CACERT": ca, "BUILDKIT_TLS_SERVER_NAME": "buildkitd"},
			"did not accept the client certificate", "BUILDKIT_TLS_CERT",
		},
		"a client certificate of another authority": {
			addr,
			map[string]string{"BUILDKIT_TLS_CACERT": ca, "BUILDKIT_TLS_CERT": other.client + "/cert.pem", "BUILDKIT_TLS_KEY": other.client + "/key.pem", "BUILDKIT_TLS_SERVER_NAME": "buildkitd"},
			"did not accept the client certificate", "BUILDKIT_TLS_CERT",
		},
		"an unknown authority": {
			addr,
			map[string]string{"BUILDKIT_TLS_CERT": cert, "BUILDKIT_TLS_KEY": key, "BUILDKIT_TLS_SERVER_NAME": "buildkitd"},
			"unknown authority", "BUILDKIT_TLS_CACERT",
		},
		"TLS forgotten":             {addr, nil, "wants TLS", "BUILDKIT_TLS_CACERT"},
		"TLS for an engine without": {web.Listener.Addr().String(), map[string]string{"BUILDKIT_TLS_CACERT": ca, "BUILDKIT_TLS_SERVER_NAME": "buildkitd"}, "does not use it", "BUILDKIT_TLS_"},
		"a web server":              {web.Listener.Addr().String(), nil, "is not BuildKit", "TLS"},
		"something that hangs up":   {plain, nil, "is not BuildKit", "TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			f := failure(t, Options{Engine: "tcp://" + c.addr, Getenv: func(n string) string { return c.env[n] }}, 5*time.Second)
			if !strings.Contains(f.Error(), c.why) || !strings.Contains(f.Fix, c.fix) {
				t.Errorf("why %q, fix %q, cause %v", f.Error(), f.Fix, f.Err)
			}
		})
	}
}

func TestDeadAddressesFailAtOnce(t *testing.T) {
	dead := filepath.Join(t.TempDir(), "dead.sock")
	l, err := net.Listen("unix", dead)
	must(t, err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	t.Setenv("PATH", t.TempDir()) // where BuildKit's helpers look for docker, ssh and the like
	for addr, why := range map[string]string{
		"unix://" + dead:                   "connection refused",
		"unix:///nowhere/buildkitd.sock":   "no such file or directory",
		"tcp://127.0.0.1:1":                "connection refused",
		"docker-container://buildkitd":     "the program docker is not installed",
		"podman-container://buildkitd":     "the program podman is not installed",
		"nerdctl-container://buildkitd":    "the program nerdctl is not installed",
		"kube-pod://buildkitd?namespace=x": "the program kubectl is not installed",
		"ssh://me@far":                     "the program ssh is not installed",
		"kube-pod://x?nonsense=1":          "nonsense",
	} {
		t.Run(addr, func(t *testing.T) {
			f := failure(t, Options{Engine: addr}, 5*time.Second)
			if !strings.Contains(f.Error(), why) || !strings.Contains(f.What, addr) || f.Fix == "" {
				t.Errorf("error %q, fix %q", f.Error(), f.Fix)
			}
		})
	}
}

func TestTheHelpersOwnErrorIsShown(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "ssh"), []byte("#!/bin/sh\necho 'me@far: Permission denied (publickey).' >&2\nexit 255\n"), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	f := failure(t, Options{Engine: "ssh://me@far"}, 5*time.Second)
	if !strings.Contains(f.Why, "me@far: Permission denied (publickey).") {
		t.Errorf("why %q, cause %v", f.Why, f.Err)
	}
}

func TestASilentEngineIsReported(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close() // never accepts
	for _, addr := range []string{"tcp://" + l.Addr().String(), "docker"} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err = Open(ctx, Options{Engine: addr, Getenv: func(n string) string {
			return map[string]string{"DOCKER_HOST": "tcp://" + l.Addr().String()}[n]
		}})
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Engine || !strings.Contains(f.Why, "no answer") {
			t.Errorf("%s: error %#v", addr, err)
		}
	}
}

// failure opens an engine that must fail, and quickly.
func failure(t *testing.T, o Options, within time.Duration) *fault.Error {
	t.Helper()
	start := time.Now()
	e, err := Open(t.Context(), o)
	if err == nil {
		e.Close()
		t.Fatal("it opened")
	}
	if took := time.Since(start); took > within {
		t.Errorf("failing took %s", took)
	}
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Engine {
		t.Fatalf("error %#v", err)
	}
	return f
}

// embeddedSocket is the address of a BuildKit that runs for the test.
func embeddedSocket(t *testing.T) string {
	t.Helper()
	o := embeddedOptions(t)
	open(t, o)
	s, err := Status(t.Context(), o)
	must(t, err)
	return s.Process.Socket
}

func listenAndDrop(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	return l.Addr().String()
}

// pki is an authority with certificates for a server called "buildkitd" and for a client.
type pki struct {
	pool   *x509.CertPool
	server tls.Certificate
	files  string // a folder with cert.pem and key.pem of the server
	client string // and one with ca.pem, cert.pem and key.pem of the client
}

func newPKI(t *testing.T) pki {
	t.Helper()
	p := pki{pool: x509.NewCertPool(), client: t.TempDir(), files: t.TempDir()}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	authorityPEM, _, authorityKey := certify(t, authority, authority, nil)
	p.pool.AppendCertsFromPEM(authorityPEM)
	leaf := func(name string) (cert, key []byte) {
		cert, key, _ = certify(t, &x509.Certificate{
			SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}, authority, authorityKey)
		return cert, key
	}
	must(t, os.WriteFile(filepath.Join(p.client, "ca.pem"), authorityPEM, 0o600))
	for name, dir := range map[string]string{"buildkitd": p.files, "client": p.client} {
		cert, key := leaf(name)
		must(t, os.WriteFile(filepath.Join(dir, "cert.pem"), cert, 0o600))
		must(t, os.WriteFile(filepath.Join(dir, "key.pem"), key, 0o600))
	}
	var err error
	p.server, err = tls.LoadX509KeyPair(p.files+"/cert.pem", p.files+"/key.pem")
	must(t, err)
	return p
}

// certify signs template by parent; a nil key makes it sign itself.
func certify(t *testing.T, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (certPEM, keyPEM []byte, key *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	if parentKey == nil {
		parentKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	must(t, err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), key
}

// serve stands in front of the BuildKit at socket as buildkitd does with TLS: clients need a certificate.
func (p pki) serve(t *testing.T, socket string) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{p.server}, ClientCAs: p.pool, ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"h2"},
	})
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go relay(conn, socket)
		}
	}()
	return l.Addr().String()
}

// relay copies between a connection and the BuildKit at socket until both are done.
func relay(conn net.Conn, socket string) {
	defer conn.Close()
	if err := conn.(*tls.Conn).Handshake(); err != nil {
		return
	}
	behind, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer behind.Close()
	go func() {
		_, _ = io.Copy(behind, conn)
		behind.Close()
	}()
	_, _ = io.Copy(conn, behind)
}
