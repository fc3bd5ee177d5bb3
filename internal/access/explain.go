package access

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"lpipe/hostkeys"
	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/pattern"
	"lpipe/internal/plan"
	"lpipe/sshfwd"
)

// Explain returns f, the fault of a failed step of the stage with that output, or better ones if the step failed for
// want of access. Servers write into the output too, so it decides which of lpipe's sentences is said, and nothing of it
// is repeated but what cannot be taken for words: a host or repository that lpipe knows, a key's type and fingerprint, the
// name of a variable.
func (a *Access) Explain(f *fault.Error, stage, log string) error {
	if stage == dockerfile.StageToolchain || stage == dockerfile.StageFetch {
		a.explainNetwork(f, log)
	}
	if stage != dockerfile.StageFetch {
		return f
	}
	a.mu.Lock()
	failed, refusals := a.failed, strings.Join(a.refusals, "\n")
	a.mu.Unlock()
	if failed != nil {
		return failed
	}
	repository := a.failing(log)
	switch {
	case strings.Contains(log, "Host key verification failed"), strings.Contains(log, "SSH host key"):
		a.explainHostKey(f, log)
	case slices.ContainsFunc(missing, func(words string) bool { return strings.Contains(log, words) }):
		f.What = "the server does not show " + repository + " to the key that logged in"
		f.Why = "servers say that a repository does not exist when the key may not read it" + a.offered(repository)
		f.Fix = "check that the repository exists and that this key may read it; a key for it alone goes to [ssh] deploy-keys"
	case strings.Contains(log, "Permission denied (publickey"), strings.Contains(log, "no authentication methods succeeded"):
		f.What = "the server lets nobody in to fetch " + repository
		f.Why = "it knows none of the keys that were offered" + a.offered(repository)
		if refusals != "" {
			f.What, f.Why = "the login to fetch "+repository+" was not signed", refusals
		}
		f.Fix = "add the public key to the account or, as a deploy key, to the repository; [ssh] keys, key and deploy-keys say which key is used"
		if strings.Contains(refusals, sshfwd.ErrUnbound.Error()) {
			f.Fix = "use a base image with OpenSSH 8.9 or later; else [ssh] mode = \"userauth\" signs without proof of the host"
		}
	}
	return f
}

// unfetched is how cargo names what it could not fetch, a submodule or a dependency: the command, else the source.
var unfetched = pattern.Of("`git fetch [^\n`]*'([a-z]+://[^']+)'|[Uu]nable to update ([a-z]+://[^\\s`?#]+)")

// failing is the repository that could not be fetched, in words if it is none of the list.
func (a *Access) failing(log string) string {
	if m := unfetched().FindStringSubmatch(log); m != nil {
		url := m[1] + m[2]
		if slices.ContainsFunc(a.o.Repositories, func(r plan.Repository) bool { return r.Is(url) }) {
			return url
		}
	}
	return "a repository"
}

// missing is how git servers say that a repository is not there, or not for this key.
var missing = []string{
	"Repository not found", // GitHub, Bitbucket
	"does not appear to be a git repository",
	"The project you were looking for could not be found", // GitLab
	"TF401019", // Azure DevOps
}

// offered names the keys that are for the repository of a URL.
func (a *Access) offered(url string) string {
	g, err := a.prepare()
	if err != nil {
		return ""
	}
	var keys []string
	for _, r := range a.overSSH() {
		if r.Is(url) {
			for _, k := range g.chosen[r.String()] {
				keys = append(keys, k.String())
			}
		}
	}
	if len(keys) == 0 {
		return ""
	}
	return "; the key is " + strings.Join(keys, " or ")
}

// String names the key and where it comes from.
func (k key) String() string {
	return fmt.Sprintf("%s (%s)", k.Fingerprint, k.Source)
}

// What OpenSSH and cargo's own git say of a host key that they refuse.
var (
	shownKey    = pattern.Of(`fingerprint for the (?:([A-Z0-9-]{1,20}) key sent by|key from) the remote host is:?\s+(SHA256:[A-Za-z0-9+/]{43})\b`)
	changedHost = pattern.Of("(?:Host key for |SSH host key has changed for `)([^\\s`]+)")
	unknownType = pattern.Of(`No ([A-Z0-9-]{1,20}) host key is known for (\S+) and you have requested strict checking`)
	revokedKey  = pattern.Of(`marked as revoked|REVOKED HOST KEY|has been revoked`)
	hostName    = pattern.Of(`^[A-Za-z0-9.:\[\]%_-]+$`)
)

