package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/sirupsen/logrus"
)

// registry is a container registry on loopback, the CNCF's own implementation, which counts what it sends.
type registry struct {
	host string // what an image's name begins with
	sent atomic.Int64
}

// newRegistry serves an empty registry with its blobs in dir, as long as the process lives.
func newRegistry(ctx context.Context, dir string) (*registry, error) {
	logrus.SetLevel(logrus.FatalLevel) // it would log every request, and what it does not have as an error
	config := &configuration.Configuration{Storage: configuration.Storage{
		"filesystem":  configuration.Parameters{"rootdirectory": filepath.Join(dir, "blobs")},
		"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
	}}
	config.Catalog.MaxEntries = 1000
	config.HTTP.Secret = "loopback"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the registry: %w", err)
	}
	app := handlers.NewApp(ctx, config)
	r := &registry{}
	var err error
	r.host, err = serve(ctx, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		app.ServeHTTP(&counted{w, &r.sent}, request)
	}))
	return r, err
}

// startRegistry makes the one of this run.
func (b *bench) startRegistry(ctx context.Context) (err error) {
	if b.registry == nil {
		b.registry, err = newRegistry(context.WithoutCancel(ctx), filepath.Join(b.work, "registry"))
	}
	return err
}

// counted adds up the bytes of a response's body.
type counted struct {
	http.ResponseWriter
	sent *atomic.Int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

// serve answers on a free port of the loopback interface, whose address it returns.
func serve(ctx context.Context, handler http.Handler) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("serving on loopback: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // ends with the process
	return listener.Addr().String(), nil
}
