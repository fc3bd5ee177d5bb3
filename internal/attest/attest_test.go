package attest

import (
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	provenance "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/plan"
	"lpipe/internal/publish"
)

func TestSBOMHasNoPasswords(t *testing.T) {
	lock, err := cargo.ParseLock("Cargo.lock", []byte(`version = 4

[[package]]
name = "one"
version = "1.0.0"
source = "git+https://me:s3cret@git.example.com/org/one.git?rev=abc#0123456789012345678901234567890123456789"

[[package]]
name = "two"
version = "1.0.0"
source = "git+ssh://git:s3cret@git.example.com/org/two.git#0123456789012345678901234567890123456789"
`))
	if err != nil {
		t.Fatal(err)
	}
	statement, err := SBOM(lock, &plan.Lambda{Name: "echo", Package: &cargo.Package{Version: "1.0.0"}}, "00", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(statement.Predicate)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, want := range []string{
		`"git+https://***@git.example.com/org/one.git@0123456789012345678901234567890123456789"`,
		`"git+ssh://git:***@git.example.com/org/two.git@0123456789012345678901234567890123456789"`,
	} {
		if !strings.Contains(text, want) || strings.Contains(text, "s3cret") {
			t.Errorf("%s is not in %s", want, text)
		}
	}
}

// predicate returns a predicate as the library for it reads it, and refuses fields that the library does not know.
func predicate(t *testing.T, s publish.Statement, err error, into any) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	data, err := s.Predicate.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := into.(proto.Message); ok {
		err = protojson.Unmarshal(data, m)
	} else {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, data)
	}
}

func TestProvenanceIsValid(t *testing.T) {
	const digest = "4c1b6b5b2d2e3f7d8a6f5d4c3b2a190817263544f3e2d1c0b9a897867564534a"
	view, err := (disk.Disk{FS: fstest.MapFS{"p/Cargo.lock": {Data: []byte("version = 4\n")}}}).View("p")
	if err != nil {
		t.Fatal(err)
	}
	ws := &cargo.Workspace{FS: view, Base: "p", Lock: &cargo.Lock{Path: "Cargo.lock"}}
	l := &plan.Lambda{Name: "echo", Arch: "arm64", Build: config.Build{Features: []string{"a/b"}, Test: true}}
	for base, want := range map[string]*intoto.ResourceDescriptor{
		"docker.io/library/rust:1-bookworm@sha256:" + digest: {Uri: "pkg:docker/rust@1-bookworm", Digest: map[string]string{"sha256": digest}},
		"registry.example.com:5000/a/b@sha256:" + digest:     {Uri: "pkg:docker/registry.example.com%3A5000/a/b", Digest: map[string]string{"sha256": digest}},
		"oci-layout:///home/me/base:x@sha256:" + digest:      {Digest: map[string]string{"sha256": digest}},
		"rust:1": {Uri: "pkg:docker/rust@1"},
	} {
		statement, err := Provenance(ws, l, base, "0123456789012345678901234567890123456789", "GitHub Actions")
		var p provenance.Provenance
		predicate(t, statement, err, &p)
		if err := p.Validate(); err != nil || statement.PredicateType != "https://slsa.dev/provenance/v1" {
			t.Errorf("%s: %v", base, err)
		}
		from := p.BuildDefinition.ResolvedDependencies
		uris := []string{p.BuildDefinition.BuildType, p.RunDetails.Builder.Id}
		if len(from) != 3 || from[0].Uri != want.Uri || !maps.Equal(from[0].Digest, want.Digest) || from[1].Digest["sha256"] == "" || from[2].Digest["gitCommit"] == "" {
			t.Errorf("%s: built from %v", base, from)
		}
		for _, d := range from {
			if d.Uri != "" {
				uris = append(uris, d.Uri)
			}
		}
		for _, text := range uris {
			if u, err := url.Parse(text); err != nil || !u.IsAbs() || strings.Contains(text, " ") {
				t.Errorf("%q is no URI: %v", text, err)
			}
		}
		if p.RunDetails.Builder.Id != "pkg:generic/lpipe?ci=GitHub%20Actions" {
			t.Errorf("the builder is %s", p.RunDetails.Builder.Id)
		}
	}
}

// TestEachDocumentHasANamespace: the same build has the same one, and another zip, time or crate another.
func TestEachDocumentHasANamespace(t *testing.T) {
	lock := &cargo.Lock{Packages: []cargo.LockPackage{{Name: "echo"}, {Name: "itoa", Version: "1.0.0", Source: &cargo.Source{Kind: "registry"}}}}
	more := &cargo.Lock{Packages: append(slices.Clone(lock.Packages), cargo.LockPackage{Name: "ryu", Version: "1.0.0", Source: &cargo.Source{Kind: "registry"}})}
	l := &plan.Lambda{Name: "echo", Package: &cargo.Package{Version: "1.0.0"}}
	document := func(lock *cargo.Lock, zip string, at time.Time) v2_3.Document {
		statement, err := SBOM(lock, l, zip, at)
		var doc v2_3.Document
		predicate(t, statement, err, &doc)
		return doc
	}
	first := document(lock, "00", time.Time{})
	if !regexp.MustCompile(`^https://spdx\.org/spdxdocs/lpipe-echo-[0-9a-f-]{36}$`).MatchString(first.DocumentNamespace) {
		t.Errorf("%q", first.DocumentNamespace)
	}
	if len(first.Packages) != 2 || len(first.Relationships) != 2 || first.Packages[1].PackageExternalReferences[0].Locator != "pkg:cargo/itoa@1.0.0" || first.Packages[0].FilesAnalyzed {
		t.Errorf("%+v", first)
	}
	if again := document(lock, "00", time.Time{}); again.DocumentNamespace != first.DocumentNamespace {
		t.Error("two documents of one build differ")
	}
	for what, other := range map[string]v2_3.Document{
		"zip": document(lock, "01", time.Time{}), "time": document(lock, "00", time.Unix(1, 0)), "crates": document(more, "00", time.Time{}),
	} {
		if other.DocumentNamespace == first.DocumentNamespace {
			t.Errorf("another %s has the same namespace", what)
		}
	}
}
