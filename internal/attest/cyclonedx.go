package attest

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/uuid"

	"lpipe/internal/publish"
)

// CycloneDX lists the crates that the linker was given for the program, as CycloneDX 1.6. zip is the SHA-256 of the lambda's
// zip, in hex.
func (b Build) CycloneDX(zip string) (publish.Statement, error) {
	const lambda = "lambda"
	sha256 := func(sum string) *[]cdx.Hash { return &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum}} }
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{
		Timestamp: b.created().Format(time.RFC3339),
		Tools:     &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "lpipe", Version: b.Version}}},
		Component: &cdx.Component{
			BOMRef: lambda, Type: cdx.ComponentTypeApplication, Name: b.Lambda.Name, Version: b.Lambda.Package.Version, Hashes: sha256(zip),
		},
	}
	var components []cdx.Component
	var dependencies []cdx.Dependency
	all := []string{} // of the lambda
	for _, c := range b.Crates {
		one := cdx.Component{BOMRef: c.ID(), Type: cdx.ComponentTypeLibrary, Name: c.Name, Version: c.Version, PackageURL: c.PURL()}
		if c.Checksum != "" {
			one.Hashes = sha256(c.Checksum)
		}
		switch {
		case c.License != "":
			one.Licenses = &cdx.Licenses{{Expression: c.License}}
		case c.LicenseText != "":
			one.Licenses = &cdx.Licenses{{License: &cdx.License{Name: c.LicenseText}}}
		}
		if len(c.Features) > 0 {
			one.Properties = &[]cdx.Property{{Name: "cargo:features", Value: strings.Join(c.Features, ",")}}
		}
		components = append(components, one)
		all = append(all, c.ID())
		uses := []string{}
		for _, i := range c.Uses {
			uses = append(uses, b.Crates[i].ID())
		}
		dependencies = append(dependencies, cdx.Dependency{Ref: c.ID(), Dependencies: &uses})
	}
	if b.Rustc.Release != "" {
		std := b.Rustc.standardLibrary()
		components = append(components, cdx.Component{
			BOMRef: std, Type: cdx.ComponentTypeLibrary, Name: "rust-std", Version: b.Rustc.Release, PackageURL: std, Licenses: &cdx.Licenses{{Expression: standardLicense}},
		})
		all = append(all, std)
	}
	dependencies = append(dependencies, cdx.Dependency{Ref: lambda, Dependencies: &all})
	bom.Components, bom.Dependencies = &components, &dependencies
	data, err := encode(bom)
	if err == nil {
		bom.SerialNumber = uuid.NewSHA1(uuid.NameSpaceURL, data).URN()
		data, err = encode(bom)
	}
	if err != nil {
		return publish.Statement{}, fmt.Errorf("listing the crates of %s: %w", b.Lambda.Name, err)
	}
	return statement(TypeCycloneDX, data)
}

func encode(bom *cdx.BOM) ([]byte, error) {
	var data bytes.Buffer
	err := cdx.NewBOMEncoder(&data, cdx.BOMFileFormatJSON).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6)
	return data.Bytes(), err
}
