package hostkeys

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// The errors of a check have three sentences each, What, Why and Fix, for programs that print them apart; Error joins
// them. None of them offers to go on, and none to learn the key from the network that may be lying.

// UnknownHostError is a host that no line pins.
type UnknownHostError struct {
	Host string        // as a known_hosts line spells it
	Key  ssh.PublicKey // that the server showed; nil where none was asked
}

// What says what happened.
func (e *UnknownHostError) What() string { return "no host key is pinned for " + e.Host }

// Why names the key that the server showed.
func (e *UnknownHostError) Why() string {
	if e.Key == nil {
		return "no known_hosts line names it"
	}
	return "no known_hosts line names it; the server showed " + describe(e.Key)
}

// Fix says what to do.
func (e *UnknownHostError) Fix() string {
	return "get the host key from whoever runs the host, by a way that is safe, and add its line to your known_hosts file"
}

func (e *UnknownHostError) Error() string { return sentences(e) }

// MismatchError is a host that is pinned and showed another key: it was changed, or the connection is intercepted.
type MismatchError struct {
	Host string
	Key  ssh.PublicKey // that the server showed
	Pins []Pin         // of the same key type where there are any, else all of the host
}

// What says what happened.
func (e *MismatchError) What() string { return "host key mismatch for " + e.Host }

// Why has the fingerprint shown and each one pinned, with the pin's file and line.
func (e *MismatchError) Why() string {
	return fmt.Sprintf("the server showed %s, pinned is %s: the connection is intercepted, or the host has changed its key",
		describe(e.Key), list(e.Pins))
}

// Fix says what to do.
func (e *MismatchError) Fix() string {
	if slices.ContainsFunc(GitHub, func(host string) bool { return display(host) == e.Host }) {
		return "compare the pins with the keys that GitHub publishes: lpipe hostkeys update"
	}
	if slices.ContainsFunc(e.Pins, func(pin Pin) bool { return pin.builtin }) {
		return "compare with what the host's operator publishes; if the key has changed, install a newer lpipe or add the new key " +
			"to your known_hosts file (lpipe hostkeys update does it for GitHub)"
	}
	return "ask whoever runs the host whether its key has changed, and only then change the pin (lpipe hostkeys update does it for GitHub)"
}

func (e *MismatchError) Error() string { return sentences(e) }

// RevokedError is a key, or a certificate of a key or by an authority, that a @revoked line takes out of use.
type RevokedError struct {
	Host string
	Key  ssh.PublicKey // that the server showed
	Pin  Pin           // the @revoked line
}

// What says what happened.
func (e *RevokedError) What() string { return e.Host + " uses a revoked host key" }

// Why has the key and the @revoked line.
func (e *RevokedError) Why() string {
	return fmt.Sprintf("the key is %s, revoked is %s", describe(e.Key), e.Pin)
}

// Fix says what to do.
func (e *RevokedError) Fix() string {
	return "somebody who holds the retired key may be posing as the host: do not use this connection, and tell whoever runs the host or the network"
}

func (e *RevokedError) Error() string { return sentences(e) }

// CertificateError is a host certificate by a pinned authority that does not hold for the host now.
type CertificateError struct {
	Host string
	Key  ssh.PublicKey // the certificate
	Pin  Pin           // the authority
	Err  error         // such as expired, or another host's
}

// What says what happened.
func (e *CertificateError) What() string {
	return "the host certificate of " + e.Host + " is not valid"
}

// Why has the cause and the authority.
func (e *CertificateError) Why() string {
	return fmt.Sprintf("%s, by %s: %v", describe(e.Key), e.Pin, e.Err)
}

// Fix says what to do.
func (e *CertificateError) Fix() string { return "ask whoever runs the host to renew its certificate" }

func (e *CertificateError) Error() string { return sentences(e) }

// Unwrap returns the cause.
func (e *CertificateError) Unwrap() error { return e.Err }

type explained interface {
	What() string
	Why() string
	Fix() string
}

func sentences(e explained) string { return e.What() + ": " + e.Why() + "; " + e.Fix() }

// describe returns type and fingerprint of a key; of a certificate, those of the key in it and of the signer.
func describe(key ssh.PublicKey) string {
	if cert, ok := key.(*ssh.Certificate); ok {
		return fmt.Sprintf("%s %s signed by %s", cert.Type(), fingerprint(cert), describe(cert.SignatureKey))
	}
	return key.Type() + " " + fingerprint(key)
}

// fingerprint is that of the certified key for a certificate, as ssh-keygen -l prints it.
func fingerprint(key ssh.PublicKey) string {
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key
	}
	return ssh.FingerprintSHA256(key)
}

func list(pins []Pin) string {
	var texts []string
	for _, pin := range pins {
		texts = append(texts, pin.String())
	}
	return strings.Join(texts, " or ")
}
