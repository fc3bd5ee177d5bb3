package engine

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"lpipe/internal/testparts/require"
)

func TestTheEmbeddedEngineCachesInS3(t *testing.T) {
	store := gofakes3.New(s3mem.New(), gofakes3.WithAutoBucket(true), gofakes3.WithLogger(gofakes3.StdLog(log.New(io.Discard, "", 0))))
	server := httptest.NewServer(store.Server())
	t.Cleanup(server.Close)
	passesOn(t, "s3", map[string]string{
		"bucket": "cache", "region": "eu-west-1", "endpoint_url": server.URL, "use_path_style": "true",
		"access_key_id": "test", "secret_access_key": "a-secret-of-the-test",
	})
}

func TestTheEmbeddedEngineCachesInAzure(t *testing.T) {
	if !require.Slow(t) {
		return
	}
	path, err := exec.LookPath("azurite-blob")
	require.Part(t, err == nil, "azurite-blob", "LPIPE_TEST_ALL=yes scripts/parts")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	host, port, err := net.SplitHostPort(l.Addr().String())
	must(t, err)
	l.Close()
	dir := t.TempDir()
	// The check is of versions of Azure's API: https://github.com/Azure/Azurite#skip-api-version-check
	run(t, filepath.Join(dir, "log"), exec.Command(path, "--silent", "--skipApiVersionCheck", "--location", dir, "--blobHost", host, "--blobPort", port))
	awaitListener(t, "tcp", host+":"+port)
	passesOn(t, "azblob", map[string]string{
		"account_url": "http://" + host + ":" + port + "/devstoreaccount1", "account_name": "devstoreaccount1",
		// Azurite's own, which is public: https://github.com/Azure/Azurite#default-storage-account
		"secret_access_key": "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
	})
}

// passesOn has one engine write a cache, and another read it.
func passesOn(t *testing.T, kind string, attrs map[string]string) {
	t.Helper()
	writer, reader := embeddedOptions(t), embeddedOptions(t)
	to := maps.Clone(attrs)
	to["mode"] = "max"
	if cached := solveWithCaches(t, writer, client.SolveOpt{CacheExports: []client.CacheOptionsEntry{{Type: kind, Attrs: to}}}); cached {
		t.Error("nothing was built")
	}
	if cached := solveWithCaches(t, reader, client.SolveOpt{CacheImports: []client.CacheOptionsEntry{{Type: kind, Attrs: attrs}}}); !cached {
		t.Error("what the other engine has built was built again")
	}
	lacksSecret(t, writer, attrs["secret_access_key"])
	lacksSecret(t, reader, attrs["secret_access_key"])
}

// TestTheEmbeddedEngineAsksTheCacheOfGitHubActions sees what the service would be asked, in both of its versions.
func TestTheEmbeddedEngineAsksTheCacheOfGitHubActions(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		if strings.HasPrefix(r.URL.Path, "/twirp/") {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"ok":false}`)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	// As a runner has it, but for the signature: https://github.com/actions/toolkit/blob/main/packages/artifact/src/internal/shared/util.ts
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	now := time.Now()
	token := part(`{"alg":"HS256","typ":"JWT"}`) + "." + part(fmt.Sprintf(
		`{"nbf":%d,"exp":%d,"ac":"[{\"Scope\":\"refs/heads/main\",\"Permission\":3}]"}`, now.Add(-time.Hour).Unix(), now.Add(time.Hour).Unix())) + "." + part("signature")

	for version, want := range map[string]string{
		"1": "GET /_apis/artifactcache/cache Bearer " + token,
		"2": "POST /twirp/github.actions.results.api.v1.CacheService/GetCacheEntryDownloadURL Bearer " + token,
	} {
		t.Run("version "+version, func(t *testing.T) {
			o := embeddedOptions(t)
			attrs := map[string]string{"token": token, "version": version, "url": server.URL + "/", "scope": "lpipe"}
			if version == "2" {
				attrs["url_v2"] = server.URL + "/"
			}
			solveWithCaches(t, o, client.SolveOpt{CacheImports: []client.CacheOptionsEntry{{Type: "gha", Attrs: attrs}}})
			mu.Lock()
			defer mu.Unlock()
			if !strings.Contains(strings.Join(asked, "\n")+"\n", want+"\n") {
				t.Errorf("asked %d requests, none is %s: %.60q", len(asked), strings.TrimSuffix(want, token), asked)
			}
			asked = nil
			lacksSecret(t, o, token)
		})
	}
}

// solveWithCaches solves a step on a new engine, and reports whether it was cached.
func solveWithCaches(t *testing.T, o Options, opt client.SolveOpt) (cached bool) {
	t.Helper()
	e := open(t, o)
	// The first step of all is never kept.
	first := llb.Scratch().File(llb.Mkfile("/a", 0o644, []byte("a")))
	def, err := first.File(llb.Mkfile("/b", 0o644, []byte("b")), llb.WithCustomName("the step")).Marshal(t.Context())
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	status := make(chan *client.SolveStatus)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := range status {
			for _, v := range s.Vertexes {
				cached = cached || v.Cached && v.Name == "the step"
			}
		}
	}()
	opt.FrontendAttrs = map[string]string{} // the client writes the imports into it
	_, err = e.Client().Build(ctx, opt, "lpipe", func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		request := gateway.SolveRequest{Definition: def.ToPB(), Evaluate: true}
		for _, i := range opt.CacheImports {
			request.CacheImports = append(request.CacheImports, gateway.CacheOptionsEntry{Type: i.Type, Attrs: i.Attrs})
		}
		return gw.Solve(ctx, request)
	}, status)
	<-done
	must(t, err)
	return cached
}

func lacksSecret(t *testing.T, o Options, secret string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(o.Root, "daemon.log"))
	must(t, err)
	if strings.Contains(string(text), secret) {
		t.Error("the engine's log has the secret")
	}
}
