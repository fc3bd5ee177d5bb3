package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/distribution/reference"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// The sizes of zips are an annotation of a manifest that has nothing else.
const (
	sizesType  = "application/vnd.lpipe.zip-sizes.v1+json"
	sizesKey   = "lpipe.zip-sizes"
	sizesLimit = 10 * time.Second // for a request: a build does not wait longer for what it only tells
)

// PushSizes keeps the sizes of zips, in bytes by the labels of their lambdas, under the name of an image.
func (p *Pusher) PushSizes(ctx context.Context, name string, sizes map[string]int64) error {
	text, err := json.Marshal(sizes)
	if err != nil {
		return fmt.Errorf("writing the sizes of the zips: %w", err)
	}
	i := &Image{}
	empty := blob{ocispec.DescriptorEmptyJSON, ocispec.DescriptorEmptyJSON.Data}
	i.blobs = append(i.blobs, empty)
	manifest, err := i.json(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: sizesType,
		Config: bare(empty), Layers: []ocispec.Descriptor{bare(empty)}, Annotations: map[string]string{sizesKey: string(text)},
	})
	if err != nil {
		return err
	}
	i.manifests = append(i.manifests, manifest)
	return p.Push(ctx, i, []string{name})
}

// bare is the descriptor of a blob without its data.
func bare(b blob) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: b.MediaType, Digest: b.Digest, Size: b.Size}
}

// Sizes returns what [Pusher.PushSizes] kept under a name; it is nil where there is nothing.
func (p *Pusher) Sizes(ctx context.Context, name string) (map[string]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, sizesLimit)
	defer cancel()
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, fmt.Errorf("reading the sizes of the zips: %w", err)
	}
	tagged, ok := ref.(reference.NamedTagged)
	if !ok {
		return nil, fmt.Errorf("reading the sizes of the zips: %s has no tag", name)
	}
	r, err := p.repository(ref)
	if err != nil {
		return nil, err
	}
	ctx = docker.WithScope(ctx, "repository:"+reference.Path(ref)+":pull")
	found, err := r.send(ctx, http.MethodGet, r.url("manifests/"+tagged.Tag()), "", nil, http.StatusOK, http.StatusNotFound)
	if err != nil || found.StatusCode == http.StatusNotFound {
		return nil, err
	}
	return readSizes(found.body)
}

// readSizes reads the manifest with the sizes. What is no size is an error.
func readSizes(data []byte) (map[string]int64, error) {
	var m ocispec.Manifest
	var sizes map[string]int64
	err := json.Unmarshal(data, &m)
	if err == nil {
		err = json.Unmarshal([]byte(m.Annotations[sizesKey]), &sizes)
	}
	for label, n := range sizes {
		if n < 0 {
			err = fmt.Errorf("%.100q has the size %d", label, n)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading the sizes of the zips: %w", err)
	}
	return sizes, nil
}
