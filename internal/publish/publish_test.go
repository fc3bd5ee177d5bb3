package publish_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/protobuf/types/known/structpb"

	"lpipe/internal/artifact"
	"lpipe/internal/fault"
	"lpipe/internal/publish"
	"lpipe/internal/testparts"
)

func spec() publish.Spec {
	return publish.Spec{
		Files: []artifact.Entry{
			{Name: "bootstrap", Data: []byte("program"), Executable: true},
			{Name: "assets/page.html", Data: []byte("<p>")},
		},
		Opt:    []artifact.Entry{{Name: "extensions/watcher", Data: []byte("watcher"), Executable: true}},
		Root:   []artifact.Entry{{Name: "etc/ssl/certs/ca-certificates.crt", Data: []byte("authorities")}},
		Arch:   "arm64",
		Labels: map[string]string{"org.opencontainers.image.title": "echo"},
	}
}

// logins have one password, and count how often it is asked for anew.
type logins struct {
	mu       sync.Mutex
	password string
	next     string // the password after Forget
	forgot   int
}

func (l *logins) For(string) (user, secret string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.password == "" {
		return "", "", nil
	}
	return "ci", l.password, nil
}

func (l *logins) Forget(string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgot++
	if l.next != "" {
		l.password = l.next
	}
}

func push(t *testing.T, r *testparts.Registry, l *logins, s publish.Spec) (waits []string, err error) {
	t.Helper()
	image, err := publish.New(s)
	if err != nil {
		t.Fatal(err)
	}
	p := &publish.Pusher{
		Logins: l, Log: func(line string) { waits = append(waits, line) },
		Registries: map[string]publish.Registry{r.Host: {CA: r.CAFile}},
	}
	return waits, p.Push(t.Context(), image, []string{r.Host + "/app/echo:v1"})
}

func get(t *testing.T, r *testparts.Registry, path, accept string) []byte {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+r.Host+"/v2/app/echo/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", path, response.Status, err)
	}
	return data
}

func decode[T any](t *testing.T, data []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPushedImageIsWhatLambdaRuns(t *testing.T) {
	r := testparts.NewRegistry(t, testparts.RegistryOptions{})
	if _, err := push(t, r, &logins{}, spec()); err != nil {
		t.Fatal(err)
	}
	manifest := decode[ocispec.Manifest](t, get(t, r, "manifests/v1", ocispec.MediaTypeImageManifest))
	config := decode[ocispec.Image](t, get(t, r, "blobs/"+manifest.Config.Digest.String(), "*/*"))
	if config.Architecture != "arm64" || config.OS != "linux" || !slices.Equal(config.Config.Entrypoint, []string{"/bootstrap"}) ||
		config.Config.WorkingDir != "/var/task" || config.Config.Labels["org.opencontainers.image.title"] != "echo" {
		t.Errorf("%+v", config)
	}
	unpacked, err := gzip.NewReader(strings.NewReader(string(get(t, r, "blobs/"+manifest.Layers[0].Digest.String(), "*/*"))))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for files := tar.NewReader(unpacked); ; {
		h, err := files.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprintf("%s %o", h.Name, h.Mode))
		if !h.ModTime.Equal(time.Unix(0, 0)) {
			t.Errorf("%s has the time %s", h.Name, h.ModTime)
		}
	}
	want := []string{
		"etc/ 755", "etc/ssl/ 755", "etc/ssl/certs/ 755", "opt/ 755", "opt/extensions/ 755", "var/ 755", "var/task/ 755", "var/task/assets/ 755",
		"bootstrap 755", "etc/ssl/certs/ca-certificates.crt 644", "opt/extensions/watcher 755", "var/task/assets/page.html 644",
	}
	if !slices.Equal(names, want) {
		t.Errorf("the layer has %q", names)
	}
}

func TestImageIsReproducible(t *testing.T) {
	one, err := publish.New(spec())
	if err != nil {
		t.Fatal(err)
	}
	s := spec()
	slices.Reverse(s.Files)
	two, err := publish.New(s)
	if err != nil {
		t.Fatal(err)
	}
	if one.Digest() != two.Digest() {
		t.Error("the order of files shows")
	}
	s.Created = time.Unix(1e9, 0)
	if three, _ := publish.New(s); three.Digest() == one.Digest() {
		t.Error("the time does not show")
	}
}

