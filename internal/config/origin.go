package config

import (
	"fmt"
	"strconv"
	"strings"
)

// layer orders the sources; a higher one hides a lower one.
type layer int

const (
	byDefault layer = iota
	byFile
	byCI
	byEnv
	byFlag
)

// Origin is where a value came from. The zero value is the default; otherwise File, Env or Flag is set.
type Origin struct {
	File   string // as a person in the current folder would write it
	Line   int    // from 1
	Column int    // in characters, from 1
	Env    string
	Flag   string
}

// String returns "lpipe.toml:12", "LPIPE_ARCH", "--arch" or "the default".
func (o Origin) String() string {
	switch {
	case o.Flag != "":
		return o.Flag
	case o.Env != "":
		return o.Env
	case o.File != "":
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	default:
		return "the default"
	}
}

// exact is String with the column of a file.
func (o Origin) exact() string {
	if o.File == "" {
		return o.String()
	}
	return fmt.Sprintf("%s:%d", o, o.Column)
}

// Key joins the parts of a key with dots and quotes those that lpipe.toml needs quoted: registry."localhost:5000".ca.
func Key(parts ...string) string {
	quoted := make([]string, len(parts))
	for i, p := range parts {
		quoted[i] = p
		if p == "" || strings.ContainsFunc(p, notBare) {
			quoted[i] = strconv.Quote(p)
		}
	}
	return strings.Join(quoted, ".")
}

// notBare reports a character that a TOML key may only hold in quotes.
func notBare(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// split is the inverse of [Key].
func split(key string) []string {
	var parts []string
	for {
		part, rest := key, ""
		if quoted, err := strconv.QuotedPrefix(key); err == nil {
			part, _ = strconv.Unquote(quoted)
			rest = key[len(quoted):]
		} else if i := strings.IndexByte(key, '.'); i >= 0 {
			part, rest = key[:i], key[i:]
		}
		parts = append(parts, part)
		if rest == "" {
			return parts
		}
		key = rest[1:]
	}
}
