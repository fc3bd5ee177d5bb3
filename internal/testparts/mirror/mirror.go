// Package mirror hands out the crates of crates.io on loopback, for tests and benchmarks. What it has downloaded it keeps
// in a folder that all runs share, so that a run does without crates.io for a while.
package mirror

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Where crates.io has its index and its crates, as the config.json of the index says.
const (
	index  = "https://index.crates.io"
	crates = "https://static.crates.io/crates"
)

// Mirror is a sparse registry (https://doc.rust-lang.org/cargo/reference/registry-index.html#sparse-protocol).
type Mirror struct {
	// IndexURL is how cargo is told of it: sparse+http://127.0.0.1:PORT/
	IndexURL string

	dir           string
	index, crates string // what it mirrors
	pause         time.Duration
	server        *http.Server
	known         sync.Map // index files that this run has asked for
	sent          atomic.Int64
}

// Folder is where the crates are kept for all runs of this user.
func Folder() (string, error) {
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "lpipe", "crates"), err
}

// New serves what is in dir, and downloads into it what is not.
func New(dir string) (*Mirror, error) { return serve(dir, index, crates, time.Second) }

func serve(dir, index, crates string, pause time.Duration) (*Mirror, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	url := "http://" + listener.Addr().String()
	mux := http.NewServeMux()
	m := &Mirror{IndexURL: "sparse+" + url + "/", dir: dir, index: index, crates: crates, pause: pause, server: &http.Server{Handler: mux}}
	mux.HandleFunc("GET /config.json", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"dl":%q}`, url+"/crates")
	})
	mux.HandleFunc("GET /crates/{name}/{version}/download", m.crate)
	mux.HandleFunc("GET /", m.versions)
	go func() { _ = m.server.Serve(listener) }() // until Close
	return m, nil
}

// Sent is how many bytes of crates and of their index it has handed out.
func (m *Mirror) Sent() int64 { return m.sent.Load() }

// Close ends the server.
func (m *Mirror) Close() error { return m.server.Close() }

// Config is the configuration with which cargo takes crates from here where a lock file names crates.io.
func (m *Mirror) Config() string {
	return fmt.Sprintf("[source.crates-io]\nreplace-with = \"loopback-mirror\"\n\n[source.loopback-mirror]\nregistry = %q\n", m.IndexURL)
}

// versions answers with the index file of a crate: today's, and the one that is kept where crates.io does not answer.
func (m *Mirror) versions(w http.ResponseWriter, r *http.Request) {
	file := filepath.Join(m.dir, "index", filepath.FromSlash(r.URL.Path))
	get, _ := m.known.LoadOrStore(r.URL.Path, sync.OnceValue(func() error {
		tries := 5
		if _, err := os.Stat(file); err == nil {
			tries = 1
		}
		return m.download(r.Context(), m.index+r.URL.Path, file, tries)
	}))
	m.answer(w, r, file, get.(func() error)())
}

func (m *Mirror) crate(w http.ResponseWriter, r *http.Request) {
	name, version := r.PathValue("name"), r.PathValue("version")
	file := filepath.Join(m.dir, "crates", filepath.Base(name+"-"+version+".crate"))
	var err error
	if _, missing := os.Stat(file); missing != nil {
		err = m.download(r.Context(), m.crates+"/"+name+"/"+version+"/download", file, 5)
	}
	m.answer(w, r, file, err)
}

// answer sends a file if it is there, whatever became of the download.
func (m *Mirror) answer(w http.ResponseWriter, r *http.Request, file string, err error) {
	f, missing := os.Open(file)
	switch {
	case missing == nil:
		defer f.Close()
		n, _ := io.Copy(w, f) // fails only when cargo has gone
		m.sent.Add(n)
	case err == errNotFound:
		http.NotFound(w, r)
	default:
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

var errNotFound = fmt.Errorf("crates.io has no such file")

// download writes what a URL answers to a file, which appears when it is complete.
func (m *Mirror) download(ctx context.Context, url, file string, tries int) (err error) {
	ctx = context.WithoutCancel(ctx) // others want the file too
	for try := range tries {
		if try > 0 {
			time.Sleep(m.pause << try)
		}
		if err = m.try(ctx, url, file); err == nil || err == errNotFound {
			return err
		}
	}
	return fmt.Errorf("downloading %s: %w", url, err)
}

func (m *Mirror) try(ctx context.Context, url, file string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "lpipe tests") // crates.io refuses clients without a name
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone, http.StatusUnavailableForLegalReasons, http.StatusForbidden:
		return errNotFound
	default:
		return fmt.Errorf("%s", response.Status)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(file), ".part-")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name())
	_, err = io.Copy(part, response.Body)
	if closed := part.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(part.Name(), file)
}
