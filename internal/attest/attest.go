// Package attest states what a lambda was built from, and what is in it. docs/statements.md describes the statements.
//
// What it states is decided by what was built: the same build gives the same bytes, whenever and wherever it runs.
package attest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"lpipe/internal/artifact"
	"lpipe/internal/cargo"
	"lpipe/internal/plan"
	"lpipe/internal/publish"
)

// Build is what is stated of the build of a lambda. Fields are empty where they are not known.
type Build struct {
	Workspace *cargo.Workspace
	Lambda    *plan.Lambda
	Base      string    // the base image, with the digest that was used
	CI        string    // the CI system
	Version   string    // of lpipe
	Epoch     time.Time // SOURCE_DATE_EPOCH
	Sources   string    // the digest of what was compiled and is not in Cargo.lock, in hex
	Git       Git
	Crates    []Crate
	Rustc     Rustc
	// FeaturesPerLambda is set where the lambda's package was compiled with the features that it alone asks for.
	FeaturesPerLambda bool
}

// Git is the commit that was built.
type Git struct {
	Commit, Tree string // in hex
	Dir          string // the workspace in it, slash separated; "." for the root
	// Modified says that what was built differs from the commit.
	Modified bool
}

// Kinds are the statements on a zip.
const (
	KindProvenance = "provenance"
	KindSPDX       = "spdx"
	KindCycloneDX  = "cyclonedx"
)

// Kinds are all of them.
var Kinds = []string{KindProvenance, KindSPDX, KindCycloneDX}

// Names of the files beside a zip: https://github.com/in-toto/attestation/blob/main/spec/v1/bundle.md,
// https://spdx.dev/resources/use/#documents, https://cyclonedx.org/specification/overview/#recognized-file-patterns
const (
	BundleName    = artifact.ZipName + ".intoto.jsonl"
	SPDXName      = artifact.ZipName + ".spdx.json"
	CycloneDXName = artifact.ZipName + ".cdx.json"
)

// SigstoreName is the name of the bundle of Sigstore with the statement of a kind.
func SigstoreName(kind string) string { return artifact.ZipName + "." + kind + ".sigstore.json" }

// Beside are the names of all files about a zip that [Build.Files] returns.
func Beside() []string {
	names := []string{BundleName, SPDXName, CycloneDXName}
	for _, kind := range Kinds {
		names = append(names, SigstoreName(kind))
	}
	return names
}

// Signing is how statements are signed; the zero value signs none.
type Signing struct {
	Key *Signer // signs the lines of the bundle
	// Sigstore returns a bundle of Sigstore with a statement, which is a file of its own.
	Sigstore func(statement []byte) ([]byte, error)
}

// Files returns the files beside a zip with that SHA-256: a bundle of statements, one a line and signed where there is a
// key, the lists of crates as documents of their own, with the bytes of which the bundle has a statement, and the bundles of
// Sigstore.
func (b Build) Files(kinds []string, zip string, signing Signing) ([]artifact.File, error) {
	var bundle bytes.Buffer
	var files []artifact.File
	for _, kind := range []struct {
		name, file string
		make       func(zip string) (publish.Statement, error)
	}{
		{KindProvenance, "", func(string) (publish.Statement, error) { return b.Provenance() }},
		{KindSPDX, SPDXName, b.SPDX},
		{KindCycloneDX, CycloneDXName, b.CycloneDX},
	} {
		if !slices.Contains(kinds, kind.name) {
			continue
		}
		s, err := kind.make(zip)
		if err != nil {
			return nil, err
		}
		about, err := s.About(artifact.ZipName, zip)
		if err != nil {
			return nil, fmt.Errorf("stating the %s of %s: %w", kind.name, b.Lambda.Name, err)
		}
		if kind.file != "" {
			document, err := predicate(about)
			if err != nil {
				return nil, err
			}
			files = append(files, artifact.File{Name: kind.file, Data: document, Mode: 0o644})
		}
		if signing.Sigstore != nil {
			signed, err := signing.Sigstore(about)
			if err != nil {
				return nil, err
			}
			files = append(files, artifact.File{Name: SigstoreName(kind.name), Data: append(signed, '\n'), Mode: 0o644})
		}
		if signing.Key != nil {
			if about, err = signing.Key.Envelope(about); err != nil {
				return nil, err
			}
		}
		bundle.Write(append(about, '\n'))
	}
	return append(files, artifact.File{Name: BundleName, Data: bundle.Bytes(), Mode: 0o644}), nil
}

// predicate is that of a statement, on lines of its own.
func predicate(statement []byte) ([]byte, error) {
	var s struct {
		Predicate json.RawMessage `json:"predicate"`
	}
	if err := json.Unmarshal(statement, &s); err != nil {
		return nil, err
	}
	var lines bytes.Buffer
	err := json.Indent(&lines, s.Predicate, "", "  ")
	lines.WriteByte('\n')
	return lines.Bytes(), err
}

// statement is one with that predicate, as JSON.
func statement(predicateType string, predicate []byte) (publish.Statement, error) {
	s := publish.Statement{PredicateType: predicateType, Predicate: &structpb.Struct{}}
	if err := s.Predicate.UnmarshalJSON(predicate); err != nil {
		return publish.Statement{}, fmt.Errorf("writing a statement of type %s: %w", predicateType, err)
	}
	return s, nil
}

// created is the time that documents say: the same for the same build.
func (b Build) created() time.Time {
	if b.Epoch.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return b.Epoch.UTC()
}
