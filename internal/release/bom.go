package main

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"time"

	"github.com/package-url/packageurl-go"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
)

// bom writes the Go modules of a program, as the toolchain recorded them in it, as SPDX 2.3.
func (r *release) bom(p program) error {
	info, err := buildinfo.Read(bytes.NewReader(p.data))
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name(), err)
	}
	element := func(id string) common.DocElementID { return common.MakeDocElementID("", id) }
	doc := v2_3.Document{
		SPDXVersion: v2_3.Version, DataLicense: v2_3.DataLicense, SPDXIdentifier: "DOCUMENT", DocumentName: p.Name(),
		DocumentNamespace: r.URL + "/download/v" + r.Version + "/" + p.Name() + ".spdx.json#" + p.SHA256,
		CreationInfo: &v2_3.CreationInfo{
			Created: time.Unix(r.Time, 0).UTC().Format(time.RFC3339), Creators: []common.Creator{{CreatorType: "Tool", Creator: "lpipe-release"}},
		},
		Packages: []*v2_3.Package{{
			PackageName: "lpipe", PackageSPDXIdentifier: "program", PackageVersion: r.Version, PackageFileName: p.Name(),
			PackageDownloadLocation: r.URL + "/download/v" + r.Version + "/" + p.Name(), PackageChecksums: []common.Checksum{{Algorithm: common.SHA256, Value: p.SHA256}},
		}},
		Relationships: []*v2_3.Relationship{{RefA: element("DOCUMENT"), RefB: element("program"), Relationship: common.TypeRelationshipDescribe}},
	}
	add := func(name, version string) error {
		url, err := packageurl.FromString("pkg:golang/" + name + "@" + version)
		if err != nil {
			return fmt.Errorf("%s: module %s: %w", p.Name(), name, err)
		}
		id := fmt.Sprintf("module-%d", len(doc.Packages))
		doc.Packages = append(doc.Packages, &v2_3.Package{
			PackageName: name, PackageSPDXIdentifier: common.ElementID(id), PackageVersion: version, PackageDownloadLocation: "NOASSERTION",
			PackageExternalReferences: []*v2_3.PackageExternalReference{{
				Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: url.ToString(),
			}},
		})
		doc.Relationships = append(doc.Relationships, &v2_3.Relationship{RefA: element("program"), RefB: element(id), Relationship: common.TypeRelationshipContains})
		return nil
	}
	if err := add("stdlib", info.GoVersion); err != nil {
		return err
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		if err := add(m.Path, m.Version); err != nil {
			return err
		}
	}
	var out bytes.Buffer
	if err := spdxjson.Write(&doc, &out, spdxjson.Indent(" ")); err != nil {
		return err
	}
	return r.write(p.Name()+".spdx.json", out.Bytes(), 0o644)
}
