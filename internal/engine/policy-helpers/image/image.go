// Package image is what BuildKit names to follow the signatures of an image, which fails.
package image

import (
	"context"
	"errors"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

var errUnsupported = errors.New("this engine cannot verify signatures")

// ReferrersProvider reads blobs, and what refers to them.
type ReferrersProvider interface {
	content.Provider
	remotes.ReferrersFetcher
}

// Manifest is one link of a chain.
type Manifest struct{ ocispecs.Descriptor }

// SignatureChain leads from an image to its signature.
type SignatureChain struct{ ImageManifest, AttestationManifest, SignatureManifest *Manifest }

// OCIManifest always fails.
func (*SignatureChain) OCIManifest(context.Context, *Manifest) (*ocispecs.Manifest, error) {
	return nil, errUnsupported
}

// ResolveSignatureChain always fails.
func ResolveSignatureChain(context.Context, ReferrersProvider, ocispecs.Descriptor, *ocispecs.Platform) (*SignatureChain, error) {
	return nil, errUnsupported
}

// ReadBlob always fails.
func ReadBlob(context.Context, content.Provider, ocispecs.Descriptor) ([]byte, error) {
	return nil, errUnsupported
}
