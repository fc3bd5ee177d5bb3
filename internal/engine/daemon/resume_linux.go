package daemon

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	cerrdefs "github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
)

// partialFolder, in the state folder, has a file for each layer that a registry sends.
const partialFolder = "partial"

// partialLife is how long a part of a layer is kept. As long containerd keeps what is written without a lease.
const partialLife = 24 * time.Hour

// layerRef begins the name of a layer that is being written, as containerd's remotes.MakeRefKey gives it.
const layerRef = "layer-"

// partials keep what arrived of a layer when its download ends early, so that the next one goes on from there.
//
// BuildKit downloads under a lease of the build. With that goes what was downloaded, at the next collection of garbage, which
// is within a minute. And BuildKit can go on only with what comes from a registry: reading an OCI layout from the middle
// fails the build. So it is noted which layers a registry sends.
type partials struct {
	dir string

	mu   sync.Mutex
	open map[string]int // writers, by digest
}

func newPartials(root string) (*partials, error) {
	p := &partials{dir: filepath.Join(root, partialFolder), open: map[string]int{}}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of unfinished downloads: %w", err)
	}
	return p, nil
}

func (p *partials) file(layer string) string {
	return filepath.Join(p.dir, strings.ReplaceAll(layer, ":", "-"))
}

// fromRegistry reports whether a registry sent the last part of the layer.
func (p *partials) fromRegistry(layer string) bool {
	stat, err := os.Stat(p.file(layer))
	return err == nil && time.Since(stat.ModTime()) < partialLife
}

// note returns hosts whose clients note the layers that they are asked for.
func (p *partials) note(hosts docker.RegistryHosts) docker.RegistryHosts {
	return through(hosts, func(t http.RoundTripper) http.RoundTripper { return noting{t, p} })
}

type noting struct {
	http.RoundTripper
	*partials
}

func (n noting) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, layer, ok := strings.Cut(r.URL.Path, "/blobs/"); ok && r.Method == http.MethodGet {
		n.mu.Lock()
		if n.open[layer] > 0 {
			_ = os.WriteFile(n.file(layer), nil, 0o600) // without it the layer is downloaded again
		}
		n.mu.Unlock()
	}
	return n.RoundTripper.RoundTrip(r)
}

// resumable is a content store in which partials are kept.
type resumable struct {
	content.Store
	*partials
}

// Writer begins or continues to write.
func (r resumable) Writer(ctx context.Context, opts ...content.WriterOpt) (content.Writer, error) {
	var o content.WriterOpts
	for _, opt := range opts {
		if err := opt(&o); err != nil {
			return nil, err
		}
	}
	layer, isLayer := strings.CutPrefix(o.Ref, layerRef)
	if _, err := digest.Parse(layer); !isLayer || err != nil {
		return r.Store.Writer(ctx, opts...)
	}
	ns, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open[layer] == 0 && !r.fromRegistry(layer) {
		if err := r.Abort(ctx, o.Ref); err != nil && !cerrdefs.IsNotFound(err) {
			return nil, err
		}
	}
	// Without a lease, what is written is kept. Commit has a context of its own, and puts the layer under the lease of that.
	w, err := r.Store.Writer(namespaces.WithNamespace(context.Background(), ns), opts...) //nolint:forbidigo // a lease is in the context
	if cerrdefs.IsAlreadyExists(err) {
		return r.Store.Writer(ctx, opts...) // which puts it under the lease too
	}
	if err != nil {
		return nil, err
	}
	r.open[layer]++
	return &partialWriter{Writer: w, store: r, layer: layer}, nil
}

// partialWriter writes a layer.
type partialWriter struct {
	content.Writer
	store resumable
	layer string
	once  sync.Once
}

func (w *partialWriter) closed() {
	w.once.Do(func() {
		w.store.mu.Lock()
		defer w.store.mu.Unlock()
		if w.store.open[w.layer]--; w.store.open[w.layer] == 0 {
			delete(w.store.open, w.layer)
		}
	})
}

// Close leaves what was written to the next download.
func (w *partialWriter) Close() error {
	defer w.closed()
	return w.Writer.Close()
}

// Commit finishes the layer. One whose bytes are others than those it is to have is not gone on with.
func (w *partialWriter) Commit(ctx context.Context, size int64, expected digest.Digest, opts ...content.Opt) error {
	defer w.closed()
	err := w.Writer.Commit(ctx, size, expected, opts...)
	_ = os.Remove(w.store.file(w.layer))
	return err
}

// unusable are the files and folders below root of layers that were being written and that no download can go on with.
func unusable(root string) (leftovers []string) {
	p := partials{dir: filepath.Join(root, partialFolder)}
	begun, _ := filepath.Glob(filepath.Join(root, "runc-*/content/ingest/*"))
	kept := map[string]bool{}
	for _, folder := range begun {
		ref, _ := os.ReadFile(filepath.Join(folder, "ref"))
		_, layer, ok := strings.Cut(string(ref), "/"+layerRef)
		if ok && p.fromRegistry(layer) {
			kept[p.file(layer)] = true
		} else {
			leftovers = append(leftovers, folder)
		}
	}
	notes, _ := filepath.Glob(filepath.Join(p.dir, "*"))
	for _, note := range notes {
		if !kept[note] {
			leftovers = append(leftovers, note)
		}
	}
	return leftovers
}
