// Package hostkeys knows which SSH servers a build may talk to: it pins their host keys, checks a key a server
// shows against the pins, probes a server, and compares the pins with the keys its operator publishes.
//
// It never learns a key from the network on its own: a key enters with this package, from a file of the user, or
// from [Published], which a person reviews as a [Diff]. Matching hosts is left to golang.org/x/crypto/ssh/knownhosts.
//
// A pin is one line of a known_hosts file: hosts and a key, or an authority that signs the host's certificates
// (@cert-authority), or a key nobody may use any more (@revoked). The built-in pins are the file known_hosts
// beside this code. User files are laid over them by three rules:
//
//   - A line adds; it never takes a built-in pin away. Where it adds a key to a built-in host, [Pins.Additions]
//     tells, so that a program can say so.
//   - A pattern with a wildcard does not reach a built-in host. "@cert-authority * …" of a company therefore
//     vouches for the company's hosts and not for github.com, which a line must name to add to.
//   - A revoked key is refused for every host, whatever pins it and whatever hosts the @revoked line names.
//     As OpenSSH does, a revoked authority takes its certificates with it.
//
// A file with a line that cannot be read is refused as a whole, since a line skipped could be the @revoked one.
package hostkeys

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/crypto/ssh/knownhosts"
)

// Builtin is the file name that the pins of this package carry.
const Builtin = "built-in known_hosts"

//go:embed known_hosts
var builtin []byte

// Default returns the built-in pins. It fails only if no temporary file can be written.
func Default() (*Pins, error) { return load() }

var load = sync.OnceValues(func() (*Pins, error) {
	p, err := new(Pins).With(Builtin, builtin)
	if err != nil {
		return nil, err
	}
	for i := range p.pins {
		pin := &p.pins[i]
		pin.builtin = true
		if pin.Revoked {
			continue
		}
		for _, host := range pin.Hosts {
			p.named = append(p.named, knownhosts.Normalize(host))
		}
	}
	return p, nil
})

// maxFile bounds a known_hosts file in bytes; a line has some hundred.
const maxFile = 16 << 20

// readFile reads a regular file. Opening a named pipe would block, and a device may have no end.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("it is not a regular file of at most %d bytes", maxFile)}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// Load returns the built-in pins with the known_hosts files laid over them, in order. Every file must exist. All
// unreadable files and lines are reported, the lines as [*LineError].
func Load(files ...string) (*Pins, error) {
	p, err := Default()
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, file := range files {
		data, err := readFile(file)
		if err != nil {
			errs = append(errs, fmt.Errorf("reading known_hosts: %w", err))
			continue
		}
		over, err := p.With(file, data)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p = over
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p, nil
}
