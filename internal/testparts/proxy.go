package testparts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// certificateLife is longer than any test.
const certificateLife = 24 * time.Hour

// Proxy is the proxy of a company: it asks for a login, opens every encrypted connection, and shows certificates that its
// own authority has signed.
type Proxy struct {
	// CAFile is a PEM file with the authority's certificate.
	CAFile string
	// Hosts answer in place of the real ones, by host name.
	Hosts map[string]http.Handler

	login    string // of the header
	key      *ecdsa.PrivateKey
	ca       *x509.Certificate
	mu       sync.Mutex
	requests []string
	known    map[string]*tls.Certificate
}

// NewProxy serves a proxy on the listener, for clients that log in as user with the password.
func NewProxy(t testing.TB, listener net.Listener, user, password string) *Proxy {
	t.Helper()
	p := &Proxy{
		CAFile: filepath.Join(t.TempDir(), "ca.pem"), Hosts: map[string]http.Handler{}, known: map[string]*tls.Certificate{},
		login: "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)),
	}
	var err error
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	p.ca = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Company Authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(certificateLife),
	}
	der, err := x509.CreateCertificate(rand.Reader, p.ca, p.ca, &p.key.PublicKey, p.key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, p.CAFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), 0o644)
	server := &http.Server{Handler: p, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // until it is closed
	t.Cleanup(func() { server.Close() })
	return p
}

// Asked reports whether somebody who logged in asked for something on the host.
func (p *Proxy) Asked(host string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.requests, host)
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Proxy-Authorization") != p.login {
		w.Header().Set("Proxy-Authenticate", `Basic realm="company"`)
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	r.Header.Del("Proxy-Authorization")
	if r.Method != http.MethodConnect {
		p.answer("http", r.URL.Host).ServeHTTP(w, r)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		conn.Close()
		return
	}
	host := r.URL.Hostname()
	opened := tls.Server(conn, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.certificate(host) }})
	server := &http.Server{Handler: p.answer("https", r.URL.Host), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	_ = server.Serve(&once{conn: opened})
}

// answer is who answers for a host: one of Hosts, else the real one.
func (p *Proxy) answer(scheme, host string) http.Handler {
	name := (&url.URL{Host: host}).Hostname()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, name)
	if handler := p.Hosts[name]; handler != nil {
		return handler
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: scheme, Host: host})
			r.Out.Host = name
		},
		Transport: &http.Transport{}, // by no other proxy
		ErrorLog:  log.New(io.Discard, "", 0),
	}
}

// certificate is one for the host.
func (p *Proxy) certificate(host string) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known[host] == nil {
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(int64(len(p.known)) + 2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(certificateLife),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf, p.ca, &p.key.PublicKey, p.key)
		if err != nil {
			return nil, err
		}
		p.known[host] = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: p.key}
	}
	return p.known[host], nil
}

// once is a listener with one connection.
type once struct {
	conn net.Conn
	gone bool
}

func (o *once) Accept() (net.Conn, error) {
	if o.gone {
		return nil, net.ErrClosed
	}
	o.gone = true
	return o.conn, nil
}

func (o *once) Close() error   { return nil }
func (o *once) Addr() net.Addr { return o.conn.LocalAddr() }
