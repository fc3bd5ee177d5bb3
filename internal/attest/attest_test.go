package attest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	provenance "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"lpipe/internal/artifact"
	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/plan"
	"lpipe/internal/publish"
)

const lockText = `version = 4

[[package]]
name = "echo"
version = "0.1.0"

[[package]]
name = "itoa"
version = "1.0.11"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "49f1f14873335454500d59611f1cf4a4b0f786f9ac11f4312a78e4cf2566695b"

[[package]]
name = "one"
version = "1.0.0"
source = "git+https://me:s3cret@git.example.com/org/one.git?rev=abc#0123456789012345678901234567890123456789"

[[package]]
name = "two"
version = "1.0.0"
source = "registry+https://crates.example.com/index"
checksum = "59f1f14873335454500d59611f1cf4a4b0f786f9ac11f4312a78e4cf2566695b"
`

const (
	idEcho = "path+file:///src/echo#0.1.0"
	idItoa = "registry+https://github.com/rust-lang/crates.io-index#itoa@1.0.11"
	idOne  = "git+https://me:s3cret@git.example.com/org/one.git?rev=abc#one@1.0.0"
	idTwo  = "registry+https://crates.example.com/index#two@1.0.0"
)

// lock is the lock file of the lambda of the tests.
func lock(t *testing.T) *cargo.Lock {
	t.Helper()
	k, err := cargo.ParseLock("Cargo.lock", []byte(lockText))
	if err != nil {
		t.Fatal(err)
	}
	k.Path = "Cargo.lock"
	return k
}

// crates are those of the lambda, by what cargo says of them.
func crates(t *testing.T) []Crate {
	t.Helper()
	units := []artifact.Unit{
		{ID: idOne, Name: "one", Version: "1.0.0"},
		{ID: idEcho, Name: "echo", Version: "0.1.0"},
		{ID: idItoa, Name: "itoa", Version: "1.0.11", Features: []string{"default"}},
		{ID: idTwo, Name: "two", Version: "1.0.0"},
	}
	said := `{"packages":[{"id":"` + idItoa + `","license":"MIT/Apache-2.0"},{"id":"` + idOne + `","license":null,"license_file":"LICENSE"},
		{"id":"` + idTwo + `","license":"Ours"},{"id":"registry+x#windows@1.0.0","license":"MIT"}],
		"resolve":{"nodes":[{"id":"path+file:///src/echo#0.0.0-skel","deps":[{"pkg":"` + idItoa + `","dep_kinds":[{"kind":null,"target":null}]},
		{"pkg":"` + idOne + `","dep_kinds":[{"kind":"build","target":null}]},{"pkg":"registry+x#cc@1.0.0","dep_kinds":[{"kind":null}]}]}]}}`
	all, err := Crates(units, []byte(said), lock(t))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// build is that of the lambda.
func build(t *testing.T) Build {
	t.Helper()
	view, err := (disk.Disk{FS: fstest.MapFS{"p/Cargo.lock": {Data: []byte(lockText)}}}).View("p")
	if err != nil {
		t.Fatal(err)
	}
	return Build{
		Workspace: &cargo.Workspace{FS: view, Base: "p", Lock: lock(t)},
		Lambda: &plan.Lambda{
			Name: "echo", Arch: "arm64", Kind: "bin", Bin: "echo", Package: &cargo.Package{Name: "echo", Version: "0.1.0"},
			Build: config.Build{Features: []string{"a/b"}, Test: true, Env: map[string]string{"TOKEN": "s3cret"}},
		},
		Base: "rust:1", Version: "v1.2.3", CI: "GitHub Actions", Crates: crates(t), Rustc: ReadRustc([]byte("rustc 1.90.0\ncommit-hash: abc\nrelease: 1.90.0\n")),
		Git: Git{Commit: strings.Repeat("01", 20), Tree: strings.Repeat("23", 20), Dir: ".", Modified: true}, Sources: strings.Repeat("45", 32),
	}
}

func TestCrates(t *testing.T) {
	all := crates(t)
	one, echo, itoa, two := all[0], all[1], all[2], all[3]
	if itoa.License != "MIT OR Apache-2.0" || itoa.PURL() != "pkg:cargo/itoa@1.0.11" || itoa.Checksum == "" || !slices.Equal(itoa.Features, []string{"default"}) {
		t.Errorf("%+v", itoa)
	}
	if one.License != "" || one.LicenseText != "the file LICENSE" || one.Commit == "" || !strings.Contains(one.PURL(), "vcs_url=git+https:%2F%2Fgit.example.com") || strings.Contains(one.Source, "me") {
		t.Errorf("%+v: %s", one, one.PURL())
	}
	if two.LicenseText != "Ours" || !strings.Contains(two.PURL(), "repository_url=https") {
		t.Errorf("%+v: %s", two, two.PURL())
	}
	if !echo.Local || echo.PURL() != "" || !slices.Equal(echo.Uses, []int{2}) {
		t.Errorf("%+v: it uses itoa, and one in its build script alone", echo)
	}
}

// decode returns a predicate as the library for it reads it, and refuses fields that the library does not know.
func decode(t *testing.T, s publish.Statement, err error, into any) string {
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
	if strings.Contains(string(data), "s3cret") {
		t.Errorf("a secret is in %s", data)
	}
	return string(data)
}

// TestEverySettingIsStated: a key of [build] that another lambda could have otherwise is a parameter, unless it decides about no byte of
// the zip's program. What is stated has to be set again by [verify.Settings].
func TestEverySettingIsStated(t *testing.T) {
	decideNothing := []string{
		"CPUAllow", "TestEnv", "TestTool", "TestRunner", "TestUser", "TestSetup", "Smoke", "SmokeExpect", "SmokeEnv", "SmokeTimeout", // checks
		"Budget", "Layers", // beside the zip
		"Base", // a material
	}
	plain := Build{Lambda: &plan.Lambda{Arch: "x86_64", Package: &cargo.Package{}}}
	before, err := json.Marshal(plain.parameters())
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[config.Build]()) {
		l := *plain.Lambda
		switch v := reflect.ValueOf(&l.Build).Elem().FieldByIndex(field.Index); v.Interface().(type) {
		case string:
			v.SetString("x")
		case bool:
			v.SetBool(true)
		case []string:
			v.Set(reflect.ValueOf([]string{"v3"}))
		case map[string]string:
			v.Set(reflect.ValueOf(map[string]string{"A": "b"}))
		case config.Budget:
		default:
			t.Fatalf("what is a %s of another kind?", field.Name)
		}
		if field.Name == "Arch" { // of which one is the lambda's
			l.Arch = "arm64"
		}
		after, err := json.Marshal(Build{Lambda: &l}.parameters())
		if err != nil {
			t.Fatal(err)
		}
		if stated := !bytes.Equal(before, after); stated == slices.Contains(decideNothing, field.Name) {
			t.Errorf("%s is stated: %t", field.Name, stated)
		}
	}
}

