package sshfwd

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"golang.org/x/crypto/ssh"
)

// Mode says what proof of the host a signature needs.
type Mode int

const (
	// Strict signs only on connections bound to a pinned host. It needs OpenSSH 8.9 or later in the build.
	Strict Mode = iota
	// Userauth signs without a bind as well, for clients that send none (libgit2, older OpenSSH). The host is
	// then unverifiable: only the user is checked, and the event says so. A bind that is sent counts as in Strict.
	Userauth
)

// Host is a login that the build may make.
type Host struct {
	Name string // as known_hosts writes it: "github.com", or "[ssh.github.com]:443" for another port
	User string // the user to log in as: "git" on GitHub
}

// Policy is the rule of an [Agent].
type Policy struct {
	// Identities are the fingerprints ("SHA256:…", as ssh-add -l prints them) of the keys that may be listed and
	// used. For a certificate it is the one of the key inside. Empty means all that the sources have.
	Identities []string
	// Hosts are the logins that may be made. A host may be there several times, with several users.
	Hosts []Host
	// Pinned returns nil if key, which may be a certificate, is pinned for the host of that name. The error else
	// becomes the reason of the refusal. It may be called by several connections at once.
	Pinned func(host string, key ssh.PublicKey) error
	Mode   Mode
}

var fingerprintPattern = regexp.MustCompile(`^SHA256:[A-Za-z0-9+/]{43}$`)

// Validate returns all mistakes in the policy that would only show as refusals later, joined.
func (p Policy) Validate() error {
	var errs []error
	for _, id := range p.Identities {
		if !fingerprintPattern.MatchString(id) {
			errs = append(errs, fmt.Errorf(`%q is no fingerprint: "ssh-add -l" prints them as SHA256:… with 43 characters`, id))
		}
	}
	if len(p.Hosts) == 0 {
		errs = append(errs, errors.New("no hosts are allowed"))
	}
	for _, h := range p.Hosts {
		if h.Name == "" || h.User == "" {
			errs = append(errs, fmt.Errorf("host %q with user %q: both are needed", h.Name, h.User))
		}
	}
	if p.Pinned == nil {
		errs = append(errs, errors.New("no function to check host keys"))
	}
	if p.Mode != Strict && p.Mode != Userauth {
		errs = append(errs, fmt.Errorf("unknown mode %d", p.Mode))
	}
	return errors.Join(errs...)
}

func (p Policy) allows(fingerprint string) bool {
	return len(p.Identities) == 0 || slices.Contains(p.Identities, fingerprint)
}

// pinnedFor returns the allowed hosts for which key is pinned, or why it is for none.
func (p Policy) pinnedFor(key ssh.PublicKey) ([]Host, error) {
	var hosts []Host
	var why []error
	for _, h := range p.Hosts {
		if err := p.Pinned(h.Name, key); err != nil {
			why = append(why, fmt.Errorf("%s: %w", h.Name, err))
			continue
		}
		hosts = append(hosts, h)
	}
	if len(hosts) == 0 {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnpinned, describe(key), errors.Join(why...))
	}
	return hosts, nil
}
