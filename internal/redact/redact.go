// Package redact hides what nobody else may read in the addresses of a text: passwords, and what stands for one.
//
// A lock file, a manifest, a submodule, a remote or an engine's address may hold a password, and errors of other
// programs repeat it. Whatever lpipe shows or writes of them goes through [Text]. It decides by the text alone, and
// hides too much rather than too little.
package redact

import (
	"strings"
	"unicode"

	"lpipe/internal/pattern"
)

// Hidden is what stands in the place of what was hidden.
const Hidden = "***"

var (
	// opening is the begin of an address.
	opening = pattern.Of(`([A-Za-z][A-Za-z0-9+.-]*:)?//`)
	// login is an address without a scheme, as ssh writes it: "me:password@host".
	login = pattern.Of(`(^|[\s"'` + "`" + `(=,])([A-Za-z0-9._~%+-]+):[^\s@/:"'` + "`" + `]+@([A-Za-z0-9\[])`)
	// parameter is one of a query that lets in whoever knows it, such as the signature of a URL of Azure, S3 or GitHub.
	parameter = pattern.Of(`(?i)([?&;][a-z0-9_.%-]*(?:token|secret|passw|pwd|credential|auth|sig|key)[a-z0-9_.%-]*=)[^&;#\s"'<>` + "`" + `]+`)
)

// Text returns the text without passwords. Of an ssh address the name of the user stays, which is no secret there; of all
// others it goes too, since a token is often written as one. Applied again, it changes nothing.
func Text(s string) string {
	if !strings.ContainsAny(s, "@?") {
		return s
	}
	var out strings.Builder
	for at := opening().FindStringIndex(s); at != nil; at = opening().FindStringIndex(s) {
		scheme := s[at[0]:at[1]]
		out.WriteString(s[:at[1]])
		s = s[at[1]:]
		who := s[:credentials(s)]
		if user, _, found := strings.Cut(who, ":"); strings.Contains(scheme, "ssh") && !found {
			out.WriteString(user)
		} else if strings.Contains(scheme, "ssh") {
			out.WriteString(user + ":" + Hidden)
		} else if who != "" {
			out.WriteString(Hidden)
		}
		s = s[len(who):]
	}
	out.WriteString(s)
	return parameter().ReplaceAllString(login().ReplaceAllString(out.String(), "${1}${2}:"+Hidden+"@${3}"), "${1}"+Hidden)
}

// longest bounds in bytes what is looked at after each "//": a text of nothing else would take for ever.
const longest = 4 << 10

// credentials is the length of what stands before the @ of an address that begins after "//"; 0 if there is nothing.
func credentials(s string) int {
	word := s[:min(len(s), longest)]
	if end := strings.IndexFunc(word, unicode.IsSpace); end >= 0 {
		word = word[:end]
	}
	authority := word
	if end := strings.IndexAny(word, "/?#"); end >= 0 {
		authority = word[:end]
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		return at
	}
	// What looks like a port and is none is a password with a character that should have been escaped: "me:a/b@host".
	colon := strings.LastIndexByte(authority, ':')
	if colon < 0 || strings.Trim(authority[colon+1:], "0123456789") == "" || strings.HasSuffix(authority, "]") {
		return 0
	}
	return max(strings.LastIndexByte(word, '@'), 0)
}
