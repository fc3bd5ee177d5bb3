package hostkeys

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh/knownhosts"
)

// address returns the host as package knownhosts takes it: lower case, with a port. What it lets through is safe to
// write into a known_hosts line.
func address(host string) (string, error) {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = host, "22"
		if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
			name = host[1 : len(host)-1]
		}
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || !isName(name) {
		return "", fmt.Errorf("%q is not a host or host:port", host)
	}
	return net.JoinHostPort(strings.ToLower(name), strconv.FormatUint(number, 10)), nil
}

func isName(name string) bool {
	if strings.Contains(name, ":") {
		ip, err := netip.ParseAddr(name)
		return err == nil && ip.Zone() == ""
	}
	outside := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	}
	return name != "" && name[0] != '-' && !strings.ContainsFunc(name, outside)
}

// display returns the host as a known_hosts line spells it, or as it came where it is none.
func display(host string) string {
	addr, err := address(host)
	if err != nil {
		return strconv.Quote(host)
	}
	return knownhosts.Normalize(addr)
}
