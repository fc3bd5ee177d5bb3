package access

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"lpipe/internal/fault"
	"lpipe/internal/plan"
)

// list is the file that git.sh reads.
func (a *Access) list(g *credentials, tokens map[string]login) []byte {
	var text strings.Builder
	fmt.Fprintf(&text, "mode %s\n", a.o.Config.SSH.Mode)
	deploy := slices.ContainsFunc(a.o.Repositories, func(r plan.Repository) bool { return r.Key != "" })
	for _, r := range a.o.Repositories {
		user, secret := r.User, "-"
		switch {
		case r.Scheme == "https":
			user, secret = cmp.Or(tokens[r.Token].user, "-"), cmp.Or(tokens[r.Token].token, "-")
		case deploy:
			// A server lets the first key in that it knows, and the deploy key of another repository may be it.
			secret = publicKeys(g.chosen[r.String()])
		}
		fmt.Fprintf(&text, "%s %s %s %s %s %s\n", r.Scheme, user, r.Host, r.Port, secret, r.Path)
	}
	return []byte(text.String())
}

// publicKeys writes keys as TYPE:BASE64.
func publicKeys(keys []key) string {
	var all []string
	for _, k := range keys {
		all = append(all, strings.Join(strings.Fields(string(ssh.MarshalAuthorizedKey(k.Key))), ":"))
	}
	return strings.Join(all, ",")
}

// login is what git says to an https server.
type login struct{ user, token string }

// tokens reads the tokens of the https repositories, by where they come from.
func (a *Access) tokens() (map[string]login, error) {
	all := map[string]login{}
	var l fault.List
	for _, r := range a.o.Repositories {
		if _, known := all[r.Token]; r.Token == "" || known {
			continue
		}
		text, err := a.secret("the token for "+r.String(), r.Token)
		l.Add(err)
		user, token, ok := strings.Cut(text, ":")
		if !ok {
			// GitHub, GitLab and Azure take any name beside a token; Bitbucket wants this one:
			// https://support.atlassian.com/bitbucket-cloud/docs/using-access-tokens/
			user, token = "x-token-auth", text
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			l.Addf("the token from "+r.Token+" cannot be used", "it holds white space", "set it to TOKEN or USER:TOKEN")
		}
		all[r.Token] = login{user, token}
		a.hide(token, base64.StdEncoding.EncodeToString([]byte(user+":"+token)))
	}
	return all, l.Err()
}
