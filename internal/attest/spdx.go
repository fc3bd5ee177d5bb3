package attest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"

	"lpipe/internal/artifact"
	"lpipe/internal/publish"
)

const noAssertion = "NOASSERTION"

// SPDX lists the crates that the linker was given for the program, as SPDX 2.3. zip is the SHA-256 of the lambda's zip, in
// hex.
func (b Build) SPDX(zip string) (publish.Statement, error) {
	element := func(id string) common.DocElementID { return common.MakeDocElementID("", id) }
	doc := v2_3.Document{
		SPDXVersion: v2_3.Version, DataLicense: v2_3.DataLicense, SPDXIdentifier: "DOCUMENT", DocumentName: b.Lambda.Name,
		CreationInfo: &v2_3.CreationInfo{
			Created:  b.created().Format(time.RFC3339),
			Creators: []common.Creator{{CreatorType: "Tool", Creator: strings.TrimSuffix("lpipe-"+b.Version, "-")}},
		},
		Packages: []*v2_3.Package{{
			PackageName: b.Lambda.Name, PackageSPDXIdentifier: "lambda", PackageVersion: b.Lambda.Package.Version, PackageDownloadLocation: noAssertion,
			PackageFileName: artifact.ZipName, PackageChecksums: []common.Checksum{{Algorithm: common.SHA256, Value: zip}}, PrimaryPackagePurpose: "APPLICATION",
		}},
		Relationships: []*v2_3.Relationship{{RefA: element("DOCUMENT"), RefB: element("lambda"), Relationship: common.TypeRelationshipDescribe}},
	}
	relate := func(from, to, how string) {
		doc.Relationships = append(doc.Relationships, &v2_3.Relationship{RefA: element(from), RefB: element(to), Relationship: how})
	}
	reference := func(purl string) []*v2_3.PackageExternalReference {
		return []*v2_3.PackageExternalReference{{
			Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: purl,
		}}
	}
	id := func(i int) string { return fmt.Sprintf("crate-%d", i) }
	for i, c := range b.Crates {
		p := &v2_3.Package{
			PackageName: c.Name, PackageSPDXIdentifier: common.ElementID(id(i)), PackageVersion: c.Version, PackageDownloadLocation: noAssertion,
			PackageLicenseDeclared: noAssertion, PackageLicenseConcluded: noAssertion, PrimaryPackagePurpose: "LIBRARY",
		}
		if c.Commit != "" {
			p.PackageDownloadLocation = c.Source
		}
		if c.License != "" {
			p.PackageLicenseDeclared = c.License
		}
		if c.LicenseText != "" {
			p.PackageLicenseComments = "the manifest names " + c.LicenseText
		}
		if c.Checksum != "" {
			p.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: c.Checksum}}
		}
		if purl := c.PURL(); purl != "" {
			p.PackageExternalReferences = reference(purl)
		}
		doc.Packages = append(doc.Packages, p)
		relate("lambda", id(i), common.TypeRelationshipContains)
		for _, used := range c.Uses {
			relate(id(i), id(used), common.TypeRelationshipDependsOn)
		}
	}
	if b.Rustc.Release != "" {
		doc.Packages = append(doc.Packages, &v2_3.Package{
			PackageName: "rust-std", PackageSPDXIdentifier: "rust-std", PackageVersion: b.Rustc.Release, PackageDownloadLocation: noAssertion,
			PackageLicenseDeclared: standardLicense, PackageLicenseConcluded: noAssertion, PrimaryPackagePurpose: "LIBRARY",
			PackageExternalReferences: reference(b.Rustc.standardLibrary()),
		})
		relate("lambda", "rust-std", common.TypeRelationshipContains)
	}
	// A namespace belongs to one document, so it is made of this one: https://spdx.github.io/spdx-spec/v2.3/document-creation-information
	data, err := json.Marshal(doc)
	if err == nil {
		doc.DocumentNamespace = "https://spdx.org/spdxdocs/" + url.PathEscape("lpipe-"+b.Lambda.Name+"-"+uuid.NewSHA1(uuid.NameSpaceURL, data).String())
		data, err = json.Marshal(doc)
	}
	if err != nil {
		return publish.Statement{}, fmt.Errorf("listing the crates of %s: %w", b.Lambda.Name, err)
	}
	return statement(TypeSPDX, data)
}

// standardLicense is that of Rust's standard library: https://www.rust-lang.org/policies/licenses.
const standardLicense = "MIT OR Apache-2.0"
