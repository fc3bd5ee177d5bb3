package hostkeys

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// Diff is how the keys that an operator publishes differ from the pins of its hosts.
type Diff struct {
	Hosts   []string        // as a known_hosts line spells them
	Added   []ssh.PublicKey // published, and not pinned for each of the hosts
	Removed []Pin           // pinned for one of the hosts and not published; each key once
}

// Compare returns the difference between the pins of the hosts, spelled as for [Pins.Lookup], and the keys, which are
// all that their operator publishes. A published key that a pin revokes is a [*RevokedError]. Authorities are left alone.
func (p *Pins) Compare(hosts []string, keys []ssh.PublicKey) (Diff, error) {
	var diff Diff
	for _, host := range hosts {
		addr, err := address(host)
		if err != nil {
			return Diff{}, err
		}
		diff.Hosts = append(diff.Hosts, knownhosts.Normalize(addr))
	}
	for _, key := range keys {
		if pin, ok := p.revoked[string(key.Marshal())]; ok {
			return Diff{}, &RevokedError{Host: diff.names(), Key: key, Pin: pin}
		}
	}
	for _, host := range hosts {
		pins := slices.DeleteFunc(p.Lookup(host), func(pin Pin) bool { return pin.Authority })
		for _, key := range keys {
			pinned := slices.ContainsFunc(pins, func(pin Pin) bool { return pin.is(key) })
			listed := slices.ContainsFunc(diff.Added, func(k ssh.PublicKey) bool { return bytes.Equal(k.Marshal(), key.Marshal()) })
			if !pinned && !listed {
				diff.Added = append(diff.Added, key)
			}
		}
		for _, pin := range pins {
			published := slices.ContainsFunc(keys, pin.is)
			listed := slices.ContainsFunc(diff.Removed, func(o Pin) bool { return o.is(pin.Key) })
			if !published && !listed {
				diff.Removed = append(diff.Removed, pin)
			}
		}
	}
	return diff, nil
}

// Empty reports whether the pins are what is published.
func (d Diff) Empty() bool { return len(d.Added) == 0 && len(d.Removed) == 0 }

// String returns the difference for a person to read, a line per key, "-" before "+", each with its fingerprint; it
// is empty where there is none.
func (d Diff) String() string {
	var out bytes.Buffer
	for _, pin := range d.Removed {
		fmt.Fprintf(&out, "- %s %s\n", d.names(), pin)
	}
	for _, key := range d.Added {
		fmt.Fprintf(&out, "+ %s %s\n", d.names(), describe(key))
	}
	return out.String()
}

// Lines returns what to append to a known_hosts file so that, laid over the pins compared, it makes them what is
// published: a line for each added key, and a @revoked one for each removed key. It starts with an empty line, since a
// file may lack its last line end, and is empty where nothing differs.
func (d Diff) Lines() []byte {
	var out bytes.Buffer
	if !d.Empty() {
		out.WriteByte('\n')
	}
	for _, key := range d.Added {
		fmt.Fprintf(&out, "# %s\n%s %s\n", ssh.FingerprintSHA256(key), d.names(), keyText(key))
	}
	for _, pin := range d.Removed {
		fmt.Fprintf(&out, "# %s, no longer published for %s\n@revoked * %s\n", pin.Fingerprint, d.names(), keyText(pin.Key))
	}
	return out.Bytes()
}

func (d Diff) names() string { return strings.Join(d.Hosts, ",") }
