package testparts

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// layout is an OCI layout that holds one image, as scripts/base-image makes it.
type layout struct {
	dir      string
	manifest ocispec.Manifest
	config   ocispec.Image
}

func openLayout(dir string) (*layout, error) {
	var index ocispec.Index
	if err := readJSON(filepath.Join(dir, ocispec.ImageIndexFile), &index); err != nil {
		return nil, err
	}
	if len(index.Manifests) != 1 {
		return nil, fmt.Errorf("%s holds %d images instead of one", dir, len(index.Manifests))
	}
	l := &layout{dir: dir}
	if err := readJSON(l.blob(index.Manifests[0].Digest), &l.manifest); err != nil {
		return nil, err
	}
	return l, readJSON(l.blob(l.manifest.Config.Digest), &l.config)
}

func (l *layout) blob(d digest.Digest) string {
	return filepath.Join(l.dir, ocispec.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
}

// extend writes to dir a layout of the image with one more layer, a plain tar. The layers below are links to those of l.
func (l *layout) extend(dir string, layer []byte) error {
	w := layoutWriter{blobs: filepath.Join(dir, ocispec.ImageBlobsDir, "sha256")}
	if err := os.MkdirAll(w.blobs, 0o755); err != nil {
		return err
	}
	for _, below := range l.manifest.Layers {
		if err := os.Symlink(l.blob(below.Digest), filepath.Join(w.blobs, below.Digest.Encoded())); err != nil {
			return err
		}
	}
	manifest, config := l.manifest, l.config
	top := w.blob(ocispec.MediaTypeImageLayer, layer)
	manifest.Layers = append(slices.Clip(manifest.Layers), top)
	config.RootFS.DiffIDs = append(slices.Clip(config.RootFS.DiffIDs), top.Digest)
	manifest.Config = w.json(ocispec.MediaTypeImageConfig, config)
	image := w.json(ocispec.MediaTypeImageManifest, manifest)
	image.Annotations = map[string]string{ocispec.AnnotationRefName: "latest"}
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []ocispec.Descriptor{image}}
	w.file(filepath.Join(dir, ocispec.ImageIndexFile), w.encode(index))
	w.file(filepath.Join(dir, ocispec.ImageLayoutFile), w.encode(ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion}))
	return w.err
}

// layoutWriter writes the files of a layout and keeps the first error.
type layoutWriter struct {
	blobs string
	err   error
}

func (w *layoutWriter) blob(mediaType string, data []byte) ocispec.Descriptor {
	d := digest.FromBytes(data)
	w.file(filepath.Join(w.blobs, d.Encoded()), data)
	return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}
}

func (w *layoutWriter) json(mediaType string, value any) ocispec.Descriptor {
	return w.blob(mediaType, w.encode(value))
}

func (w *layoutWriter) encode(value any) []byte {
	data, err := json.Marshal(value)
	w.keep(err)
	return data
}

func (w *layoutWriter) file(path string, data []byte) {
	w.keep(os.WriteFile(path, data, 0o644))
}

func (w *layoutWriter) keep(err error) {
	if w.err == nil {
		w.err = err
	}
}

func readJSON(path string, value any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, value); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

// ServeLayout serves the one image of an OCI layout as a registry does, by every name and tag.
func ServeLayout(t testing.TB, dir string) http.Handler {
	t.Helper()
	var index ocispec.Index
	if err := readJSON(filepath.Join(dir, ocispec.ImageIndexFile), &index); err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, name, _ := strings.Cut(r.URL.Path, "/manifests/")
		d, mediaType := index.Manifests[0].Digest, index.Manifests[0].MediaType
		switch {
		case r.URL.Path == "/v2/":
			return
		case name == "":
			_, blob, _ := strings.Cut(r.URL.Path, "/blobs/")
			d, mediaType = digest.Digest(blob), "application/octet-stream"
		}
		if d.Validate() != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Docker-Content-Digest", d.String())
		http.ServeFile(w, r, (&layout{dir: dir}).blob(d))
	})
}
