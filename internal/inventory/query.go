package inventory

import (
	"errors"
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// Query is a crate and the versions of it that are asked for.
type Query struct {
	Name     string
	versions *semver.Constraints // nil for all
}

// ParseQuery reads a crate with versions as Cargo.toml has them: openssl, openssl<3.0.15, "openssl >=1, <3.0.15", openssl=1.2.3;
// openssl^1.2 and "openssl 1.2" are what is compatible with 1.2.
func ParseQuery(text string) (Query, error) {
	text = strings.TrimSpace(text)
	end := strings.IndexFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-')
	})
	if end < 0 {
		end = len(text)
	}
	q := Query{Name: text[:end]}
	if q.Name == "" {
		return q, errors.New("it does not begin with the name of a crate")
	}
	rest := strings.TrimPrefix(strings.TrimSpace(text[end:]), "@")
	if rest == "" {
		return q, nil
	}
	var err error
	q.versions, err = requirement(rest)
	return q, err
}

// requirement reads versions as cargo has them: a bare one is what is compatible with it.
func requirement(text string) (*semver.Constraints, error) {
	parts := strings.Split(text, ",")
	for i, part := range parts {
		part = strings.TrimSpace(part)
		if part != "" && part[0] >= '0' && part[0] <= '9' {
			part = bare(part) + part
		}
		parts[i] = part
	}
	if strings.Contains(text, "||") {
		return nil, errors.New("cargo has no ||")
	}
	c, err := semver.NewConstraint(strings.Join(parts, ", "))
	if err != nil {
		return nil, fmt.Errorf("%q is no requirement of versions", text)
	}
	c.IncludePrerelease = true // who asks for what is older than a release asks for its prereleases too
	return c, nil
}

// bare is the operator that a version without one has: 1.2 is what is compatible with it, and 1.2.* nothing but 1.2.
func bare(version string) string {
	numbers, _, _ := strings.Cut(version, "-")
	if strings.ContainsAny(numbers, "*xX") {
		return "="
	}
	return "^"
}

// Holds reports that a crate is one of those.
func (q Query) Holds(c Crate) bool {
	if normal(c.Name) != normal(q.Name) {
		return false
	}
	return q.versions == nil || in(q.versions, c.Version)
}

// normal is a name as crates.io compares them.
func normal(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "-")) }

// in reports a version that fits; one that is none fits nothing.
func in(versions *semver.Constraints, version string) bool {
	v, err := semver.StrictNewVersion(version)
	return err == nil && versions.Check(v)
}
