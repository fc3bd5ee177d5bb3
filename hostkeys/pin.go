package hostkeys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// Pin is one line of a known_hosts file.
type Pin struct {
	File        string // as given to [Load] or [Pins.With], or [Builtin]
	Line        int    // from 1
	Hosts       []string
	Key         ssh.PublicKey // never a certificate
	Fingerprint string        // of Key: "SHA256:" and base64, as ssh-keygen -l prints it
	Authority   bool          // @cert-authority: Key signs the certificates of the hosts
	Revoked     bool          // @revoked: Key is refused for every host
	Comment     string

	builtin bool
}

// String returns the key and the place of the pin.
func (p Pin) String() string {
	kind := ""
	if p.Authority {
		kind = "authority "
	}
	return fmt.Sprintf("%s%s %s (%s)", kind, p.Key.Type(), p.Fingerprint, p.position())
}

func (p Pin) position() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

func (p Pin) is(key ssh.PublicKey) bool { return bytes.Equal(p.Key.Marshal(), key.Marshal()) }

// LineError is a line of a known_hosts file that cannot be used.
type LineError struct {
	File string
	Line int
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }

// Unwrap returns the cause.
func (e *LineError) Unwrap() error { return e.Err }

// parse reads the lines of a known_hosts file: those it can, and an error for each of the others.
func parse(file string, data []byte) ([]Pin, error) {
	var (
		pins []Pin
		errs []error
		n    int
	)
	for line := range bytes.Lines(data) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		pin, err := parseLine(line)
		if err != nil {
			errs = append(errs, &LineError{File: file, Line: n, Err: err})
			continue
		}
		pin.File, pin.Line = file, n
		pins = append(pins, pin)
	}
	return pins, errors.Join(errs...)
}

func parseLine(line []byte) (Pin, error) {
	marker, hosts, key, comment, _, err := ssh.ParseKnownHosts(line)
	if errors.Is(err, io.EOF) { // a word with nothing after it
		return Pin{}, errors.New("not a known_hosts line: want hosts, key type and key")
	}
	if err != nil {
		return Pin{}, fmt.Errorf("not a known_hosts line: %w", err)
	}
	if _, ok := key.(*ssh.Certificate); ok {
		return Pin{}, errors.New("this is a certificate: pin the key of the authority that signed it, with @cert-authority")
	}
	pin := Pin{Hosts: hosts, Key: key, Fingerprint: ssh.FingerprintSHA256(key), Comment: comment}
	switch marker {
	case "":
	case "cert-authority":
		pin.Authority = true
	case "revoked":
		pin.Revoked = true
	default:
		return Pin{}, errors.New("unknown marker (known: @cert-authority, @revoked)")
	}
	return pin, nil
}

// databaseLine writes the pin for package knownhosts, with its wildcards kept away from the built-in hosts that the
// line does not name. Host names are compared in lower case, as OpenSSH does.
func (p Pin) databaseLine(named []string) string {
	hosts := strings.Join(p.Hosts, ",")
	if !strings.HasPrefix(hosts, "|") {
		hosts = strings.ToLower(hosts)
	}
	if strings.ContainsAny(hosts, "*?") && !p.Revoked {
		own := make(map[string]bool)
		for host := range strings.SplitSeq(hosts, ",") {
			own[knownhosts.Normalize(host)] = true
		}
		for _, host := range named {
			if !own[host] {
				hosts += ",!" + host
			}
		}
	}
	return p.marker() + hosts + " " + keyText(p.Key)
}

func (p Pin) marker() string {
	switch {
	case p.Revoked:
		return "@revoked "
	case p.Authority:
		return "@cert-authority "
	default:
		return ""
	}
}

// keyText returns the type and the base64 of a key, as in a known_hosts line.
func keyText(key ssh.PublicKey) string {
	return string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(key)))
}
