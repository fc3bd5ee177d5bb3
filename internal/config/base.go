package config

import (
	"strings"

	"github.com/distribution/reference"

	"lpipe/internal/pattern"
)

// layoutScheme opens a base that is a folder in the OCI image layout, as in buildx's named contexts.
const layoutScheme = "oci-layout://"

// Layout is a base in a folder of the OCI image layout.
type Layout struct {
	Dir, Tag, Digest string // Tag and Digest may be empty
}

var layoutPattern = pattern.Of(`^(.+?)(?::(` + reference.TagRegexp.String() + `))?(?:@(` + reference.DigestRegexp.String() + `))?$`)

// ParseLayout splits oci-layout://DIR[:TAG][@DIGEST]; ok is false for a base that is a reference.
func ParseLayout(base string) (l Layout, ok bool) {
	rest, ok := strings.CutPrefix(base, layoutScheme)
	if !ok {
		return Layout{}, false
	}
	m := layoutPattern().FindStringSubmatch(rest)
	if m == nil {
		return Layout{}, true
	}
	return Layout{Dir: m[1], Tag: m[2], Digest: m[3]}, true
}

// String is the inverse of [ParseLayout].
func (l Layout) String() string {
	s := layoutScheme + l.Dir
	if l.Tag != "" {
		s += ":" + l.Tag
	}
	if l.Digest != "" {
		s += "@" + l.Digest
	}
	return s
}

func checkBase(_, v string) (why, fix string) { return CheckBase(v) }

// CheckBase returns why a text names no image, neither a reference nor a folder, and how to write one; "" where it does.
func CheckBase(v string) (why, fix string) {
	const how = `write "registry.example.com/name:tag" or "oci-layout://DIR"`
	l, ok := ParseLayout(v)
	switch {
	case ok && l.Dir == "":
		return "it names no folder", how
	case ok && strings.ContainsAny(l.Dir, "@\"'`$&|;<>()*?[]{}!#\\\t\n\r\x00"):
		return "the folder has characters with a meaning elsewhere", how
	case ok:
		return checkPlain("", v)
	case strings.Contains(v, "://"):
		return "a base is no address", how
	}
	return checkReference(v)
}
