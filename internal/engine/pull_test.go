package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"lpipe/internal/testparts"
)

// slowRegistry sends layers slowly, and cuts the connection of one.
type slowRegistry struct {
	*testparts.Registry
	mu     sync.Mutex
	cut    string           // the layer whose connection is cut, by digest; once
	at     int64            // after so many bytes
	pace   time.Duration    // between two pieces
	ranges []string         // of the requests for layers
	sent   map[string]int64 // bytes of each layer
}

func (r *slowRegistry) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// total are the bytes that were sent.
func (r *slowRegistry) total() (n int64) {
	for _, bytes := range r.sent {
		n += bytes
	}
	return n
}

func newSlowRegistry(t *testing.T) *slowRegistry {
	r := &slowRegistry{sent: map[string]int64{}}
	r.Registry = testparts.NewRegistry(t, testparts.RegistryOptions{Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if _, layer, ok := strings.Cut(req.URL.Path, "/blobs/"); ok && req.Method == http.MethodGet {
				r.mu.Lock()
				r.ranges = append(r.ranges, req.Header.Get("Range"))
				r.mu.Unlock()
				w = &slowWriter{ResponseWriter: w, r: r, layer: layer}
			}
			next.ServeHTTP(w, req)
		})
	}})
	return r
}

type slowWriter struct {
	http.ResponseWriter
	r     *slowRegistry
	layer string
}

func (w *slowWriter) Write(p []byte) (int, error) {
	const piece = 32 << 10
	total := 0
	for len(p) > 0 {
		n, err := w.ResponseWriter.Write(p[:min(len(p), piece)])
		_ = http.NewResponseController(w.ResponseWriter).Flush()
		p, total = p[n:], total+n
		w.r.mu.Lock()
		w.r.sent[w.layer] += int64(n)
		cut, pace := w.r.cut == w.layer && w.r.sent[w.layer] >= w.r.at, w.r.pace
		if cut {
			w.r.cut = ""
		}
		w.r.mu.Unlock()
		if cut {
			panic(http.ErrAbortHandler)
		}
		if err != nil {
			return total, err
		}
		time.Sleep(pace)
	}
	return total, nil
}

// pushImage puts an image with n layers of size bytes into a registry.
func (r *slowRegistry) pushImage(t *testing.T, n, size int) (layers []string) {
	t.Helper()
	send := func(method, url, mediaType string, body []byte) *http.Response {
		req, err := http.NewRequest(method, url, bytes.NewReader(body))
		must(t, err)
		req.Header.Set("Content-Type", mediaType)
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		resp.Body.Close()
		if resp.StatusCode >= 300 {
			t.Fatalf("%s %s: %s", method, url, resp.Status)
		}
		return resp
	}
	blob := func(mediaType string, data []byte) ocispec.Descriptor {
		d := digest.FromBytes(data)
		at, err := send("POST", "http://"+r.Host+"/v2/a/blobs/uploads/", "", nil).Location()
		must(t, err)
		q := at.Query()
		q.Set("digest", d.String())
		at.RawQuery = q.Encode()
		send("PUT", at.String(), "application/octet-stream", data)
		if mediaType == ocispec.MediaTypeImageLayer {
			layers = append(layers, d.String())
		}
		return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}
	}
	manifest := newImage(t, n, size, blob)
	send("PUT", "http://"+r.Host+"/v2/a/manifests/1", manifest.MediaType, manifest.Data)
	return layers
}

// newImage makes an image with n layers of size random bytes, puts its blobs, and returns its manifest.
func newImage(t *testing.T, n, size int, put func(mediaType string, data []byte) ocispec.Descriptor) ocispec.Descriptor {
	t.Helper()
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	config := ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}, RootFS: ocispec.RootFS{Type: "layers"}}
	random := rand.NewChaCha8([32]byte{})
	for i := range n {
		data := make([]byte, size)
		_, _ = random.Read(data)
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		must(t, w.WriteHeader(&tar.Header{Name: fmt.Sprintf("file%d", i), Mode: 0o644, Size: int64(size)}))
		_, err := w.Write(data)
		must(t, err)
		must(t, w.Close())
		l := put(ocispec.MediaTypeImageLayer, b.Bytes())
		m.Layers = append(m.Layers, l)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.Digest)
	}
	data, err := json.Marshal(config)
	must(t, err)
	m.Config = put(ocispec.MediaTypeImageConfig, data)
	data, err = json.Marshal(m)
	must(t, err)
	image := put(m.MediaType, data)
	image.Data = data
	return image
}

