package publish

import (
	"bytes"
	"encoding/json"
	"fmt"

	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// How BuildKit stores attestations, which is how docker buildx imagetools and Docker Scout find them:
// https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
const (
	inToto           = "application/vnd.in-toto+json"
	predicateTypeKey = "in-toto.io/predicate-type"
	referenceTypeKey = "vnd.docker.reference.type"
	referenceKey     = "vnd.docker.reference.digest"
	attestationType  = "attestation-manifest"
)

// About returns the statement about the file or image with that SHA-256, in hex, as bytes that do not change from one program
// to the next: the spaces that protojson writes do.
func (s Statement) About(name, sha256 string) ([]byte, error) {
	return s.AboutAll([]*intoto.ResourceDescriptor{{Name: name, Digest: map[string]string{"sha256": sha256}}})
}

// AboutAll returns the statement about several files likewise.
func (s Statement) AboutAll(files []*intoto.ResourceDescriptor) ([]byte, error) {
	about := &intoto.Statement{
		Type:          intoto.StatementTypeUri,
		Subject:       files,
		PredicateType: s.PredicateType,
		Predicate:     s.Predicate,
	}
	if err := about.Validate(); err != nil {
		return nil, err
	}
	spaced, err := protojson.Marshal(about)
	if err != nil {
		return nil, err
	}
	var data bytes.Buffer
	err = json.Compact(&data, spaced)
	return data.Bytes(), err
}

// attest adds the statements about the image, and the index that binds them to it.
func (i *Image) attest(image blob, statements []Statement) error {
	var layers []blob
	for _, s := range statements {
		data, err := s.About("image", image.Digest.Encoded())
		if err != nil {
			return fmt.Errorf("writing the statement of type %q: %w", s.PredicateType, err)
		}
		layer := newBlob(inToto, data)
		layer.Annotations = map[string]string{predicateTypeKey: s.PredicateType}
		layers = append(layers, layer)
	}
	unknown := ocispec.Platform{OS: "unknown", Architecture: "unknown"}
	config, err := i.json(ocispec.MediaTypeImageConfig, ocispec.Image{Platform: unknown, RootFS: ocispec.RootFS{Type: "layers"}})
	if err != nil {
		return err
	}
	i.blobs = append(append(i.blobs, layers...), config)
	attestation, err := i.manifest(config, layers...)
	if err != nil {
		return err
	}
	attestation.Platform = &unknown
	attestation.Annotations = map[string]string{referenceTypeKey: attestationType, referenceKey: image.Digest.String()}
	index, err := i.json(ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{image.Descriptor, attestation.Descriptor},
	})
	i.manifests = append(i.manifests, index)
	return err
}
