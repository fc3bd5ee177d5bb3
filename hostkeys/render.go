package hostkeys

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh/knownhosts"
)

// Render returns a known_hosts file with the pins of the hosts, spelled as for [Pins.Lookup], and every revoked key.
// Each line names one host: patterns, hashes and comments of the sources do not get into it, so OpenSSH decides by
// it as [Pins.Check] does, and for no other host. The same pins and hosts give the same bytes, in whatever order.
// Hosts without a pin are [*UnknownHostError]s, joined.
func (p *Pins) Render(hosts ...string) ([]byte, error) {
	var (
		lines []string
		errs  []error
	)
	for _, host := range hosts {
		pins := p.Lookup(host)
		if len(pins) == 0 {
			errs = append(errs, &UnknownHostError{Host: display(host)})
			continue
		}
		addr, err := address(host)
		if err != nil {
			return nil, err
		}
		for _, pin := range pins {
			lines = append(lines, pin.marker()+knownhosts.Normalize(addr)+" "+keyText(pin.Key))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, pin := range p.revoked {
		lines = append(lines, pin.marker()+"* "+keyText(pin.Key))
	}
	if len(lines) == 0 {
		return nil, nil
	}
	slices.Sort(lines)
	return []byte(strings.Join(slices.Compact(lines), "\n") + "\n"), nil
}
