// Package publish puts a built lambda into a container registry, as an image that Lambda runs.
//
// The image is made here, from the bytes that are in the zip, and sent from here: so it has one digest whatever
// engine built the program, an engine that cannot push is no obstacle, and what the registry answers is seen. Where
// credentials are is for package login.
//
// A name is a reference with a tag. The image has one layer with the program, /bootstrap, and the included files
// where a function from a zip finds them, in /var/task, and those of its layers in /opt.
package publish

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/protobuf/types/known/structpb"

	"lpipe/internal/artifact"
	"lpipe/internal/limits"
)

// program is the entry point.
const program = "bootstrap"

// Spec says what an image holds.
type Spec struct {
	Files   []artifact.Entry // of the zip
	Opt     []artifact.Entry // of layers
	Root    []artifact.Entry // for the root of the image
	Arch    string           // as Lambda says it: x86_64 or arm64
	Labels  map[string]string
	Created time.Time // of the image and its files; the zero time stands for 1970
	// Statements are put beside the image as attestations.
	Statements []Statement
}

// Statement is a document about an image or a zip, in the shape of in-toto.
type Statement struct {
	PredicateType string
	Predicate     *structpb.Struct
}

// blob is one piece of an image.
type blob struct {
	ocispec.Descriptor
	data []byte
}

// Image is ready to be pushed.
type Image struct {
	blobs     []blob // layers and configurations
	manifests []blob // in the order in which they are pushed; names point at the last
	config    digest.Digest
}

// Digest is what the image is pulled by.
func (i *Image) Digest() digest.Digest { return i.top().Digest }

// ConfigDigest is that of the image's configuration.
func (i *Image) ConfigDigest() digest.Digest { return i.config }

func (i *Image) top() blob { return i.manifests[len(i.manifests)-1] }

// New makes the image. The same Spec gives the same bytes everywhere.
func New(s Spec) (*Image, error) {
	created := s.Created
	if created.IsZero() {
		created = time.Unix(0, 0)
	}
	created = created.UTC()
	layer, diffID, err := pack(s, created)
	if err != nil {
		return nil, err
	}
	platform := ocispec.Platform{OS: "linux", Architecture: map[string]string{"x86_64": "amd64", "arm64": "arm64"}[s.Arch]}
	i := &Image{}
	config, err := i.json(ocispec.MediaTypeImageConfig, ocispec.Image{
		Created:  &created,
		Platform: platform,
		Config: ocispec.ImageConfig{
			Entrypoint: []string{"/" + program},
			WorkingDir: limits.TaskRoot,
			Env:        []string{"LAMBDA_TASK_ROOT=" + limits.TaskRoot},
			Labels:     s.Labels,
		},
		RootFS:  ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{diffID}},
		History: []ocispec.History{{Created: &created, CreatedBy: "lpipe"}},
	})
	if err != nil {
		return nil, err
	}
	i.blobs, i.config = append(i.blobs, layer, config), config.Digest
	manifest, err := i.manifest(config, layer)
	if err != nil || len(s.Statements) == 0 {
		return i, err
	}
	manifest.Platform = &platform
	return i, i.attest(manifest, s.Statements)
}

// pack makes the layer. Its time is that of all its files.
func pack(s Spec, at time.Time) (layer blob, diffID digest.Digest, err error) {
	content := map[string]artifact.Entry{}
	folders := map[string]bool{}
	put := func(name string, f artifact.Entry) {
		content[name] = f
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			folders[dir] = true
		}
	}
	for _, f := range s.Files {
		name := program
		if f.Name != program {
			name = path.Join(limits.TaskRoot[1:], f.Name)
		}
		put(name, f)
	}
	for _, f := range s.Opt {
		put(path.Join(limits.Opt[1:], f.Name), f)
	}
	for _, f := range s.Root {
		put(f.Name, f)
	}
	folders["var"], folders[limits.TaskRoot[1:]] = true, true
	var plain, packed bytes.Buffer
	w := tar.NewWriter(&plain)
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: at}); err != nil {
			return blob{}, "", fmt.Errorf("packing the image: %w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(content)) {
		f := content[name]
		mode := int64(0o644)
		if f.Executable {
			mode = 0o755
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(f.Data)), ModTime: at}); err != nil {
			return blob{}, "", fmt.Errorf("packing %s into the image: %w", f.Name, err)
		}
		_, _ = w.Write(f.Data) // into memory
	}
	if err := w.Close(); err != nil {
		return blob{}, "", fmt.Errorf("packing the image: %w", err)
	}
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(plain.Bytes())
	_ = z.Close()
	return newBlob(ocispec.MediaTypeImageLayerGzip, packed.Bytes()), digest.FromBytes(plain.Bytes()), nil
}

// manifest adds the manifest of an image that was added.
func (i *Image) manifest(config blob, layers ...blob) (blob, error) {
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    config.Descriptor,
	}
	for _, l := range layers {
		m.Layers = append(m.Layers, l.Descriptor)
	}
	b, err := i.json(ocispec.MediaTypeImageManifest, m)
	i.manifests = append(i.manifests, b)
	return b, err
}

func (i *Image) json(mediaType string, v any) (blob, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return blob{}, fmt.Errorf("writing the image's %s: %w", mediaType, err)
	}
	return newBlob(mediaType, data), nil
}

func newBlob(mediaType string, data []byte) blob {
	return blob{ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}, data}
}
