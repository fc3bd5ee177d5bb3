package hostkeys

import (
	"fmt"
	"net"
	"slices"

	"golang.org/x/crypto/ssh"
)

// Check returns nil if the key, which may be a host certificate, is pinned for the host, spelled as for [Pins.Lookup].
// Else the error is a [*RevokedError], [*UnknownHostError], [*MismatchError] or [*CertificateError].
func (p *Pins) Check(host string, key ssh.PublicKey) error {
	_, err := p.match(host, key)
	return err
}

// Callback returns Check for [ssh.ClientConfig.HostKeyCallback]. Set HostKeyAlgorithms to [Pins.Algorithms] beside it.
func (p *Pins) Callback() ssh.HostKeyCallback {
	return func(host string, _ net.Addr, key ssh.PublicKey) error { return p.Check(host, key) }
}

// match returns the pin that vouches for the key.
//
// Package knownhosts has the last word. The two rules before it are stricter than its own: it takes the key of an
// authority for a host key, and it reports a revoked certificate in words only.
func (p *Pins) match(host string, key ssh.PublicKey) (Pin, error) {
	cert, isCert := key.(*ssh.Certificate)
	voucher, parts := key, []ssh.PublicKey{key}
	if isCert {
		voucher, parts = cert.SignatureKey, []ssh.PublicKey{cert.Key, cert.SignatureKey}
	}
	for _, part := range parts {
		if pin, ok := p.revoked[string(part.Marshal())]; ok {
			return Pin{}, &RevokedError{Host: display(host), Key: key, Pin: pin}
		}
	}
	pins := p.Lookup(host)
	if len(pins) == 0 {
		return Pin{}, &UnknownHostError{Host: display(host), Key: key}
	}
	i := slices.IndexFunc(pins, func(pin Pin) bool { return pin.Authority == isCert && pin.is(voucher) })
	if i < 0 {
		return Pin{}, &MismatchError{Host: display(host), Key: key, Pins: closest(pins, voucher, isCert)}
	}
	addr, err := address(host)
	if err != nil {
		return Pin{}, err
	}
	if err := p.check(addr, anyAddr, key); err != nil {
		if isCert {
			return Pin{}, &CertificateError{Host: display(host), Key: key, Pin: pins[i], Err: err}
		}
		return Pin{}, fmt.Errorf("checking the host key of %s: %w", display(host), err)
	}
	return pins[i], nil
}

// closest returns the pins a reader would compare the key with: those of its kind and type, else all.
func closest(pins []Pin, key ssh.PublicKey, authority bool) []Pin {
	var same []Pin
	for _, pin := range pins {
		if pin.Authority == authority && pin.Key.Type() == key.Type() {
			same = append(same, pin)
		}
	}
	if len(same) == 0 {
		return pins
	}
	return same
}
