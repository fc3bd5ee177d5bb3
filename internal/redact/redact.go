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
	if strings.Contains(s, "//") {
		s = addresses(s)
	}
	if at := strings.LastIndexByte(s, '@'); at >= 0 && strings.Contains(s[:at], ":") {
		s = login().ReplaceAllString(s, "${1}${2}:"+Hidden+"@${3}")
	}
	if strings.ContainsAny(s, "?&;") && strings.Contains(s, "=") {
		s = parameter().ReplaceAllString(s, "${1}"+Hidden)
	}
	return s
}

// addresses is the text without passwords in addresses that have a "//".
func addresses(s string) string {
	var out strings.Builder
	pos, end, last := 0, -1, -1 // end is that of the word that pos is in, last the place of the last @ in it
	for at := opening().FindStringIndex(s); at != nil; at = opening().FindStringIndex(s[pos:]) {
		scheme := s[pos+at[0] : pos+at[1]]
		out.WriteString(s[pos : pos+at[1]])
		pos += at[1]
		if pos > end {
			end = len(s)
			if n := strings.IndexFunc(s[pos:], unicode.IsSpace); n >= 0 {
				end = pos + n
			}
			last = pos + strings.LastIndexByte(s[pos:end], '@')
		}
		who := s[pos : pos+credentials(s[pos:end], max(last-pos, 0))]
		if user, _, found := strings.Cut(who, ":"); strings.Contains(scheme, "ssh") && !found {
			out.WriteString(user)
		} else if strings.Contains(scheme, "ssh") {
			out.WriteString(user + ":" + Hidden)
		} else if who != "" {
			out.WriteString(Hidden)
		}
		pos += len(who)
	}
	out.WriteString(s[pos:])
	return out.String()
}

// credentials is the length of what stands before the @ of an address, 0 if there is nothing. word is what follows its "//" up to
// the next space, and last the place of the last @ in it, 0 for none.
func credentials(word string, last int) int {
	authority := word
	if end := strings.IndexAny(word, "/?#"); end >= 0 {
		authority = word[:end]
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		return at
	}
	// What looks like a port and is none is a password with a character that should have been escaped: "me:a/b@host".
	colon := strings.LastIndexByte(authority, ':')
	if colon < 0 || strings.HasSuffix(authority, "]") || colon+1 < len(authority) && strings.Trim(authority[colon+1:], "0123456789") == "" {
		return 0
	}
	return last
}
