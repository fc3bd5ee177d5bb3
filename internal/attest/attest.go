// Package attest states what a lambda was built from, and what is in it. docs/statements.md describes the statements.
//
// What it states is decided by what was built: the same build gives the same bytes, whenever and wherever it runs.
package attest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/google/uuid"
	provenance "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/package-url/packageurl-go"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"lpipe/internal/artifact"
	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/plan"
	"lpipe/internal/publish"
	"lpipe/internal/redact"
)

// buildType names the document that says what the parameters mean: a URI, which lpipe has as a package alone.
var buildType = packageurl.NewPackageURL("generic", "", "lpipe", "", nil, "docs/statements.md").ToString()

// builder is who ran the build. A CI system is a part of it, since whoever trusts lpipe there trusts that system.
func builder(ci string) string {
	var where packageurl.Qualifiers
	if ci != "" {
		where = packageurl.Qualifiers{{Key: "ci", Value: ci}}
	}
	return packageurl.NewPackageURL("generic", "", "lpipe", "", where, "").ToString()
}

// Provenance says what the lambda of a workspace was built from, as SLSA has it: https://slsa.dev/spec/v1.0/provenance.
// base is the base image with the digest that was used, commit what was checked out and ci the CI system that built it;
// "" where they are not known.
func Provenance(ws *cargo.Workspace, l *plan.Lambda, base, commit, ci string) (publish.Statement, error) {
	from := []*intoto.ResourceDescriptor{baseImage(base)}
	if lock, err := fs.ReadFile(ws.FS, path.Join(ws.Base, ws.Lock.Path)); err == nil {
		sum := sha256.Sum256(lock)
		from = append(from, &intoto.ResourceDescriptor{Name: "Cargo.lock", Digest: map[string]string{"sha256": hex.EncodeToString(sum[:])}})
	}
	if commit != "" {
		from = append(from, &intoto.ResourceDescriptor{Name: "git", Digest: map[string]string{"gitCommit": commit}})
	}
	features := []any{}
	for _, name := range l.Build.Features {
		features = append(features, name)
	}
	parameters, err := structpb.NewStruct(map[string]any{
		"lambda": l.Name, "arch": l.Arch, "target": l.Build.TargetFor(l.Arch), "profile": l.Build.Profile, "features": features,
		"defaultFeatures": l.Build.DefaultFeatures, "network": l.Build.Network, "tests": l.Build.Test,
	})
	if err != nil {
		return publish.Statement{}, fmt.Errorf("stating how %s was built: %w", l.Name, err)
	}
	predicate := &provenance.Provenance{
		BuildDefinition: &provenance.BuildDefinition{BuildType: buildType, ExternalParameters: parameters, ResolvedDependencies: from},
		RunDetails:      &provenance.RunDetails{Builder: &provenance.Builder{Id: builder(ci)}},
	}
	if err := predicate.Validate(); err != nil {
		return publish.Statement{}, fmt.Errorf("stating how %s was built: %w", l.Name, err)
	}
	data, err := protojson.Marshal(predicate)
	if err != nil {
		return publish.Statement{}, fmt.Errorf("stating how %s was built: %w", l.Name, err)
	}
	return statement("https://slsa.dev/provenance/v1", data)
}

// baseImage describes the base image as BuildKit does: https://github.com/package-url/purl-spec. Of one in a folder it
// does not say where on this machine that is.
func baseImage(base string) *intoto.ResourceDescriptor {
	d := &intoto.ResourceDescriptor{Name: "base image"}
	name, sum, ok := strings.Cut(base, "@sha256:")
	if ok {
		d.Digest = map[string]string{"sha256": sum}
	}
	if _, ok := config.ParseLayout(base); ok {
		return d
	}
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return d
	}
	tag := ""
	if tagged, ok := ref.(reference.Tagged); ok {
		tag = tagged.Tag()
	}
	namespace, last := path.Split(reference.FamiliarName(ref))
	d.Uri = packageurl.NewPackageURL("docker", strings.TrimSuffix(namespace, "/"), last, tag, nil, "").ToString()
	return d
}

// SBOM lists the crates that Cargo.lock names for the workspace: what of them is in the program only cargo knows, so
// there may be more than needed and never less. zip is the sha256 of the lambda's zip.
func SBOM(lock *cargo.Lock, l *plan.Lambda, zip string, created time.Time) (publish.Statement, error) {
	if created.IsZero() {
		created = time.Unix(0, 0)
	}
	element := func(id string) common.DocElementID { return common.MakeDocElementID("", id) }
	doc := v2_3.Document{
		SPDXVersion: v2_3.Version, DataLicense: v2_3.DataLicense, SPDXIdentifier: "DOCUMENT", DocumentName: l.Name,
		CreationInfo: &v2_3.CreationInfo{
			Created:  created.UTC().Format(time.RFC3339),
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "lpipe"}},
		},
		Packages: []*v2_3.Package{{
			PackageName: l.Name, PackageSPDXIdentifier: "lambda", PackageVersion: l.Package.Version, PackageDownloadLocation: "NOASSERTION",
			PackageFileName: artifact.ZipName, PackageChecksums: []common.Checksum{{Algorithm: common.SHA256, Value: zip}},
		}},
		Relationships: []*v2_3.Relationship{{RefA: element("DOCUMENT"), RefB: element("lambda"), Relationship: common.TypeRelationshipDescribe}},
	}
	for i, c := range lock.Packages {
		if c.Source == nil {
			continue
		}
		id := fmt.Sprintf("crate-%d", i)
		download := "NOASSERTION"
		if c.Source.Kind == "git" {
			download = redact.Text("git+" + c.Source.URL + "@" + c.Source.Commit)
		}
		doc.Packages = append(doc.Packages, &v2_3.Package{
			PackageName: c.Name, PackageSPDXIdentifier: common.ElementID(id), PackageVersion: c.Version, PackageDownloadLocation: download,
			PackageExternalReferences: []*v2_3.PackageExternalReference{{
				Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL,
				Locator: packageurl.NewPackageURL(packageurl.TypeCargo, "", c.Name, c.Version, nil, "").ToString(),
			}},
		})
		doc.Relationships = append(doc.Relationships, &v2_3.Relationship{
			RefA: element("lambda"), RefB: element(id), Relationship: common.TypeRelationshipDependsOn,
		})
	}
	// A namespace belongs to one document, so it is made of this one: https://spdx.github.io/spdx-spec/v2.3/document-creation-information
	data, err := json.Marshal(doc)
	if err == nil {
		doc.DocumentNamespace = "https://spdx.org/spdxdocs/" + url.PathEscape("lpipe-"+l.Name+"-"+uuid.NewSHA1(uuid.NameSpaceURL, data).String())
		data, err = json.Marshal(doc)
	}
	if err != nil {
		return publish.Statement{}, fmt.Errorf("listing the crates of %s: %w", l.Name, err)
	}
	return statement("https://spdx.dev/Document", data)
}

// statement is one with that predicate, as JSON.
func statement(predicateType string, predicate []byte) (publish.Statement, error) {
	s := publish.Statement{PredicateType: predicateType, Predicate: &structpb.Struct{}}
	if err := s.Predicate.UnmarshalJSON(predicate); err != nil {
		return publish.Statement{}, fmt.Errorf("writing a statement of type %s: %w", predicateType, err)
	}
	return s, nil
}