func TestStatementsAreBoundToTheImage(t *testing.T) {
	r := testparts.NewRegistry(t, testparts.RegistryOptions{})
	s := spec()
	predicate, _ := structpb.NewStruct(map[string]any{"a": 1})
	s.Statements = []publish.Statement{{PredicateType: "https://slsa.dev/provenance/v1", Predicate: predicate}}
	if _, err := push(t, r, &logins{}, s); err != nil {
		t.Fatal(err)
	}
	index := decode[ocispec.Index](t, get(t, r, "manifests/v1", ocispec.MediaTypeImageIndex))
	if len(index.Manifests) != 2 || index.Manifests[1].Annotations["vnd.docker.reference.digest"] != index.Manifests[0].Digest.String() ||
		index.Manifests[0].Platform.Architecture != "arm64" {
		t.Fatalf("%+v", index)
	}
	about := decode[ocispec.Manifest](t, get(t, r, "manifests/"+index.Manifests[1].Digest.String(), ocispec.MediaTypeImageManifest))
	statement := string(get(t, r, "blobs/"+about.Layers[0].Digest.String(), "*/*"))
	if !strings.Contains(statement, index.Manifests[0].Digest.Encoded()) || !strings.Contains(statement, `"predicate":{"a":1}`) {
		t.Error(statement)
	}
}

// failing lets the first requests that match fail.
func failing(method, path string, times int, fail http.HandlerFunc) func(http.Handler) http.Handler {
	var mu sync.Mutex
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			now := times > 0 && r.Method == method && strings.Contains(r.URL.Path, path)
			if now {
				times--
			}
			mu.Unlock()
			if now {
				fail(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func status(code int, after string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		http.Error(w, "these are\nits words", code)
	}
}

func cut(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close()
	}
}

func TestPushOutlivesAPassingFailure(t *testing.T) {
	for name, c := range map[string]struct {
		method, path string
		fail         http.HandlerFunc
		want         string
	}{
		"too many requests": {"PUT", "/manifests/", status(429, "1"), "trying again in 1s"},
		"a server error":    {"POST", "/uploads/", status(503, ""), "503"},
		"a cut connection":  {"PUT", "/uploads/", cut, "trying again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := testparts.NewRegistry(t, testparts.RegistryOptions{Wrap: failing(c.method, c.path, 1, c.fail)})
			waits, err := push(t, r, &logins{}, spec())
			if err != nil || len(waits) != 1 || !strings.Contains(waits[0], c.want) {
				t.Errorf("%v, %q", err, waits)
			}
			get(t, r, "manifests/v1", ocispec.MediaTypeImageManifest)
		})
	}
}

func TestPushReadsExpiredCredentialsAgain(t *testing.T) {
	r := testparts.NewRegistry(t, testparts.RegistryOptions{TLS: true, Username: "ci", Password: "new"})
	l := &logins{password: "old", next: "new"}
	if _, err := push(t, r, l, spec()); err != nil || l.forgot != 1 {
		t.Errorf("%v, forgot %d times", err, l.forgot)
	}
}

func TestPushTellsWhatTheRegistrySays(t *testing.T) {
	r := testparts.NewRegistry(t, testparts.RegistryOptions{Wrap: failing("POST", "/uploads/", 99, status(403, ""))})
	_, err := push(t, r, &logins{}, spec())
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Publish || !strings.Contains(f.Why, "the registry says: these are its words") || !strings.Contains(f.Fix, "docker login "+r.Host) {
		t.Errorf("%#v", err)
	}
}

func TestPushEndsWhenItIsCancelled(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	image, err := publish.New(spec())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	p := &publish.Pusher{Logins: &logins{}, Log: func(string) {}}
	if err := p.Push(ctx, image, []string{strings.TrimPrefix(server.URL, "http://") + "/a:b"}); fault.Worst(err) != fault.Cancelled {
		t.Errorf("%v", err)
	}
}

// TestAsk: a registry is asked what a push or a build would need, and nothing is left there.
func TestAsk(t *testing.T) {
	for name, c := range map[string]struct {
		options  testparts.RegistryOptions
		password string
		write    bool
		want     string // in the fault
	}{
		"reading what is not there": {},
		"writing":                   {write: true},
		"with a password":           {options: testparts.RegistryOptions{Username: "ci", Password: "s3cret"}, password: "s3cret", write: true},
		"with another password":     {options: testparts.RegistryOptions{Username: "ci", Password: "s3cret"}, password: "old", want: "docker login"},
		"who may not write":         {options: testparts.RegistryOptions{Wrap: failing("POST", "/uploads/", 99, status(403, ""))}, write: true, want: "these are its words"},
		"who may only read":         {options: testparts.RegistryOptions{Wrap: failing("POST", "/uploads/", 99, status(403, ""))}},
	} {
		r := testparts.NewRegistry(t, c.options)
		p := &publish.Pusher{Logins: &logins{password: c.password}, Log: func(string) {}}
		err := p.Ask(t.Context(), r.Host+"/app/echo:v1", c.write)
		if c.want == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var f *fault.Error
		if c.want != "" && (!errors.As(err, &f) || f.Kind != fault.Publish || !strings.Contains(f.Why+f.Fix, c.want)) {
			t.Errorf("%s: %#v", name, err)
		}
	}
	p := &publish.Pusher{Logins: &logins{}, Log: func(string) {}}
	if err := p.Ask(t.Context(), "127.0.0.1:1/app", false); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("nobody there: %v", err)
	}
}
