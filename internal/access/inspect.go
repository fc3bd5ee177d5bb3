package access

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lpipe/hostkeys"
	"lpipe/internal/fault"
)

// Finding is one thing that a fetch step would need, and whether it is there.
type Finding struct {
	Subject string // "agent", "key", "host", "token", "repository" or "registry"
	Detail  string // what there is; with Err, of what Err speaks
	Err     error  // joined [fault.Error]s, nil when all is well
}

// Inspect looks at everything that a fetch step would need without running one: keys, pins, what each repository is
// fetched with. It reads keys and asks agents, but contacts no server.
func (a *Access) Inspect(ctx context.Context) []Finding {
	var all []Finding
	var keyring []key
	complete := true // every source was read
	if len(a.overSSH()) > 0 {
		sources, err := a.sources()
		if err != nil {
			all, complete = append(all, Finding{"key", "", err}), false
		}
		for _, s := range sources {
			keys, err := s.keys(ctx, a.o.Config.SSH.Keys)
			f := Finding{Subject: "key", Detail: s.String(), Err: Explained(err)}
			if s.agent {
				f.Subject = "agent"
			}
			var names []string
			for _, k := range keys {
				names = append(names, strings.TrimSpace(k.Fingerprint+" "+k.Comment))
			}
			if err == nil {
				f.Detail += ": " + strings.Join(names, ", ")
			}
			complete = complete && err == nil
			keyring = append(keyring, keys...)
			all = append(all, f)
		}
		all = append(all, a.inspectHosts()...)
	}
	tokens, err := a.tokens()
	if err != nil {
		all = append(all, Finding{"token", "", err})
	}
	for _, r := range a.o.Repositories {
		f := Finding{Subject: "repository", Detail: r.String()}
		var with []string
		for _, k := range keyring {
			if r.Scheme == "ssh" && k.from == r.Key {
				with = append(with, k.Fingerprint)
			}
		}
		switch {
		case r.Scheme == "https" && tokens[r.Token].token != "":
			f.Detail += " with the token from " + r.Token
		case r.Scheme == "https":
			f.Detail += " without a login"
		case len(with) == 0 && !complete:
			continue // why is said above
		case len(with) == 0:
			f.Err = &fault.Error{Kind: fault.Usage, What: "there is no key for " + r.String(), Fix: "give its deploy key in [ssh] deploy-keys, or a key that may read it"}
		default:
			f.Detail += " with " + strings.Join(with, " or ")
		}
		all = append(all, f)
	}
	for _, l := range a.registryLogins() {
		detail := l.Index + " without a token"
		if l.token != "" {
			detail = l.Index + " with the token from " + l.variable
		}
		all = append(all, Finding{"registry", detail, nil})
	}
	return all
}

func (a *Access) inspectHosts() []Finding {
	pins, err := hostkeys.Load(a.o.Config.SSH.KnownHosts...)
	if err != nil {
		return []Finding{{"host", "", Explained(err)}}
	}
	var all []Finding
	for _, host := range a.Hosts() {
		var texts []string
		for _, p := range pins.Lookup(host) {
			if text := p.String(); !slices.Contains(texts, text) {
				texts = append(texts, text)
			}
		}
		f := Finding{Subject: "host", Detail: fmt.Sprintf("%s is pinned: %s", host, strings.Join(texts, ", "))}
		if len(texts) == 0 {
			f.Detail, f.Err = host, Explained(&hostkeys.UnknownHostError{Host: host})
		}
		all = append(all, f)
	}
	return all
}
