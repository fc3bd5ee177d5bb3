package cli

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"lpipe/internal/fault"
	"lpipe/internal/shell"
)

// certified is what lpipe serve answers over TLS with; the zero value is plain HTTP.
type certified struct {
	config *tls.Config
	leaf   *x509.Certificate
	file   string // of the certificate
}

// tlsFlags declares the flags for TLS; the function reads the files that they name.
func tlsFlags(f *pflag.FlagSet) func(a *app) (certified, error) {
	cert := f.String("tls-cert", "", "`FILE` with the certificate to answer https with, in PEM, with those of its issuers after it")
	key := f.String("tls-key", "", "`FILE` with the key of that certificate, in PEM")
	return func(a *app) (certified, error) {
		switch {
		case *cert == "" && *key == "":
			return certified{}, nil
		case *cert == "" || *key == "":
			return certified{}, &fault.Error{Kind: fault.Usage, What: "TLS needs a certificate and its key", Fix: "give both --tls-cert FILE and --tls-key FILE"}
		}
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		if err != nil {
			return certified{}, &fault.Error{
				Kind: fault.Usage, What: "the certificate cannot be used", Why: strings.TrimPrefix(err.Error(), "tls: "), Fix: "give PEM files of a certificate and its key, such as mkcert localhost 127.0.0.1 makes",
			}
		}
		file := *cert
		if !filepath.IsAbs(file) {
			file = filepath.Join(a.env["PWD"], file)
		}
		return certified{&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, pair.Leaf, file}, nil
	}
}

// url is the address to call, by a name that the certificate is for, if it is for one of this machine.
func (c certified) url(address net.Addr) string {
	if c.leaf == nil {
		return "http://" + address.String()
	}
	host, port, _ := net.SplitHostPort(address.String())
	if c.leaf.VerifyHostname(host) != nil && c.leaf.VerifyHostname("localhost") == nil {
		host = "localhost"
	}
	return "https://" + net.JoinHostPort(host, port)
}

// warning says why clients will refuse the certificate, "" if they need not.
func (c certified) warning(address net.Addr) string {
	if c.leaf == nil {
		return ""
	}
	host, _, _ := net.SplitHostPort(address.String())
	if c.leaf.VerifyHostname(host) == nil || c.leaf.VerifyHostname("localhost") == nil {
		return ""
	}
	return fmt.Sprintf("the certificate is neither for %s nor for localhost, so clients refuse it", host)
}

// trust is the option that has curl or aws take a certificate that no authority signed.
func (c certified) trust(option string) string {
	if c.leaf == nil || !bytes.Equal(c.leaf.RawIssuer, c.leaf.RawSubject) {
		return ""
	}
	return " " + option + " " + shell.Quote(c.file)
}
