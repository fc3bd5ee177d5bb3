package hostkeys

import (
	"errors"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// Pins is a set of pins. It does not change; its methods may be called at the same time. The zero value pins nothing.
type Pins struct {
	pins    []Pin
	named   []string            // hosts the built-in file names, in known_hosts form
	revoked map[string]Pin      // by the key's wire form
	check   ssh.HostKeyCallback // of package knownhosts, over one line per element of pins; nil when there are none
}

// With returns the pins with the known_hosts lines of data laid over them: see the package comment. Name is the file
// name for messages. The error joins a [*LineError] for every bad line.
func (p *Pins) With(name string, data []byte) (*Pins, error) {
	added, parseErr := parse(name, data)
	over := &Pins{pins: slices.Concat(p.pins, added), named: p.named, revoked: make(map[string]Pin)}
	for _, pin := range over.pins {
		wire := string(pin.Key.Marshal())
		if _, ok := over.revoked[wire]; pin.Revoked && !ok {
			over.revoked[wire] = pin
		}
	}
	check, err := database(over.pins, over.named)
	if err := errors.Join(parseErr, err); err != nil {
		return nil, err
	}
	over.check = check
	return over, nil
}

// All returns every pin: the built-in ones first, then those of each file, in the order of their lines.
func (p *Pins) All() []Pin { return slices.Clone(p.pins) }

// Additions returns the pins of user files that add a key to a built-in host, each once.
func (p *Pins) Additions() []Pin {
	var added []Pin
	for _, host := range p.named {
		pins := p.Lookup(host)
		for i, pin := range pins {
			known := slices.ContainsFunc(pins[:i], func(o Pin) bool { return o.is(pin.Key) && o.Authority == pin.Authority })
			seen := slices.ContainsFunc(added, func(o Pin) bool { return o.File == pin.File && o.Line == pin.Line })
			if !pin.builtin && !known && !seen {
				added = append(added, pin)
			}
		}
	}
	return added
}

// Lookup returns the pins a key or certificate of the host may match, in the order of [Pins.All]; revoked keys are
// not among them. The host is a name or address, with a port unless it is 22: "github.com", "ssh.github.com:443",
// "::1", "[::1]:2222". Of a string that is no host it returns nothing.
func (p *Pins) Lookup(host string) []Pin {
	addr, err := address(host)
	if err != nil || p.check == nil {
		return nil
	}
	// A key that is nobody's makes package knownhosts name every line that matches the host.
	var keyErr *knownhosts.KeyError
	if !errors.As(p.check(addr, anyAddr, nobody{}), &keyErr) {
		return nil
	}
	var pins []Pin
	for _, want := range keyErr.Want {
		pin := p.pins[want.Line-1]
		if _, ok := p.revoked[string(pin.Key.Marshal())]; !ok {
			pins = append(pins, pin)
		}
	}
	return pins
}

// Algorithms returns the host key algorithms to offer to the host, for [ssh.ClientConfig.HostKeyAlgorithms]: those
// its pins can answer for, certificates first. Offering others would let a server show a key that has no pin although
// it has one that does. A host without pins has none.
func (p *Pins) Algorithms(host string) []string {
	supported := ssh.SupportedAlgorithms().HostKeys
	var certs, plain []string
	for _, pin := range p.Lookup(host) {
		switch {
		case pin.Authority: // whatever the type of its own key, it may sign any
			certs = slices.DeleteFunc(slices.Clone(supported), func(a string) bool { return !strings.Contains(a, "-cert-") })
		case pin.Key.Type() == ssh.KeyAlgoRSA: // one key, two signatures (RFC 8332); ssh-rsa is SHA-1
			plain = append(plain, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		case slices.Contains(supported, pin.Key.Type()):
			plain = append(plain, pin.Key.Type())
		}
	}
	var algorithms []string
	for _, a := range slices.Concat(certs, plain) {
		if !slices.Contains(algorithms, a) {
			algorithms = append(algorithms, a)
		}
	}
	return algorithms
}

// anyAddr stands for the address a host resolved to, which is of no account: pins are looked up by the name asked for.
var anyAddr = new(net.TCPAddr)

// nobody is a key that equals no other.
type nobody struct{}

func (nobody) Type() string    { return "nobody" }
func (nobody) Marshal() []byte { return nil }
func (nobody) Verify([]byte, *ssh.Signature) error {
	return errors.New("hostkeys: this key verifies nothing")
}
