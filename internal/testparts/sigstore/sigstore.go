// Package sigstore is an instance of Sigstore for tests: one HTTP server that answers as Fulcio, Rekor in both versions, a
// timestamp authority, and the service that gives GitHub's jobs their tokens. What it signs is made with the library that
// verifies it elsewhere.
package sigstore

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
	"github.com/digitorus/timestamp"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	entries "github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/sigstore/sigstore/pkg/signature"
	tlog "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/rfc6962"
	sumnote "golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/encoding/protojson"
)

// Who signs, as tokens and certificates say.
const (
	Identity = "repo:org/shop:ref:refs/heads/main"
	Issuer   = "https://token.actions.example.com"
)

// Instance is one of Sigstore.
type Instance struct {
	URL    string
	Root   []byte // its trusted root
	Strict []byte // the same, with a log of certificates, of which no certificate says anything
	// Certificates counts those that were asked for, Refuse how many requests are still answered with 503.
	Certificates, Refuse atomic.Int32
	Bearer               string // what GitHub's service wants to see

	t             testing.TB
	virtual       *ca.VirtualSigstore // has the first log
	fulcio, stamp *x509.Certificate
	key, stampKey *ecdsa.PrivateKey
	log2          *ecdsa.PrivateKey
}

// New starts one.
func New(t testing.TB) *Instance {
	t.Helper()
	i := &Instance{t: t, Bearer: "bearer-of-a-job"}
	var err error
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	i.virtual, err = ca.NewVirtualSigstore()
	check(err)
	top, topKey, err := ca.GenerateRootCa()
	check(err)
	i.fulcio, i.key, err = ca.GenerateFulcioIntermediate(top, topKey)
	check(err)
	stamps, stampsKey, err := ca.GenerateTSAIntermediate(top, topKey)
	check(err)
	i.stampKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	i.stamp, err = ca.GenerateTSALeafCert(time.Now().Add(-time.Minute), i.stampKey, stamps, stampsKey)
	check(err)
	i.log2, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)

	mux := http.NewServeMux()
	mux.HandleFunc("GET /token", i.token)
	mux.HandleFunc("POST /api/v2/signingCert", i.certify)
	mux.HandleFunc("POST /api/v1/log/entries", i.enter1)
	mux.HandleFunc("POST /api/v2/log/entries", i.enter2)
	mux.HandleFunc("POST /stamp", i.stamped)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.Refuse.Add(-1) >= 0 {
			http.Error(w, "no time", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	i.URL = server.URL

	from, to := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	log := func(address string, key crypto.PublicKey) *root.TransparencyLog {
		sum := logID(key)
		return &root.TransparencyLog{
			BaseURL: address, ID: sum, ValidityPeriodStart: from, ValidityPeriodEnd: to, HashFunc: crypto.SHA256, PublicKey: key, SignatureHashFunc: crypto.SHA256,
		}
	}
	logs := map[string]*root.TransparencyLog{}
	for _, l := range i.virtual.RekorLogs() {
		l = log("https://rekor.localhost", l.PublicKey)
		logs[hex.EncodeToString(l.ID)] = l
	}
	second := log(i.URL, i.log2.Public())
	logs[hex.EncodeToString(second.ID)] = second
	authorities := []root.CertificateAuthority{&root.FulcioCertificateAuthority{Root: top, Intermediates: []*x509.Certificate{i.fulcio}, ValidityPeriodStart: from, ValidityPeriodEnd: to, URI: i.URL}}
	clocks := []root.TimestampingAuthority{&root.SigstoreTimestampingAuthority{Root: top, Intermediates: []*x509.Certificate{stamps}, Leaf: i.stamp, ValidityPeriodStart: from, ValidityPeriodEnd: to, URI: i.URL}}
	trusted := func(certificates map[string]*root.TransparencyLog) []byte {
		r, err := root.NewTrustedRoot(root.TrustedRootMediaType01, authorities, certificates, clocks, logs)
		check(err)
		data, err := r.MarshalJSON()
		check(err)
		return data
	}
	i.Root, i.Strict = trusted(nil), trusted(map[string]*root.TransparencyLog{hex.EncodeToString(second.ID): second})
	return i
}

func logID(key crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(der)
	return sum[:]
}

// Config is a signing config with the log of that version. The second says no time, so it goes with the timestamp authority.
func (i *Instance) Config(version uint32) []byte {
	service := func(path string, version uint32) []root.Service {
		return []root.Service{{URL: i.URL + path, MajorAPIVersion: version, ValidityPeriodStart: time.Now().Add(-time.Hour), Operator: "tests"}}
	}
	any1 := root.ServiceConfiguration{Selector: 1 + 1} // ANY
	var stamps []root.Service
	if version == 2 {
		stamps = service("/stamp", 1)
	}
	c, err := root.NewSigningConfig(root.SigningConfigMediaType02, service("", 1), nil, service("", version), any1, stamps, any1)
	if err != nil {
		i.t.Fatal(err)
	}
	data, err := c.MarshalJSON()
	if err != nil {
		i.t.Fatal(err)
	}
	return data
}

// Token is what says who signs.
func (i *Instance) Token() string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(`{"iss":%q,"sub":%q,"aud":"sigstore"}`, Issuer, Identity)) + "." + part("signature")
}

