package serve

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"

	"lpipe/internal/shell"
)

// Certificate is what is answered with over TLS; the zero value is plain HTTP.
type Certificate struct {
	Config *tls.Config
	File   string // of the certificate
	leaf   *x509.Certificate
}

// LoadCertificate reads a certificate and its key.
func LoadCertificate(file, key string) (Certificate, error) {
	pair, err := tls.LoadX509KeyPair(file, key)
	if err != nil {
		return Certificate{}, err
	}
	return Certificate{&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, file, pair.Leaf}, nil
}

// URL is the address to call, by a name that the certificate is for, if it is for one of this machine.
func (c Certificate) URL(address net.Addr) string {
	if c.leaf == nil {
		return "http://" + address.String()
	}
	host, port, _ := net.SplitHostPort(address.String())
	if c.leaf.VerifyHostname(host) != nil && c.leaf.VerifyHostname("localhost") == nil {
		host = "localhost"
	}
	return "https://" + net.JoinHostPort(host, port)
}

// Warning says why clients will refuse the certificate, "" if they need not.
func (c Certificate) Warning(address net.Addr) string {
	if c.leaf == nil {
		return ""
	}
	host, _, _ := net.SplitHostPort(address.String())
	if c.leaf.VerifyHostname(host) == nil || c.leaf.VerifyHostname("localhost") == nil {
		return ""
	}
	return fmt.Sprintf("the certificate is neither for %s nor for localhost, so clients refuse it", host)
}

// Trust is the option that has curl or aws take a certificate that no authority signed.
func (c Certificate) Trust(option string) string {
	if c.leaf == nil || !bytes.Equal(c.leaf.RawIssuer, c.leaf.RawSubject) {
		return ""
	}
	return " " + option + " " + shell.Quote(c.File)
}
