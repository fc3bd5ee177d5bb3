package access

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/sshfwd"
)

// source is where keys come from.
type source struct {
	sshfwd.Source
	from  string // the [plan.Repository] Key it is; "" for general keys
	agent bool   // a running agent, which may have keys that are not for this build
}

// key is one identity of a source.
type key struct {
	sshfwd.Identity
	source
}

// sources are those that the repositories need: the deploy keys, and the general ones if a repository has no key of
// its own or a person named them.
func (a *Access) sources() ([]source, error) {
	var all []source
	var l fault.List
	add := func(from string, s sshfwd.Source, err error) {
		if err != nil {
			l.Add(Explained(err))
			return
		}
		all = append(all, source{Source: s, from: from})
	}
	passphrase := ""
	if at := a.o.Config.SSH.Passphrase; at != "" {
		text, err := a.secret("ssh.passphrase", at)
		l.Add(err)
		passphrase = text
	}
	general := false
	var seen []string
	for _, r := range a.overSSH() {
		general = general || r.Key == ""
		if r.Key != "" && !slices.Contains(seen, r.Key) {
			seen = append(seen, r.Key)
			s, err := a.open(r.Key, passphrase)
			add(r.Key, s, err)
		}
	}
	agent := source{Source: sshfwd.Socket(a.o.Env["SSH_AUTH_SOCK"]), agent: true}
	switch own := a.o.Config.SSH.Key; {
	case a.flagPaths != nil:
		for _, path := range a.flagPaths {
			if path == "" {
				all = append(all, agent)
				continue
			}
			s, err := sshfwd.Path(path, passphrase)
			add("", s, err)
		}
	case own != "":
		s, err := a.open(own, passphrase)
		add("", s, err)
	case general:
		all = append(all, agent)
	}
	return all, l.Err()
}

// open reads a key of lpipe.toml, "env:NAME" or a path.
func (a *Access) open(at, passphrase string) (sshfwd.Source, error) {
	name, ok := strings.CutPrefix(at, "env:")
	if !ok {
		return sshfwd.Path(at, passphrase)
	}
	value, ok := a.o.Env[name]
	if !ok {
		return sshfwd.Source{}, unset(name, "an SSH key")
	}
	return sshfwd.EnvKey(name, value, passphrase)
}

// secret is [Secret] for a token or passphrase.
func (a *Access) secret(what, at string) (string, error) { return Secret(a.o.Env, what, at) }

// Secret reads the value of a key of lpipe.toml called what: "env:NAME" for a variable of env, or a path. White space around
// it is no part of it.
func Secret(env map[string]string, what, at string) (string, error) {
	name, ok := strings.CutPrefix(at, "env:")
	if !ok {
		text, err := disk.ReadFile(at, disk.MaxSmall)
		if err != nil {
			return "", &fault.Error{Kind: fault.Usage, What: "cannot read " + what, Err: err, Fix: "correct the path in lpipe.toml"}
		}
		return strings.TrimSpace(string(text)), nil
	}
	value := strings.TrimSpace(env[name])
	if value == "" {
		return "", unset(name, what)
	}
	return value, nil
}

func unset(name, what string) error {
	return &fault.Error{
		Kind: fault.Usage, What: fmt.Sprintf("the variable %s is not set", name),
		Why: what + " is to come from it", Fix: "set it; in CI, as a secret of the job",
	}
}

// listTimeout is how long an agent may take to list its keys; it may ask a person first.
const listTimeout = 30 * time.Second

// keys lists the identities that the build may use; wanted are fingerprints, and empty means all.
func (s source) keys(ctx context.Context, wanted []string) ([]key, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	ids, err := s.Identities(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, &sshfwd.Error{
			Source: s.String(), Err: fmt.Errorf("%w: it said nothing for %s", sshfwd.ErrNoAgent, listTimeout),
			Fix: "look whether it asks for something, such as to be unlocked; else start another with \"eval $(ssh-agent)\"",
		}
	}
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, &sshfwd.Error{Source: s.String(), Err: sshfwd.ErrEmptyAgent, Fix: `add a key with "ssh-add", or unlock the agent with "ssh-add -X"`}
	}
	var keys []key
	var there []string
	for _, id := range ids {
		there = append(there, id.Fingerprint)
		if !s.agent || len(wanted) == 0 || slices.Contains(wanted, id.Fingerprint) {
			keys = append(keys, key{id, s})
		}
	}
	if len(keys) == 0 {
		return nil, &sshfwd.Error{
			Source: s.String(), Err: fmt.Errorf("%w: %s (there: %s)", sshfwd.ErrMissingIdentity, strings.Join(wanted, ", "), strings.Join(there, ", ")),
			Fix: `add the key with "ssh-add FILE", or name one that is there in [ssh] keys`,
		}
	}
	return keys, nil
}

// parseSSH reads the values of --ssh. An empty path in the result is the agent of SSH_AUTH_SOCK.
func parseSSH(o Options) ([]string, error) {
	var paths []string
	var l fault.List
	for _, value := range o.SSH {
		id, list, ok := strings.Cut(value, "=")
		if id == "" || ok && strings.Trim(list, ",") == "" {
			l.Addf(fmt.Sprintf("--ssh %q is not understood", value), "", "write --ssh default, --ssh default=SOCKET or --ssh default=KEY,KEY")
			continue
		}
		if !ok {
			paths = append(paths, "")
		}
		for path := range strings.SplitSeq(list, ",") {
			if path == "" {
				continue
			}
			if rest, ok := strings.CutPrefix(path, "~/"); ok {
				path = filepath.Join(o.Env["HOME"], rest)
			}
			if !filepath.IsAbs(path) {
				path = filepath.Join(o.Cwd, path)
			}
			paths = append(paths, path)
		}
	}
	return paths, l.Err()
}
