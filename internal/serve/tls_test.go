package serve

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// selfSigned writes a certificate for the names, and its key, into dir.
func selfSigned(t *testing.T, dir string, names ...string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestACertificateAnswersByANameThatItIsFor(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	for names, want := range map[string]string{
		"127.0.0.1 localhost": "https://127.0.0.1:" + port, "localhost": "https://localhost:" + port, "example.com": "https://127.0.0.1:" + port + " warned",
	} {
		cert, key := selfSigned(t, t.TempDir(), strings.Fields(names)...)
		c, err := LoadCertificate(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		got := c.URL(listener.Addr())
		if c.Warning(listener.Addr()) != "" {
			got += " warned"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", names, got, want)
		}
		if trust := c.Trust("--cacert"); trust != " --cacert '"+cert+"'" {
			t.Errorf("%s: %s", names, trust)
		}
	}
	if got := (Certificate{}).URL(listener.Addr()); got != "http://127.0.0.1:"+port || (Certificate{}).Trust("--cacert") != "" {
		t.Error(got)
	}
}

func TestItAnswersHTTPS(t *testing.T) {
	cert, key := selfSigned(t, t.TempDir(), "127.0.0.1")
	c, err := LoadCertificate(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }), TLSConfig: c.Config}
	go web.ServeTLS(listener, "", "")
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(c.leaf)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	resp, err := client.Get(c.URL(listener.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); string(body) != "HTTP/2.0" {
		t.Errorf("%s", body)
	}
}

func TestBadCertificatesAreRefused(t *testing.T) {
	cert, key := selfSigned(t, t.TempDir(), "localhost")
	_, otherKey := selfSigned(t, t.TempDir(), "localhost")
	for files, want := range map[[2]string]string{
		{cert, otherKey}: "private key does not match", {key, key}: "failed to find certificate", {cert + ".none", key}: "no such file",
	} {
		if _, err := LoadCertificate(files[0], files[1]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", files, err, want)
		}
	}
}