func TestProvenanceIsValid(t *testing.T) {
	const digest = "4c1b6b5b2d2e3f7d8a6f5d4c3b2a190817263544f3e2d1c0b9a897867564534a"
	for base, want := range map[string]*intoto.ResourceDescriptor{
		"docker.io/library/rust:1-bookworm@sha256:" + digest: {Uri: "pkg:docker/rust@1-bookworm", Digest: map[string]string{"sha256": digest}},
		"registry.example.com:5000/a/b@sha256:" + digest:     {Uri: "pkg:docker/registry.example.com%3A5000/a/b", Digest: map[string]string{"sha256": digest}},
		"oci-layout:///home/me/base:x@sha256:" + digest:      {Digest: map[string]string{"sha256": digest}},
		"rust:1": {Uri: "pkg:docker/rust@1"},
	} {
		b := build(t)
		b.Base = base
		statement, err := b.Provenance()
		var p provenance.Provenance
		text := decode(t, statement, err, &p)
		if err := p.Validate(); err != nil || statement.PredicateType != TypeProvenance {
			t.Errorf("%s: %v", base, err)
		}
		if strings.Contains(text, "/home/me") {
			t.Errorf("a path of this machine is in %s", text)
		}
		from := p.BuildDefinition.ResolvedDependencies
		uris := []string{p.BuildDefinition.BuildType, p.RunDetails.Builder.Id}
		var names []string
		for _, d := range from {
			names = append(names, d.Name)
			if d.Uri != "" {
				uris = append(uris, d.Uri)
			}
		}
		if want := []string{"base image", "Cargo.lock", "git", "sources", "one", "itoa", "two"}; !slices.Equal(names, want) {
			t.Fatalf("%s: built from %q, want %q", base, names, want)
		}
		git := from[2]
		if from[0].Uri != want.Uri || !maps.Equal(from[0].Digest, want.Digest) || from[1].Digest["sha256"] == "" || git.Digest["gitCommit"] == "" ||
			git.Digest["gitTree"] == "" || !git.Annotations.AsMap()["modified"].(bool) || from[4].Digest["gitCommit"] == "" || from[5].Digest["sha256"] == "" {
			t.Errorf("%s: built from %v", base, from)
		}
		for _, text := range uris {
			if u, err := url.Parse(text); err != nil || !u.IsAbs() || strings.Contains(text, " ") {
				t.Errorf("%q is no URI: %v", text, err)
			}
		}
		if p.RunDetails.Builder.Id != "pkg:generic/lpipe?ci=GitHub%20Actions" || p.RunDetails.Builder.Version["lpipe"] != "v1.2.3" {
			t.Errorf("the builder is %s", p.RunDetails.Builder)
		}
	}
}

