package attest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	provenance "github.com/in-toto/attestation/go/predicates/provenance/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"google.golang.org/protobuf/encoding/protojson"
)

// Statement is one of a bundle.
type Statement struct {
	Subject       string // the SHA-256 of the zip, in hex
	PredicateType string
	Predicate     json.RawMessage

	// Sigstore is the bundle of Sigstore that holds it, nil where it is in none.
	Sigstore []byte
	envelope *dsse.Envelope // nil where it is not signed
}

// ReadBundle reads the statements of a bundle, one after the other: signed or not, or bundles of Sigstore.
func ReadBundle(data []byte) ([]Statement, error) {
	var all []Statement
	for decoder := json.NewDecoder(bytes.NewReader(data)); ; {
		var one json.RawMessage
		err := decoder.Decode(&one)
		if errors.Is(err, io.EOF) {
			break
		}
		var s Statement
		if err == nil {
			s, err = readStatement(one)
		}
		if err != nil {
			return nil, fmt.Errorf("statement %d: %w", len(all)+1, err)
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, errors.New("it holds no statement")
	}
	return all, nil
}

func readStatement(line []byte) (Statement, error) {
	var signed struct {
		dsse.Envelope
		MediaType string         `json:"mediaType"` // https://docs.sigstore.dev/about/bundle/
		Inner     *dsse.Envelope `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal(line, &signed); err != nil {
		return Statement{}, err
	}
	s, e := Statement{}, signed.Envelope
	if signed.MediaType != "" {
		if signed.Inner == nil {
			return s, fmt.Errorf("it is of the type %q and holds no statement", signed.MediaType)
		}
		s.Sigstore, e = line, *signed.Inner
	}
	if e.PayloadType != "" {
		payload, err := e.DecodeB64Payload()
		if err != nil || e.PayloadType != payloadType {
			return s, errors.Join(err, fmt.Errorf("an envelope of the type %q", e.PayloadType))
		}
		line, s.envelope = payload, &e
	}
	var said struct {
		Subject []struct {
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
		PredicateType string          `json:"predicateType"`
		Predicate     json.RawMessage `json:"predicate"`
	}
	if err := json.Unmarshal(line, &said); err != nil {
		return s, err
	}
	if len(said.Subject) != 1 || said.Subject[0].Digest["sha256"] == "" || said.PredicateType == "" {
		return s, errors.New("it is no in-toto statement on one zip")
	}
	s.Subject, s.PredicateType, s.Predicate = said.Subject[0].Digest["sha256"], said.PredicateType, said.Predicate
	return s, nil
}

// Verifier knows one public key.
type Verifier struct {
	key crypto.PublicKey
	id  string
}

// NewVerifier reads a public key in the PEM form of PKIX.
func NewVerifier(data []byte) (*Verifier, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("it is not in PEM form")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("it is not a public key in the form of PKIX")
	}
	sum := sha256.Sum256(block.Bytes)
	return &Verifier{key, hex.EncodeToString(sum[:])}, checkPublic(key)
}

// KeyID implements [dsse.Verifier].
func (v *Verifier) KeyID() (string, error) { return v.id, nil }

// Public implements [dsse.Verifier].
func (v *Verifier) Public() crypto.PublicKey { return v.key }

// Verify implements [dsse.Verifier].
func (v *Verifier) Verify(_ context.Context, data, signature []byte) error {
	if !verified(v.key, data, signature) {
		return errors.New("the signature is not of this key")
	}
	return nil
}

// Signed is nil where the statement is signed with the key.
func (s Statement) Signed(v *Verifier) error {
	if s.envelope == nil {
		return errors.New("it is not signed")
	}
	verifier, err := dsse.NewEnvelopeVerifier(v)
	if err != nil {
		return err
	}
	if _, err := verifier.Verify(context.Background(), s.envelope); err != nil { //nolint:forbidigo // nothing is waited for
		return errors.New("it is not signed with this key")
	}
	return nil
}

// Origin is what a provenance says that decides about the bytes of a zip.
type Origin struct {
	Version    string            // of lpipe
	Parameters map[string]any    // as JSON has them
	Materials  map[string]string // digests by what they are of: a name, or the package URL of a crate
	Modified   bool              // what was built differs from the commit
	BaseURL    string            // the package URL of the base image, "" for one in a folder
}

// ReadOrigin reads the provenance among statements.
func ReadOrigin(all []Statement) (Origin, error) {
	i := slices.IndexFunc(all, func(s Statement) bool { return s.PredicateType == TypeProvenance })
	if i < 0 {
		return Origin{}, errors.New("there is no provenance among the statements")
	}
	var p provenance.Provenance
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(all[i].Predicate, &p); err != nil {
		return Origin{}, fmt.Errorf("reading the provenance: %w", err)
	}
	definition := p.GetBuildDefinition()
	if definition.GetBuildType() != buildType {
		return Origin{}, fmt.Errorf("the provenance is of another build type, %q", definition.GetBuildType())
	}
	o := Origin{
		Version: p.GetRunDetails().GetBuilder().GetVersion()["lpipe"], Parameters: definition.GetExternalParameters().AsMap(), Materials: map[string]string{},
	}
	for _, d := range definition.GetResolvedDependencies() {
		name := d.GetName()
		switch name {
		case fromBase:
			o.BaseURL = d.GetUri()
		case fromGit:
			o.Modified, _ = d.GetAnnotations().AsMap()["modified"].(bool)
		case fromLock, fromSources:
		default:
			name = d.GetUri()
		}
		var sums []string
		for _, kind := range slices.Sorted(maps.Keys(d.GetDigest())) {
			sums = append(sums, kind+":"+d.GetDigest()[kind])
		}
		o.Materials[name] = strings.Join(sums, " ")
	}
	return o, nil
}

// digest is the digest of a material, of that kind, "" where there is none.
func (o Origin) digest(name, kind string) string {
	for sum := range strings.FieldsSeq(o.Materials[name]) {
		if value, ok := strings.CutPrefix(sum, kind+":"); ok {
			return value
		}
	}
	return ""
}

// Commit is the git commit in hex, "" where none is named.
func (o Origin) Commit() string { return o.digest(fromGit, "gitCommit") }

// Base is the SHA-256 of the base image, in hex, "" where it is not known.
func (o Origin) Base() string { return o.digest(fromBase, "sha256") }

// Text is a parameter that is a text, "" for any other.
func (o Origin) Text(name string) string { s, _ := o.Parameters[name].(string); return s }

// Texts is a parameter that is a list of texts.
func (o Origin) Texts(name string) []string {
	list, _ := o.Parameters[name].([]any)
	all := []string{}
	for _, v := range list {
		if text, ok := v.(string); ok {
			all = append(all, text)
		}
	}
	return all
}

// Bool is a parameter that is true or false.
func (o Origin) Bool(name string) bool { b, _ := o.Parameters[name].(bool); return b }

// Epoch is SOURCE_DATE_EPOCH, "" where it was not set.
func (o Origin) Epoch() string {
	n, ok := o.Parameters["sourceDateEpoch"].(float64)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%.0f", n)
}

// Differ says in sentences how what a statement says differs from what the lambda was rebuilt from.
func (o Origin) Differ(other Origin) []string {
	var all []string
	say := func(what, a, b string) {
		if a != b {
			all = append(all, fmt.Sprintf("%s: stated %s, rebuilt with %s", what, or(a), or(b)))
		}
	}
	say("lpipe", o.Version, other.Version)
	for _, name := range union(o.Parameters, other.Parameters) {
		if name == "tests" { // decide about no byte
			continue
		}
		a, _ := json.Marshal(o.Parameters[name])
		b, _ := json.Marshal(other.Parameters[name])
		say(name, string(a), string(b))
	}
	for _, name := range union(o.Materials, other.Materials) {
		_, had := o.Materials[name]
		_, has := other.Materials[name]
		what := strings.TrimPrefix(name, "pkg:cargo/")
		switch {
		case had && !has:
			all = append(all, fmt.Sprintf("crate %s: stated, and not in what was rebuilt", what))
		case has && !had:
			all = append(all, fmt.Sprintf("crate %s: in what was rebuilt, and not stated", what))
		default:
			say(what, o.Materials[name], other.Materials[name])
		}
	}
	return all
}

func or(text string) string {
	if text == "" || text == "null" {
		return "none"
	}
	return text
}

func union[V any](a, b map[string]V) []string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]V{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}
