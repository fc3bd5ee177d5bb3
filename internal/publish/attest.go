package publish

import (
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// How BuildKit stores attestations, which is how docker buildx imagetools and Docker Scout find them:
// https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
const (
	inToto           = "application/vnd.in-toto+json"
	inTotoStatement  = "https://in-toto.io/Statement/v1"
	predicateTypeKey = "in-toto.io/predicate-type"
	referenceTypeKey = "vnd.docker.reference.type"
	referenceKey     = "vnd.docker.reference.digest"
	attestationType  = "attestation-manifest"
)

type statement struct {
	Type          string    `json:"_type"`
	Subject       []subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     any       `json:"predicate"`
}

type subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// attest adds the statements about the image, and the index that binds them to it.
func (i *Image) attest(image blob, statements []Statement) error {
	var layers []blob
	for _, s := range statements {
		layer, err := i.json(inToto, statement{
			Type:          inTotoStatement,
			Subject:       []subject{{Name: "image", Digest: map[string]string{"sha256": image.Digest.Encoded()}}},
			PredicateType: s.PredicateType,
			Predicate:     s.Predicate,
		})
		if err != nil {
			return err
		}
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
