package attest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	_ "crypto/sha512" // for larger curves
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// payloadType says what an envelope holds: https://github.com/in-toto/attestation/blob/main/spec/v1/envelope.md.
const payloadType = "application/vnd.in-toto+json"

// Signer signs statements with one key.
type Signer struct {
	key crypto.Signer
	id  string
}

// NewSigner reads a private key, Ed25519 or ECDSA, in the PEM form of PKCS #8 or SEC 1. No error has a part of it.
func NewSigner(data []byte) (*Signer, error) {
	block, _ := pem.Decode(data)
	switch {
	case block == nil:
		return nil, errors.New("it is not in PEM form")
	case strings.HasPrefix(block.Type, "ENCRYPTED"):
		return nil, errors.New("it is encrypted")
	}
	var key any
	var err error
	if block.Type == "EC PRIVATE KEY" {
		key, err = x509.ParseECPrivateKey(block.Bytes)
	} else {
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, errors.New("it is not a private key in the form of PKCS #8 or SEC 1")
	}
	s := &Signer{}
	switch key := key.(type) {
	case ed25519.PrivateKey:
		s.key = key
	case *ecdsa.PrivateKey:
		s.key = key
	default:
		return nil, errors.New("it is neither an Ed25519 nor an ECDSA key")
	}
	public, err := x509.MarshalPKIXPublicKey(s.key.Public())
	if err != nil {
		return nil, fmt.Errorf("writing the public key: %w", err)
	}
	sum := sha256.Sum256(public)
	s.id = hex.EncodeToString(sum[:])
	return s, nil
}

// KeyID implements [dsse.Signer]: the SHA-256 of the public key as PKIX has it.
func (s *Signer) KeyID() (string, error) { return s.id, nil }

// Sign implements [dsse.Signer]. The same data has the same signature: ECDSA as of RFC 6979, with a hash that is as long as
// the curve's numbers, as other programs have it.
func (s *Signer) Sign(_ context.Context, data []byte) ([]byte, error) {
	key, ok := s.key.(*ecdsa.PrivateKey)
	if !ok {
		return s.key.Sign(nil, data, crypto.Hash(0))
	}
	hash, sum := hashed(&key.PublicKey, data)
	return key.Sign(nil, sum, hash)
}

// hashed is the hash of data that goes with an ECDSA key.
func hashed(key *ecdsa.PublicKey, data []byte) (crypto.Hash, []byte) {
	hash := crypto.SHA256
	switch bits := key.Curve.Params().BitSize; {
	case bits > 384:
		hash = crypto.SHA512
	case bits > 256:
		hash = crypto.SHA384
	}
	h := hash.New()
	h.Write(data)
	return hash, h.Sum(nil)
}

// verified reports that the signature of data is that of a key.
func verified(key crypto.PublicKey, data, signature []byte) bool {
	switch key := key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(key, data, signature)
	case *ecdsa.PublicKey:
		_, sum := hashed(key, data)
		return ecdsa.VerifyASN1(key, sum, signature)
	}
	return false
}

// checkPublic is nil for a key of a kind that signs statements.
func checkPublic(key crypto.PublicKey) error {
	switch key.(type) {
	case ed25519.PublicKey, *ecdsa.PublicKey:
		return nil
	}
	return errors.New("it is neither an Ed25519 nor an ECDSA key")
}

// Envelope returns the statement signed, as JSON on one line: https://github.com/secure-systems-lab/dsse/blob/master/envelope.md.
func (s *Signer) Envelope(statement []byte) ([]byte, error) {
	signer, err := dsse.NewEnvelopeSigner(s)
	if err != nil {
		return nil, err
	}
	e, err := signer.SignPayload(context.Background(), payloadType, statement) //nolint:forbidigo // nothing is waited for
	if err != nil {
		return nil, fmt.Errorf("signing a statement: %w", err)
	}
	return json.Marshal(e)
}