// What arrived of a layer is not downloaded again: not when the connection was lost, when the build was cancelled, or when
// the engine was stopped.
func TestACutLayerIsContinued(t *testing.T) {
	const layers, size = 6, 4 << 20
	r := newSlowRegistry(t)
	cut := r.pushImage(t, layers, size)
	o := embeddedOptions(t)
	o.Registries = map[string]Registry{r.Host: {HTTP: true}}
	def, err := llb.Scratch().File(llb.Copy(llb.Image(r.Host+"/a:1"), "/file0", "/")).Marshal(t.Context())
	must(t, err)
	r.set(func() { r.pace = 15 * time.Millisecond })

	e := open(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for enough := false; !enough && ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
			r.set(func() { enough = r.total() >= 4<<20 })
		}
	}()
	if _, err := e.Client().Solve(ctx, def, client.SolveOpt{}, nil); err == nil || ctx.Err() == nil {
		t.Fatalf("the download was not cancelled: %v", err)
	}
	e.Close()
	_, err = Stop(t.Context(), o)
	must(t, err)
	var before int64
	r.set(func() {
		before = r.total()
		r.cut, r.at, r.pace = cut[layers-1], size/2, 0
		r.ranges = nil
	})
	_, err = open(t, o).Client().Solve(t.Context(), def, client.SolveOpt{}, nil)
	must(t, err)
	r.set(func() {
		if r.cut != "" {
			t.Error("no connection was cut")
		}
		// What is on its way when a connection ends is lost.
		if sent, most := r.total(), int64(layers*size+3<<20); before < 4<<20 || sent > most {
			t.Errorf("%d bytes were sent, %d of them before the engine was stopped; more than %d, by requests for %q", sent, before, most, r.ranges)
		}
	})
}

// slowStore is an OCI layout that is read slowly.
type slowStore struct{ content.Store }

func (s slowStore) ReaderAt(ctx context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	r, err := s.Store.ReaderAt(ctx, desc)
	return slowReader{r}, err
}

type slowReader struct{ content.ReaderAt }

func (r slowReader) ReadAt(p []byte, at int64) (int, error) {
	time.Sleep(20 * time.Millisecond)
	return r.ReaderAt.ReadAt(p[:min(len(p), 32<<10)], at)
}

// BuildKit cannot go on in the middle of a layer of an OCI layout.
func TestACutLayerOfALayoutIsReadAgain(t *testing.T) {
	store, err := contentlocal.NewStore(t.TempDir())
	must(t, err)
	manifest := newImage(t, 2, 4<<20, func(mediaType string, data []byte) ocispec.Descriptor {
		desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
		must(t, content.WriteBlob(t.Context(), store, string(desc.Digest), bytes.NewReader(data), desc))
		return desc
	})
	e := open(t, embeddedOptions(t))
	image := llb.OCILayout("local/a@"+manifest.Digest.String(), llb.OCIStore("", "layout"))
	def, err := llb.Scratch().File(llb.Copy(image, "/file0", "/")).Marshal(t.Context())
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Second, cancel)
	_, err = e.Client().Solve(ctx, def, client.SolveOpt{OCIStores: map[string]content.Store{"layout": slowStore{store}}}, nil)
	if err == nil || ctx.Err() == nil {
		t.Fatalf("the build was not cancelled: %v", err)
	}
	_, err = e.Client().Solve(t.Context(), def, client.SolveOpt{OCIStores: map[string]content.Store{"layout": store}}, nil)
	must(t, err)
}
