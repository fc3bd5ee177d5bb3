package attest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/github/go-spdx/v2/spdxexp"
	"github.com/package-url/packageurl-go"

	"lpipe/internal/artifact"
	"lpipe/internal/cargo"
	"lpipe/internal/redact"
)

// Crate is a package that was compiled for a program and given to the linker.
type Crate struct {
	Name, Version string
	Local         bool     // of the project
	Source        string   // as Cargo.lock has it, without passwords: a registry, or a git repository and a commit; "" for a local one
	Commit        string   // of a git source
	Checksum      string   // the SHA-256 of what was downloaded, in hex; "" where the lock has none
	License       string   // an SPDX expression; "" where the manifest has none
	LicenseText   string   // what the manifest has in place of one: another text, or the name of a file
	Features      []string // sorted
	Uses          []int    // the crates that it calls, by their place in the list
}

const cratesIO = "registry+https://github.com/rust-lang/crates.io-index"

// ID tells the crate from all others of a program.
func (c Crate) ID() string {
	if purl := c.PURL(); purl != "" {
		return purl
	}
	return "local:" + c.Name + "@" + c.Version
}

// PURL is the package URL of a foreign crate, "" for a local one, which no database knows.
func (c Crate) PURL() string {
	if c.Local {
		return ""
	}
	var where packageurl.Qualifiers
	switch {
	case c.Commit != "":
		where = packageurl.Qualifiers{{Key: "vcs_url", Value: c.Source}}
	case c.Source != cratesIO && !strings.HasPrefix(c.Source, "sparse+https://index.crates.io/"):
		_, at, _ := strings.Cut(c.Source, "+")
		where = packageurl.Qualifiers{{Key: "repository_url", Value: at}}
	}
	return packageurl.NewPackageURL(packageurl.TypeCargo, "", c.Name, c.Version, where, "").ToString()
}

// metadata is what cargo metadata says, as far as it matters here:
// https://doc.rust-lang.org/cargo/commands/cargo-metadata.html#json-format
type metadata struct {
	Packages []struct {
		ID          string  `json:"id"`
		License     *string `json:"license"`
		LicenseFile *string `json:"license_file"`
	} `json:"packages"`
	Resolve struct {
		Nodes []struct {
			ID   string `json:"id"`
			Deps []struct {
				Package string `json:"pkg"`
				Kinds   []struct {
					Kind *string `json:"kind"`
				} `json:"dep_kinds"`
			} `json:"deps"`
		} `json:"nodes"`
	} `json:"resolve"`
}

// Crates joins what cargo compiled for a program with what its manifests and its lock say of that.
func Crates(units []artifact.Unit, said []byte, lock *cargo.Lock) ([]Crate, error) {
	var m metadata
	if err := json.Unmarshal(said, &m); err != nil {
		return nil, fmt.Errorf("reading what cargo says of the crates: %w", err)
	}
	// The manifests that were read have no versions of local packages, so these are known by their folders.
	key := func(id string) string {
		if place, _, ok := strings.Cut(id, "#"); ok && strings.HasPrefix(id, "path+") {
			return place
		}
		return id
	}
	var all []Crate
	at := map[string]int{}
	for _, u := range units {
		c := Crate{Name: u.Name, Version: u.Version, Features: u.Features, Local: true}
		for _, p := range lock.Packages {
			if p.Name != u.Name || p.Version != u.Version || p.Source == nil || strings.Contains(u.ID, "path+") {
				continue
			}
			if from := p.Source.Kind + "+" + anonymous(p.Source.URL); c.Local || strings.Contains(u.ID, p.Source.URL) {
				c.Local, c.Source, c.Commit, c.Checksum = false, from, p.Source.Commit, p.Checksum
				if c.Commit != "" {
					c.Source += "@" + c.Commit
				}
			}
		}
		at[key(u.ID)] = len(all)
		all = append(all, c)
	}
	for _, p := range m.Packages {
		i, ok := at[key(p.ID)]
		if !ok || all[i].Local {
			continue
		}
		switch {
		case p.License != nil:
			all[i].License, all[i].LicenseText = license(*p.License)
		case p.LicenseFile != nil:
			all[i].LicenseText = "the file " + *p.LicenseFile
		}
	}
	for _, n := range m.Resolve.Nodes {
		i, ok := at[key(n.ID)]
		if !ok {
			continue
		}
		for _, d := range n.Deps {
			for _, k := range d.Kinds {
				if j, ok := at[key(d.Package)]; ok && k.Kind == nil && !slices.Contains(all[i].Uses, j) {
					all[i].Uses = append(all[i].Uses, j)
				}
			}
		}
		slices.Sort(all[i].Uses)
	}
	return all, nil
}

// anonymous is an address without who logs in there.
func anonymous(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return redact.Text(address)
	}
	u.User = nil
	return u.String()
}

// license returns the licence of a manifest as an SPDX expression, or as a text where it is none. Older manifests have a
// slash for OR: https://doc.rust-lang.org/cargo/reference/manifest.html#the-license-and-license-file-fields
func license(text string) (expression, other string) {
	expression = strings.Join(strings.Fields(strings.ReplaceAll(text, "/", " OR ")), " ")
	if ok, _ := spdxexp.ValidateLicenses([]string{expression}); ok {
		return expression, ""
	}
	return "", text
}

// Rustc is the compiler of a program, of what rustc -vV says: its release and the commit that it is made of.
type Rustc struct{ Release, Commit string }

// ReadRustc reads what rustc -vV says.
func ReadRustc(said []byte) Rustc {
	var r Rustc
	for line := range strings.Lines(string(said)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "release":
			r.Release = value
		case "commit-hash":
			r.Commit = value
		}
	}
	return r
}

// standardLibrary is the package URL of Rust's standard library, which is in every program.
func (r Rustc) standardLibrary() string {
	var where packageurl.Qualifiers
	if r.Commit != "" && r.Commit != "unknown" {
		where = packageurl.Qualifiers{{Key: "vcs_url", Value: "git+https://github.com/rust-lang/rust@" + url.PathEscape(r.Commit)}}
	}
	return packageurl.NewPackageURL("generic", "", "rust-std", r.Release, where, "").ToString()
}
