// Package attest states what a lambda was built from, and what is in it.
package attest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"lpipe/internal/cargo"
	"lpipe/internal/plan"
	"lpipe/internal/publish"
	"lpipe/internal/redact"
)

// Provenance says what the lambda of a workspace was built from, as SLSA has it: https://slsa.dev/spec/v1.0/provenance.
// base is the base image with the digest that was used, commit what was checked out and ci the CI system that built it;
// "" where they are not known.
func Provenance(ws *cargo.Workspace, l *plan.Lambda, base, commit, ci string) publish.Statement {
	type dependency struct {
		URI    string            `json:"uri"`
		Digest map[string]string `json:"digest,omitempty"`
	}
	var from []dependency
	image := dependency{URI: base}
	if name, digest, ok := strings.Cut(base, "@sha256:"); ok {
		image = dependency{URI: name, Digest: map[string]string{"sha256": digest}}
	}
	from = append(from, image)
	if lock, err := fs.ReadFile(ws.FS, path.Join(ws.Base, ws.Lock.Path)); err == nil {
		sum := sha256.Sum256(lock)
		from = append(from, dependency{URI: "Cargo.lock", Digest: map[string]string{"sha256": hex.EncodeToString(sum[:])}})
	}
	if commit != "" {
		from = append(from, dependency{URI: "git", Digest: map[string]string{"gitCommit": commit}})
	}
	builder := "lpipe"
	if ci != "" {
		builder = "lpipe on " + ci
	}
	return publish.Statement{PredicateType: "https://slsa.dev/provenance/v1", Predicate: map[string]any{
		"buildDefinition": map[string]any{
			"buildType": "lpipe build",
			"externalParameters": map[string]any{
				"lambda": l.Name, "arch": l.Arch, "target": l.Build.TargetFor(l.Arch), "profile": l.Build.Profile, "features": l.Build.Features,
				"defaultFeatures": l.Build.DefaultFeatures, "network": l.Build.Network, "tests": l.Build.Test,
			},
			"resolvedDependencies": from,
		},
		"runDetails": map[string]any{"builder": map[string]any{"id": builder}},
	}}
}

// SBOM lists the crates that Cargo.lock names for the workspace: what of them is in the program only cargo knows, so
// there may be more than needed and never less.
func SBOM(lock *cargo.Lock, l *plan.Lambda, created time.Time) publish.Statement {
	if created.IsZero() {
		created = time.Unix(0, 0)
	}
	type reference struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	type pkg struct {
		ID         string      `json:"SPDXID"`
		Name       string      `json:"name"`
		Version    string      `json:"versionInfo"`
		Download   string      `json:"downloadLocation"`
		References []reference `json:"externalRefs,omitempty"`
	}
	packages := []pkg{{ID: "SPDXRef-lambda", Name: l.Name, Version: l.Package.Version, Download: "NOASSERTION"}}
	type relation struct {
		From string `json:"spdxElementId"`
		Type string `json:"relationshipType"`
		To   string `json:"relatedSpdxElement"`
	}
	relations := []relation{{"SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-lambda"}}
	for i, c := range lock.Packages {
		if c.Source == nil {
			continue
		}
		id := fmt.Sprintf("SPDXRef-crate-%d", i)
		download := "NOASSERTION"
		if c.Source.Kind == "git" {
			download = redact.Text("git+" + c.Source.URL + "@" + c.Source.Commit)
		}
		packages = append(packages, pkg{ID: id, Name: c.Name, Version: c.Version, Download: download, References: []reference{
			{"PACKAGE-MANAGER", "purl", "pkg:cargo/" + c.Name + "@" + c.Version},
		}})
		relations = append(relations, relation{"SPDXRef-lambda", "DEPENDS_ON", id})
	}
	return publish.Statement{PredicateType: "https://spdx.dev/Document", Predicate: map[string]any{
		"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
		"name": l.Name, "documentNamespace": "https://spdx.org/spdxdocs/lpipe-" + l.Name + "-" + l.Package.Version,
		"creationInfo": map[string]any{"created": created.UTC().Format(time.RFC3339), "creators": []string{"Tool: lpipe"}},
		"packages":     packages, "relationships": relations,
	}}
}
