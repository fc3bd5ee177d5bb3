package sigstore

import (
	"errors"
	"fmt"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

// PublicRoot is whom the instance that everybody may use is trusted by, as its signed repository of metadata names them.
func PublicRoot() (Root, error) {
	r, err := root.FetchTrustedRoot()
	if err != nil {
		return nil, fmt.Errorf("asking for the trusted root of the public instance: %w", err)
	}
	return r, nil
}

// ReadRoot reads a trusted root, as cosign has it.
func ReadRoot(data []byte) (Root, error) {
	r, err := root.NewTrustedRootFromJSON(data)
	if err != nil {
		return nil, noForm("trusted root", err)
	}
	return r, nil
}

// Signatory is who has to have signed: an identity, and the issuer of the token that said so, each as it is or as an expression.
type Signatory struct{ Identity, IdentityRegexp, Issuer, IssuerRegexp string }

// Verifier checks bundles.
type Verifier struct {
	verifier *verify.Verifier
	policy   verify.PolicyOption
}

// NewVerifier returns what checks that bundles are signed by somebody, and witnessed by whom the root names.
func NewVerifier(trusted Root, who Signatory) (*Verifier, error) {
	identity, err := verify.NewShortCertificateIdentity(who.Issuer, who.IssuerRegexp, who.Identity, who.IdentityRegexp)
	if err != nil {
		return nil, err
	}
	return newVerifier(trusted, verify.WithCertificateIdentity(identity))
}

// anyone checks bundles of whoever signed them.
func anyone(trusted Root) (*Verifier, error) {
	return newVerifier(trusted, verify.WithoutIdentitiesUnsafe())
}

func newVerifier(trusted Root, policy verify.PolicyOption) (*Verifier, error) {
	options := []verify.VerifierOption{verify.WithTransparencyLog(1), verify.WithObserverTimestamps(1)}
	// A Fulcio of one's own need have no log of certificates.
	if len(trusted.CTLogs()) > 0 {
		options = append(options, verify.WithSignedCertificateTimestamps(1))
	}
	v, err := verify.NewVerifier(trusted, options...)
	if err != nil {
		return nil, err
	}
	return &Verifier{v, policy}, nil
}

// Verify is nil where the statement in the bundle is signed and witnessed. What the statement is about is for others.
func (v *Verifier) Verify(data []byte) error {
	var b bundle.Bundle
	if err := b.UnmarshalJSON(data); err != nil {
		return fmt.Errorf("it is no bundle of Sigstore: %w", err)
	}
	content, err := b.SignatureContent()
	if err != nil {
		return err
	}
	if content.EnvelopeContent() == nil {
		return errors.New("the bundle of Sigstore holds no statement")
	}
	_, err = v.verifier.Verify(&b, verify.NewPolicy(verify.WithoutArtifactUnsafe(), v.policy))
	return err
}