// Job is the environment of a job of GitHub that may ask for tokens.
func (i *Instance) Job() map[string]string {
	return map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": i.URL + "/token?api-version=2", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": i.Bearer}
}

func (i *Instance) token(w http.ResponseWriter, r *http.Request) {
	if q := r.URL.Query(); r.Header.Get("Authorization") != "bearer "+i.Bearer || q.Get("audience") != "sigstore" || q.Get("api-version") != "2" {
		http.Error(w, "no token for this job", http.StatusUnauthorized)
		return
	}
	fmt.Fprintf(w, `{"value":%q}`, i.Token())
}

// public is a key of which only the public half is known.
type public struct{ key crypto.PublicKey }

func (p public) Public() crypto.PublicKey { return p.key }
func (public) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, x509.ErrUnsupportedAlgorithm
}

func (i *Instance) certify(w http.ResponseWriter, r *http.Request) {
	i.Certificates.Add(1)
	var request struct {
		Key struct {
			PublicKey struct{ Algorithm, Content string }
			Proof     []byte `json:"proofOfPossession"`
		} `json:"publicKeyRequest"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil || r.Header.Get("Authorization") != "Bearer "+i.Token() {
		// Fulcio says what is wrong with a token, and a proxy on the way may say the token.
		http.Error(w, "There was an error processing the identity token "+r.Header.Get("Authorization"), http.StatusBadRequest)
		return
	}
	block, _ := pem.Decode([]byte(request.Key.PublicKey.Content))
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	sum := sha256.Sum256([]byte(Identity))
	if err != nil || !ecdsa.VerifyASN1(key.(*ecdsa.PublicKey), sum[:], request.Key.Proof) {
		http.Error(w, "the key is not there", http.StatusBadRequest)
		return
	}
	certificate, err := ca.GenerateLeafCert(Identity, Issuer, time.Now().Add(-time.Second), public{key}, i.fulcio, i.key)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	text := func(c *x509.Certificate) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	answer := map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": []string{text(certificate), text(i.fulcio)}}}}
	_ = json.NewEncoder(w).Encode(answer)
}

func (i *Instance) enter1(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Kind string
		Spec struct {
			ProposedContent struct {
				Envelope  string
				Verifiers [][]byte
			}
		}
	}
	fail := failing(w)
	if fail(json.NewDecoder(r.Body).Decode(&request)) {
		return
	}
	var envelope dsse.Envelope
	if fail(json.Unmarshal([]byte(request.Spec.ProposedContent.Envelope), &envelope)) {
		return
	}
	block, _ := pem.Decode(request.Spec.ProposedContent.Verifiers[0])
	certificate, err := x509.ParseCertificate(block.Bytes)
	if fail(err) {
		return
	}
	sig, err := base64.StdEncoding.DecodeString(envelope.Signatures[0].Sig)
	if fail(err) {
		return
	}
	entry, err := i.virtual.GenerateTlogEntry(certificate, &envelope, sig, time.Now().Unix(), true)
	if fail(err) {
		return
	}
	e := entry.TransparencyLogEntry()
	promise, err := i.virtual.RekorSignPayload(entries.RekorPayload{
		Body: base64.StdEncoding.EncodeToString(e.GetCanonicalizedBody()), IntegratedTime: e.GetIntegratedTime(), LogIndex: e.GetLogIndex(), LogID: hex.EncodeToString(e.GetLogId().GetKeyId()),
	})
	if fail(err) {
		return
	}
	var hashes []string
	for _, hash := range e.GetInclusionProof().GetHashes() {
		hashes = append(hashes, hex.EncodeToString(hash))
	}
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{"24296fb24b8ad77a": map[string]any{
		"body": e.GetCanonicalizedBody(), "integratedTime": e.GetIntegratedTime(), "logIndex": e.GetLogIndex(), "logID": hex.EncodeToString(e.GetLogId().GetKeyId()),
		"verification": map[string]any{
			"signedEntryTimestamp": promise,
			"inclusionProof": map[string]any{
				"logIndex": e.GetInclusionProof().GetLogIndex(), "rootHash": hex.EncodeToString(e.GetInclusionProof().GetRootHash()), "treeSize": e.GetInclusionProof().GetTreeSize(),
				"hashes": hashes, "checkpoint": e.GetInclusionProof().GetCheckpoint().GetEnvelope(),
			},
		},
	}})
}

func (i *Instance) enter2(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Entry struct {
			Digest    []byte          `json:"digest"`
			Signature json.RawMessage `json:"signature"`
		} `json:"hashedRekordRequestV002"`
	}
	fail := failing(w)
	if fail(json.NewDecoder(r.Body).Decode(&request)) {
		return
	}
	made, err := json.Marshal(map[string]any{
		"apiVersion": "0.0.2", "kind": "hashedrekord",
		"spec": map[string]any{"hashedRekordV002": map[string]any{"data": map[string]any{"algorithm": "SHA2_256", "digest": request.Entry.Digest}, "signature": request.Entry.Signature}},
	})
	if fail(err) {
		return
	}
	body, err := jsoncanonicalizer.Transform(made)
	if fail(err) {
		return
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(body)
	signer, err := signature.LoadECDSASignerVerifier(i.log2, crypto.SHA256)
	if fail(err) {
		return
	}
	const origin = "127.0.0.1" // the host's name, as of the address in the trusted root
	noteSigner, err := note.NewNoteSigner(context.Background(), origin, signer)
	if fail(err) {
		return
	}
	signed, err := sumnote.Sign(&sumnote.Note{Text: string(tlog.Checkpoint{Origin: origin, Size: 1, Hash: leaf}.Marshal())}, noteSigner)
	if fail(err) {
		return
	}
	data, err := protojson.Marshal(&protorekor.TransparencyLogEntry{
		LogId: &protocommon.LogId{KeyId: logID(i.log2.Public())}, KindVersion: &protorekor.KindVersion{Kind: "hashedrekord", Version: "0.0.2"},
		InclusionProof:    &protorekor.InclusionProof{TreeSize: 1, RootHash: leaf, Checkpoint: &protorekor.Checkpoint{Envelope: string(signed)}},
		CanonicalizedBody: body,
	})
	if fail(err) {
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(data)
}

func (i *Instance) stamped(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		var request *timestamp.Request
		if request, err = timestamp.ParseRequest(body); err == nil {
			stamp := timestamp.Timestamp{
				HashAlgorithm: request.HashAlgorithm, HashedMessage: request.HashedMessage, Time: time.Now(), Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2},
			}
			if body, err = stamp.CreateResponseWithOpts(i.stamp, i.stampKey, crypto.SHA256); err == nil {
				w.WriteHeader(http.StatusCreated)
				_, _ = w.Write(body)
				return
			}
		}
	}
	http.Error(w, err.Error(), http.StatusBadRequest)
}

// failing returns what answers that a request is not right, where there is an error.
func failing(w http.ResponseWriter) func(error) bool {
	return func(err error) bool {
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
		return err != nil
	}
}
