package publish

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/distribution/reference"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
)

// Logins hands out credentials, as package login does.
type Logins interface {
	For(host string) (user, secret string, err error)
	Forget(host string)
}

// Registry is how to reach one registry.
type Registry struct {
	CA   string // PEM file with an authority to trust beside the system's
	HTTP bool   // no TLS
}

// Pusher pushes to registries.
type Pusher struct {
	Logins     Logins
	Registries map[string]Registry // by host, with a port where it has one
	Log        func(line string)   // takes a line for each wait
}

const (
	// tries is how often a request is made before it counts as failed.
	tries = 6
	// maxLogins is how often credentials are read again for one upload.
	maxLogins = 2
	// firstWait is how long to wait after the first failure; each further wait is twice as long.
	firstWait = time.Second
	// maxWait is the longest wait, also where a registry asks for a longer one.
	maxWait = time.Minute
	// headerTimeout is how long a registry may take to begin an answer.
	headerTimeout = 2 * time.Minute
)

// connection is to one registry.
type connection struct {
	*Pusher
	host       string
	client     *http.Client
	authorizer docker.Authorizer
}

func (p *Pusher) repository(ref reference.Named) (*repository, error) {
	domain := reference.Domain(ref)
	host, err := docker.DefaultHost(domain)
	if err != nil {
		return nil, err
	}
	how := p.Registries[domain]
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = headerTimeout
	scheme := "https"
	// As BuildKit does it, so that one name means one registry for caches and images.
	if local, _ := docker.MatchLocalhost(domain); how.HTTP || local && how.CA == "" {
		scheme = "http"
	}
	if how.CA != "" {
		pem, err := disk.ReadFile(how.CA, disk.MaxSmall)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate of %s: %w", domain, err)
		}
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		roots.AppendCertsFromPEM(pem)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	c := &connection{Pusher: p, host: host, client: &http.Client{Transport: transport}}
	c.login()
	return &repository{c, url.URL{Scheme: scheme, Host: host, Path: "/v2/" + reference.Path(ref)}}, nil
}

// login begins anew, with no token.
func (c *connection) login() {
	c.authorizer = docker.NewDockerAuthorizer(docker.WithAuthClient(c.client), docker.WithAuthCreds(c.Logins.For))
}

// refusal is an answer of the registry that is not the wanted one.
type refusal struct {
	err    error
	status int
	words  string        // of the registry
	after  time.Duration // that it asks to wait; 0 when it does not say
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

func statusOf(err error) int {
	var r *refusal
	if errors.As(err, &r) {
		return r.status
	}
	return 0
}

// retry calls f until it succeeds or there is no sense in trying again.
func (c *connection) retry(ctx context.Context, f func() error) error {
	logins, wait := 0, firstWait
	for n := 1; ; n++ {
		err := f()
		if err == nil || ctx.Err() != nil || n == tries {
			return err
		}
		var r *refusal
		refused := errors.As(err, &r)
		switch {
		case refused && (r.status == http.StatusUnauthorized || r.status == http.StatusForbidden):
			// The token or the password may have expired since it was read.
			if logins++; logins > maxLogins {
				return err
			}
			c.Logins.Forget(c.host)
			c.login()
			continue
		case refused && r.status != http.StatusTooManyRequests && r.status != http.StatusRequestTimeout && r.status < 500:
			return err
		case !refused && !passing(err):
			return err
		}
		pause := wait
		if refused && r.after > 0 {
			pause = min(r.after, maxWait)
		}
		wait = min(2*wait, maxWait)
		c.Log(fmt.Sprintf("pushing to %s: %s; trying again in %s", c.host, err, pause))
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// passing is true for failures of a connection that may not happen again, false for those of a wrong name or
// certificate.
func passing(err error) bool {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var f *fault.Error
	return !errors.As(err, &dns) && !errors.As(err, &certificate) && !errors.As(err, &f)
}

// retryAfter reads the header: seconds, or a date. What cannot be read is 0.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.ParseInt(header, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}
