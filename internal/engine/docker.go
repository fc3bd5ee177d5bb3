package engine

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/docker/cli/cli/connhelper"
	docker "github.com/docker/docker/client"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/worker/label"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
)

// Docker is the BuildKit inside Docker Engine.
const Docker Kind = "docker"

// chooseDocker is Docker Engine as the docker command would pick it.
func chooseDocker(o Options, h host, why string) (Choice, error) {
	c, _, err := dockerSettings{o.Getenv, h}.engine()
	c.Why = why + ", " + c.Why
	return c, err
}

// openDocker connects to the BuildKit inside Docker Engine, which is reached by upgrading HTTP connections.
func openDocker(ctx context.Context, _ Options, c Choice) (*Engine, error) {
	d, err := dockerClient(c)
	if err != nil {
		return nil, dockerFault(c, err)
	}
	pingCtx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if _, err := d.Ping(pingCtx); err != nil {
		d.Close()
		if errors.Is(pingCtx.Err(), context.DeadlineExceeded) {
			err = errSilent
		}
		return nil, dockerFault(c, err)
	}
	cl, err := client.New(ctx, "",
		client.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return d.DialHijack(ctx, "/grpc", "h2c", nil)
		}),
		client.WithSessionDialer(func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
			return d.DialHijack(ctx, "/session", proto, meta)
		}))
	if err != nil {
		d.Close()
		return nil, dockerFault(c, err)
	}
	e, err := ready(ctx, c, cl)
	if err != nil {
		cl.Close()
		d.Close()
		return nil, dockerFault(c, err)
	}
	e.closer = d.Close
	// It stores layers in a way of its own, unless its image store is containerd's: then the worker names its snapshotter.
	_, containerd := e.desc.Labels[label.Snapshotter]
	e.ownStore = !containerd
	return e, nil
}

func dockerClient(c Choice) (*docker.Client, error) {
	opts := []docker.Opt{docker.WithAPIVersionNegotiation()}
	if c.tls != (tlsFiles{}) {
		config, err := c.tls.config()
		if err != nil {
			return nil, err
		}
		opts = append(opts, docker.WithHTTPClient(&http.Client{Transport: &http.Transport{TLSClientConfig: config}}))
	}
	helper, err := connhelper.GetConnectionHelper(c.Address)
	if err != nil {
		return nil, err
	}
	if helper != nil { // ssh://
		opts = append(opts, docker.WithHost(helper.Host), docker.WithDialContext(helper.Dialer))
	} else {
		opts = append(opts, docker.WithHost(c.Address))
	}
	return docker.NewClientWithOpts(opts...)
}

// config reads the files, for programs that take a tls.Config.
func (t tlsFiles) config() (*tls.Config, error) {
	c := &tls.Config{ServerName: t.serverName, InsecureSkipVerify: t.skipVerify} //nolint:gosec // only where docker was told so
	if t.ca != "" {
		pem, err := disk.ReadFile(t.ca, disk.MaxSmall)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate", t.ca)
		}
	}
	if t.cert != "" {
		pair, err := tls.LoadX509KeyPair(t.cert, t.key)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

func dockerFault(c Choice, err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	e := &fault.Error{
		Kind: fault.Engine,
		What: fmt.Sprintf("cannot use Docker Engine at %s (from %s)", c.Address, c.Why),
		Err:  err,
		Fix:  "start Docker, or use another engine with --engine",
	}
	switch text := err.Error(); {
	case errors.Is(err, errSilent):
		e.Why = "no answer in time"
	case strings.Contains(text, "permission denied"):
		e.Why = "you may not use its socket (permission denied)"
		e.Fix = `join the group of the socket ("sudo usermod -aG docker $USER", then log in again), or run as root`
	}
	return e
}