// explainHostKey says which key the step was shown and which is pinned.
func (a *Access) explainHostKey(f *fault.Error, log string) {
	g, err := a.prepare()
	if err != nil || g.pins == nil {
		return
	}
	host, shown := "", "another key"
	if m := changedHost().FindStringSubmatch(log); m != nil {
		host = m[1]
	}
	if m := shownKey().FindStringSubmatch(log); m != nil {
		shown = strings.TrimSpace(m[1] + " " + m[2])
	}
	if m := unknownType().FindStringSubmatch(log); m != nil {
		host, shown = m[2], "a key of type "+m[1]
	}
	pins := g.pins.Lookup(host)
	if !hostName().MatchString(host) || len(pins) == 0 {
		host = "one of " + strings.Join(a.Hosts(), ", ")
		if hosts := a.Hosts(); len(hosts) == 1 {
			host, pins = hosts[0], g.pins.Lookup(hosts[0])
		}
	}
	if revokedKey().MatchString(log) {
		f.What = "the server uses a host key that is revoked"
		f.Why = "who holds the retired key can pose as " + host
		f.Fix = "do not use this connection, and tell whoever runs the host or the network"
		return
	}
	f.What = "host key mismatch for " + host
	f.Why = "the server showed the build " + shown
	f.Fix = "lpipe hostkeys verify looks at the hosts from here"
	if len(pins) > 0 {
		var pinned []string
		for _, p := range pins {
			pinned = append(pinned, p.String())
		}
		f.Why += ", pinned is " + strings.Join(pinned, " or ")
		f.Fix = (&hostkeys.MismatchError{Host: host, Pins: pins}).Fix() + "\nlpipe hostkeys verify " + host + " looks at the host from here"
	}
	f.Why += ": the connection is intercepted, or the host has changed its key"
}

// Explained turns the errors of hostkeys and sshfwd into faults.
func Explained(err error) error {
	var l fault.List
	for _, part := range fault.Parts(err) {
		l.Add(explained(part))
	}
	return l.Err()
}

func explained(err error) error {
	f := &fault.Error{Kind: fault.Usage, Err: err, Fix: "lpipe doctor looks at the keys and hosts one by one; [ssh] in lpipe.toml and --ssh say which are used"}
	var known *fault.Error
	var host interface{ What() string }
	var key *sshfwd.Error
	var line *hostkeys.LineError
	var unknown *hostkeys.UnknownHostError
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &host):
		f.What = host.What()
		if h, ok := host.(interface {
			Why() string
			Fix() string
		}); ok {
			f.Why, f.Fix = h.Why(), cmp.Or(h.Fix(), f.Fix)
		}
		if errors.As(err, &unknown) {
			f.Fix += ", which [ssh] known-hosts in lpipe.toml names"
			aliased(f, unknown.Host)
		}
	case errors.As(err, &key):
		f.Why, f.Fix = key.Err.Error(), cmp.Or(key.Fix, f.Fix)
		f.What = "the SSH key from " + key.Source + " cannot be used"
		switch {
		case errors.Is(err, sshfwd.ErrNoAgent), errors.Is(err, sshfwd.ErrEmptyAgent), errors.Is(err, sshfwd.ErrMissingIdentity):
			f.What = "the SSH agent at " + key.Source + " cannot be used"
			if key.Source == "SSH agent" {
				f.What = "there is no SSH agent"
				f.Why = "private repositories are to be fetched, and SSH_AUTH_SOCK is not set"
				f.Fix = "start one with \"eval $(ssh-agent)\" and add a key with \"ssh-add\", or name a key: --ssh default=KEY, or [ssh] key in lpipe.toml"
			}
		case errors.Is(err, sshfwd.ErrEncrypted):
			f.Fix = "set [ssh] passphrase = \"env:NAME\" in lpipe.toml, or give a copy of the key without one: ssh-keygen -p -f COPY"
		case errors.Is(err, sshfwd.ErrPassphrase):
			f.Fix = "correct what [ssh] passphrase names; " + key.Fix
		}
	case errors.As(err, &line):
		f.What = fmt.Sprintf("%s:%d is not a known_hosts line", line.File, line.Line)
		f.Err = line.Err
		f.Fix = "correct the line: a file is refused as a whole, since a line skipped could be the one that revokes a key"
	case errors.Is(err, fs.ErrNotExist):
		f.What, f.Fix = "a file that [ssh] or --ssh names does not exist", "correct its path, or make the file"
	default:
		f.What = "private repositories cannot be fetched"
	}
	return f
}

// aliased says of a host whose name is in no domain what it most often is: a name that this machine's ssh alone knows.
func aliased(f *fault.Error, host string) {
	last := host[strings.LastIndex(host, ".")+1:]
	domain := last != host || host == "localhost"
	if strings.ContainsAny(host, ":[") || domain && (!strings.Contains(last, "-") || strings.HasPrefix(last, "xn--")) {
		return
	}
	f.Why = "no domain ends so: it may be a Host of your ~/.ssh/config, which a build does not read, since it can run programs"
	f.Fix = "write the real host in Cargo.toml and run cargo update, as in ssh://git@github.com/ORG/REPO; which key logs in to a repository " +
		"is said by [ssh] deploy-keys in lpipe.toml. If it is a host of your network, " + f.Fix
}
