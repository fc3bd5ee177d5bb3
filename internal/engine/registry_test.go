package engine

import (
	"context"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
)

// registry is one that has no image, and remembers what it was asked for.
type registry struct {
	*httptest.Server
	host  string
	mu    sync.Mutex
	asked []string
}

func newRegistry(t *testing.T, start func(http.Handler) *httptest.Server) *registry {
	t.Helper()
	r := &registry{}
	r.Server = start(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.asked = append(r.asked, req.URL.Path)
		r.mu.Unlock()
		http.NotFound(w, req)
	}))
	t.Cleanup(r.Close)
	r.host = r.Listener.Addr().String()
	return r
}

func (r *registry) wasAsked(path string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.asked {
		if strings.HasPrefix(p, path) {
			return true
		}
	}
	return false
}

func TestRegistryTables(t *testing.T) {
	secure, plain := newRegistry(t, httptest.NewTLSServer), newRegistry(t, httptest.NewServer)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600))

	for name, c := range map[string]struct {
		tables map[string]Registry
		image  string
		asked  *registry
		path   string
		fails  string
	}{
		"ca":                {map[string]Registry{secure.host: {CA: []string{ca}}}, secure.host + "/a:1", secure, "/v2/a/", "not found"},
		"another authority": {map[string]Registry{secure.host: {CA: []string{newPKI(t).client + "/ca.pem"}}}, secure.host + "/b:1", nil, "", "unknown authority"},
		"http":              {map[string]Registry{plain.host: {HTTP: true}}, plain.host + "/c:1", plain, "/v2/c/", "not found"},
		"a mirror": {
			map[string]Registry{"registry.invalid": {Mirrors: []string{plain.host}}, plain.host: {HTTP: true}},
			"registry.invalid/d:1", plain, "/v2/d/", "registry.invalid",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := embeddedOptions(t)
			o.Registries = c.tables
			e := open(t, o)
			def, err := llb.Image(c.image).Marshal(t.Context())
			must(t, err)
			_, err = e.Client().Solve(context.WithoutCancel(t.Context()), def, client.SolveOpt{}, nil)
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("error %v", err)
			}
			if c.asked != nil && !c.asked.wasAsked(c.path) {
				t.Errorf("the registry was not asked for %s: %v", c.path, err)
			}
		})
	}
}

// TestARegistryThatHangsIsGivenUp imports a cache from it: BuildKit reads caches in the thread that moves all builds.
func TestARegistryThatHangsIsGivenUp(t *testing.T) {
	done := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-done:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(done) })

	o := embeddedOptions(t)
	o.ReadTimeout = 500 * time.Millisecond
	e := open(t, o)
	def, err := llb.Scratch().File(llb.Mkfile("/a", 0o644, nil)).Marshal(t.Context())
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = e.Client().Solve(ctx, def, client.SolveOpt{CacheImports: []client.CacheOptionsEntry{
		{Type: "registry", Attrs: map[string]string{"ref": hanging.Listener.Addr().String() + "/cache:main"}},
	}}, nil)
	if err != nil {
		t.Errorf("the build does not go on without the cache: %v", err)
	}
}
