package sigstore

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"google.golang.org/protobuf/encoding/protojson"
)

// payloadType says what an envelope holds: https://github.com/in-toto/attestation/blob/main/spec/v1/envelope.md.
const payloadType = "application/vnd.in-toto+json"

// Signer signs with the identity of one run. It is used by one goroutine at a time.
type Signer struct {
	Identity Identity
	Services func() (Services, error) // asked once, before the first signature
	Trusted  func() (Root, error)     // likewise; what is signed is checked by it. nil: it is not checked

	services *Services
	check    *Verifier
	own      *certified
}

// certified is a key with its certificate.
type certified struct {
	key  *ecdsa.PrivateKey
	der  []byte
	text string // in PEM form
	ends time.Time
}

// margin is how long before its end a certificate is replaced: what it signs has to be in the log before.
const margin = 2 * time.Minute

// Bundle returns the statement signed, as JSON on one line: https://docs.sigstore.dev/about/bundle/.
func (s *Signer) Bundle(ctx context.Context, statement []byte) ([]byte, error) {
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(dsse.PAE(payloadType, statement))
	signature, err := s.own.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	material := &protobundle.VerificationMaterial{
		Content: &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{RawBytes: s.own.der}},
	}
	for _, at := range s.services.stamps {
		stamp, err := stamped(ctx, at.URL, signature)
		if err != nil {
			return nil, fmt.Errorf("asking for the time of a signature: %w", err)
		}
		if material.TimestampVerificationData == nil {
			material.TimestampVerificationData = &protobundle.TimestampVerificationData{}
		}
		all := &material.TimestampVerificationData.Rfc3161Timestamps
		*all = append(*all, &protocommon.RFC3161SignedTimestamp{SignedTimestamp: stamp})
	}
	for _, log := range s.services.rekor {
		entered := s.enter1
		if log.MajorAPIVersion == 2 {
			entered = s.enter2
		}
		entry, err := entered(ctx, strings.TrimSuffix(log.URL, "/"), statement, sum[:], signature)
		if err != nil {
			return nil, fmt.Errorf("entering a signature into the log: %w", err)
		}
		material.TlogEntries = append(material.TlogEntries, entry)
	}
	mediaType, err := bundle.MediaTypeString("0.3")
	if err != nil {
		return nil, err
	}
	data, err := protojson.Marshal(&protobundle.Bundle{
		MediaType: mediaType, VerificationMaterial: material,
		Content: &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{
			Payload: statement, PayloadType: payloadType, Signatures: []*protodsse.Signature{{Sig: signature}},
		}},
	})
	if err == nil && s.check != nil {
		if err = s.check.Verify(data); err != nil {
			err = fmt.Errorf("what was signed does not hold: %w", err)
		}
	}
	return data, err
}

// open sees to it that there are services, and a certificate that holds for a while.
func (s *Signer) open(ctx context.Context) error {
	if s.services == nil {
		services, err := s.Services()
		if err != nil {
			return err
		}
		if s.Trusted != nil {
			trusted, err := s.Trusted()
			if err != nil {
				return err
			}
			if s.check, err = anyone(trusted); err != nil {
				return err
			}
		}
		s.services = &services
	}
	if s.own != nil && time.Until(s.own.ends) > margin {
		return nil
	}
	token, err := s.Identity(ctx)
	if err != nil {
		return err
	}
	s.own, err = certify(ctx, strings.TrimSuffix(s.services.fulcio.URL, "/"), token)
	if err != nil {
		return errors.New(strings.ReplaceAll("asking for a certificate: "+err.Error(), token, "***"))
	}
	return nil
}