func TestCycloneDX(t *testing.T) {
	statement, err := build(t).CycloneDX("00")
	var bom cdx.BOM
	decode(t, statement, err, &bom)
	if len(*bom.Components) != 5 || bom.Metadata.Component.Name != "echo" || !strings.HasPrefix(bom.SerialNumber, "urn:uuid:") {
		t.Errorf("%+v", bom)
	}
	if licenses := *(*bom.Components)[2].Licenses; licenses[0].Expression != "MIT OR Apache-2.0" {
		t.Errorf("%+v", licenses)
	}
}

// TestEachDocumentHasANamespace: the same build has the same one, and another zip, time or crate another.
func TestEachDocumentHasANamespace(t *testing.T) {
	document := func(zip string, change func(*Build)) v2_3.Document {
		b := build(t)
		change(&b)
		statement, err := b.SPDX(zip)
		var doc v2_3.Document
		decode(t, statement, err, &doc)
		return doc
	}
	same := func(*Build) {}
	first := document("00", same)
	if !regexp.MustCompile(`^https://spdx\.org/spdxdocs/lpipe-echo-[0-9a-f-]{36}$`).MatchString(first.DocumentNamespace) {
		t.Errorf("%q", first.DocumentNamespace)
	}
	if len(first.Packages) != 6 || first.Packages[3].PackageExternalReferences[0].Locator != "pkg:cargo/itoa@1.0.11" || first.Packages[1].FilesAnalyzed {
		t.Errorf("%+v", first)
	}
	if again := document("00", same); again.DocumentNamespace != first.DocumentNamespace {
		t.Error("two documents of one build differ")
	}
	for what, other := range map[string]v2_3.Document{
		"zip":    document("01", same),
		"time":   document("00", func(b *Build) { b.Epoch = time.Unix(1, 0) }),
		"crates": document("00", func(b *Build) { b.Crates = b.Crates[1:2]; b.Crates[0].Uses = nil }),
	} {
		if other.DocumentNamespace == first.DocumentNamespace {
			t.Errorf("another %s has the same namespace", what)
		}
	}
}

func pemOf(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// TestSigned: an envelope is accepted by the library that others verify with, and is the same each time.
func TestSigned(t *testing.T) {
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	for _, key := range []crypto.Signer{ed, p256, p384} {
		signer, err := NewSigner(pemOf(t, key))
		if err != nil {
			t.Fatal(err)
		}
		files, err := build(t).Files(Kinds, strings.Repeat("ab", 32), Signing{Key: signer})
		if err != nil {
			t.Fatal(err)
		}
		again, _ := build(t).Files(Kinds, strings.Repeat("ab", 32), Signing{Key: signer})
		bundle := files[len(files)-1]
		if bundle.Name != BundleName || string(bundle.Data) != string(again[len(again)-1].Data) || len(files) != 3 {
			t.Fatalf("%s of %d files", bundle.Name, len(files))
		}
		lines := strings.Split(strings.TrimSpace(string(bundle.Data)), "\n")
		if len(lines) != 3 {
			t.Fatalf("%d lines", len(lines))
		}
		for _, line := range lines {
			var e dsse.Envelope
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			id, _ := signer.KeyID()
			if e.PayloadType != payloadType || len(e.Signatures) != 1 || e.Signatures[0].KeyID != id {
				t.Errorf("%+v", e)
			}
		}
	}
}

func TestKeysThatCannotSign(t *testing.T) {
	weak, _ := rsa.GenerateKey(rand.Reader, 2048)
	for want, text := range map[string]string{
		"PEM": "s3cret", "encrypted": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nczNjcmV0\n-----END ENCRYPTED PRIVATE KEY-----\n",
		"PKCS #8": "-----BEGIN PRIVATE KEY-----\nczNjcmV0\n-----END PRIVATE KEY-----\n", "neither": string(pemOf(t, weak)),
	} {
		if _, err := NewSigner([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// FuzzCrates: whatever cargo and a manifest say, the documents can be written, and the crates that one uses are there.
func FuzzCrates(f *testing.F) {
	f.Add("itoa", "1.0.11", idItoa, "MIT/Apache-2.0")
	f.Add("\xff", "\xff", "\xff#\xff", "\xff")
	f.Add("a\x00", "", "path+file:///x#", "((MIT")
	f.Fuzz(func(t *testing.T, name, version, id, licence string) {
		said, err := json.Marshal(map[string]any{
			"packages": []any{map[string]any{"id": id, "license": licence}},
			"resolve":  map[string]any{"nodes": []any{map[string]any{"id": id, "deps": []any{map[string]any{"pkg": id, "dep_kinds": []any{map[string]any{}}}}}}},
		})
		if err != nil {
			return
		}
		all, err := Crates([]artifact.Unit{{ID: id, Name: name, Version: version}}, said, lock(t))
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		b := build(t)
		b.Crates = all
		if _, err := b.Files(Kinds, strings.Repeat("ab", 32), Signing{}); err != nil {
			t.Fatal(err)
		}
	})
}
