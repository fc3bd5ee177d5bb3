package cli

import (
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"lpipe/internal/fault"
	"lpipe/internal/serve"
)

// tlsFlags declares the flags for TLS; the function reads the files that they name.
func tlsFlags(f *pflag.FlagSet) func(a *app) (serve.Certificate, error) {
	cert := f.String("tls-cert", "", "`FILE` with the certificate to answer https with, in PEM, with those of its issuers after it")
	key := f.String("tls-key", "", "`FILE` with the key of that certificate, in PEM")
	return func(a *app) (serve.Certificate, error) {
		switch {
		case *cert == "" && *key == "":
			return serve.Certificate{}, nil
		case *cert == "" || *key == "":
			return serve.Certificate{}, &fault.Error{Kind: fault.Usage, What: "TLS needs a certificate and its key", Fix: "give both --tls-cert FILE and --tls-key FILE"}
		}
		c, err := serve.LoadCertificate(*cert, *key)
		if err != nil {
			return serve.Certificate{}, &fault.Error{
				Kind: fault.Usage, What: "the certificate cannot be used", Why: strings.TrimPrefix(err.Error(), "tls: "), Fix: "give PEM files of a certificate and its key, such as mkcert localhost 127.0.0.1 makes",
			}
		}
		if !filepath.IsAbs(c.File) { // it is printed for other shells
			c.File = filepath.Join(a.env["PWD"], c.File)
		}
		return c, nil
	}
}