// certify has Fulcio certify a new key for the identity of a token:
// https://github.com/sigstore/fulcio/blob/main/fulcio.proto
func certify(ctx context.Context, fulcio, token string) (*certified, error) {
	who, err := subject(token)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(who))
	proof, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	type publicKey struct {
		Algorithm string `json:"algorithm"`
		Content   string `json:"content"`
	}
	var request struct {
		Key struct {
			PublicKey publicKey `json:"publicKey"`
			Proof     []byte    `json:"proofOfPossession"`
		} `json:"publicKeyRequest"`
	}
	request.Key.PublicKey = publicKey{"ECDSA", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))}
	request.Key.Proof = proof
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
	if body, err = ask(ctx, http.MethodPost, fulcio+"/api/v2/signingCert", body, header); err != nil {
		return nil, err
	}
	type chain struct {
		Chain struct {
			Certificates []string `json:"certificates"`
		} `json:"chain"`
	}
	var answer struct {
		Embedded chain `json:"signedCertificateEmbeddedSct"`
		Detached chain `json:"signedCertificateDetachedSct"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	all := append(answer.Embedded.Chain.Certificates, answer.Detached.Chain.Certificates...)
	if len(all) == 0 {
		return nil, errors.New("the answer holds none")
	}
	block, _ := pem.Decode([]byte(all[0]))
	if block == nil {
		return nil, errors.New("the answer is not in PEM form")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	if !key.PublicKey.Equal(certificate.PublicKey) {
		return nil, errors.New("the certificate is one for another key")
	}
	return &certified{key, certificate.Raw, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})), certificate.NotAfter}, nil
}

// subject is whom a token is about, which the key signs to show that it is there: the mail address, or else the subject, as
// Fulcio looks for it.
func subject(token string) (string, error) {
	parts := strings.Split(token, ".")
	var claims struct {
		Subject  string `json:"sub"`
		Email    string `json:"email"`
		Verified any    `json:"email_verified"` // a text with some issuers
	}
	if len(parts) != 3 {
		return "", errors.New("the token of the CI system is no JWT")
	}
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil || json.Unmarshal(data, &claims) != nil {
		return "", errors.New("the token of the CI system is no JWT")
	}
	switch {
	case claims.Email != "" && claims.Verified != true && claims.Verified != "true":
		return "", errors.New("the mail address in the token is not verified")
	case claims.Email != "":
		return claims.Email, nil
	case claims.Subject == "":
		return "", errors.New("the token of the CI system says not whom it is about")
	}
	return claims.Subject, nil
}

// stamped asks a timestamp authority for the time at which it saw a signature: RFC 3161.
func stamped(ctx context.Context, authority string, signature []byte) ([]byte, error) {
	sum := sha256.Sum256(signature)
	request := timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:]}
	body, err := request.Marshal()
	if err != nil {
		return nil, err
	}
	answer, err := ask(ctx, http.MethodPost, authority, body, http.Header{"Content-Type": {"application/timestamp-query"}})
	if err == nil {
		_, err = timestamp.ParseResponse(answer)
	}
	return answer, err
}

// post sends JSON to a log.
func post(ctx context.Context, address string, request any) ([]byte, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	return ask(ctx, http.MethodPost, address, body, http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}})
}

// enter1 enters the envelope of a statement into a log of the first version, which says the time too:
// https://github.com/sigstore/rekor/blob/main/openapi.yaml
func (s *Signer) enter1(ctx context.Context, rekor string, statement, _, signature []byte) (*protorekor.TransparencyLogEntry, error) {
	envelope, err := json.Marshal(dsse.Envelope{
		PayloadType: payloadType, Payload: base64.StdEncoding.EncodeToString(statement),
		Signatures: []dsse.Signature{{Sig: base64.StdEncoding.EncodeToString(signature)}},
	})
	if err != nil {
		return nil, err
	}
	const kind, version = "dsse", "0.0.1"
	body, err := post(ctx, rekor+"/api/v1/log/entries", map[string]any{
		"kind": kind, "apiVersion": version,
		"spec": map[string]any{"proposedContent": map[string]any{"envelope": string(envelope), "verifiers": [][]byte{[]byte(s.own.text)}}},
	})
	if err != nil {
		return nil, err
	}
	var entries map[string]struct {
		Body  []byte `json:"body"`
		Log   string `json:"logID"`
		Index int64  `json:"logIndex"`
		Time  int64  `json:"integratedTime"`
		Proof struct {
			Promise   []byte `json:"signedEntryTimestamp"`
			Inclusion *struct {
				Index      int64    `json:"logIndex"`
				Root       string   `json:"rootHash"`
				Size       int64    `json:"treeSize"`
				Hashes     []string `json:"hashes"`
				Checkpoint string   `json:"checkpoint"`
			} `json:"inclusionProof"`
		} `json:"verification"`
	}
	if err := json.Unmarshal(body, &entries); err != nil || len(entries) != 1 {
		return nil, errors.New("the answer holds no entry")
	}
	for _, e := range entries {
		var failed error
		decode := func(text string) []byte {
			data, err := hex.DecodeString(text)
			failed = errors.Join(failed, err)
			return data
		}
		entry := &protorekor.TransparencyLogEntry{
			LogIndex: e.Index, LogId: &protocommon.LogId{KeyId: decode(e.Log)}, KindVersion: &protorekor.KindVersion{Kind: kind, Version: version},
			IntegratedTime: e.Time, InclusionPromise: &protorekor.InclusionPromise{SignedEntryTimestamp: e.Proof.Promise}, CanonicalizedBody: e.Body,
		}
		if p := e.Proof.Inclusion; p != nil {
			entry.InclusionProof = &protorekor.InclusionProof{
				LogIndex: p.Index, RootHash: decode(p.Root), TreeSize: p.Size, Checkpoint: &protorekor.Checkpoint{Envelope: p.Checkpoint},
			}
			for _, hash := range p.Hashes {
				entry.InclusionProof.Hashes = append(entry.InclusionProof.Hashes, decode(hash))
			}
		}
		return entry, failed
	}
	panic("unreachable")
}

// enter2 enters a signature into a log of the second version: https://github.com/sigstore/rekor-tiles/blob/main/api/proto
func (s *Signer) enter2(ctx context.Context, rekor string, _, sum, signature []byte) (*protorekor.TransparencyLogEntry, error) {
	body, err := post(ctx, rekor+"/api/v2/log/entries", map[string]any{"hashedRekordRequestV002": map[string]any{
		"digest": sum,
		"signature": map[string]any{
			"content": signature,
			"verifier": map[string]any{
				"x509Certificate": map[string]any{"rawBytes": s.own.der}, "keyDetails": protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256.String(),
			},
		},
	}})
	if err != nil {
		return nil, err
	}
	entry := &protorekor.TransparencyLogEntry{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, entry); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	return entry, nil
}
