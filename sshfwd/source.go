package sshfwd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

const (
	// dialTimeout bounds connecting to an agent's socket, which is on this machine.
	dialTimeout = 5 * time.Second
	// maxKeyFile bounds a key file in bytes; an RSA key of 16384 bits takes about 13,000.
	maxKeyFile = 1 << 20
)

// Source is where identities come from: a running agent, or private keys in memory. Printing one, with any verb,
// shows its name only.
type Source struct {
	name string
	// open keeps keys inside a closure, where neither fmt nor reflection finds them. It returns an agent for one
	// connection of the build, to be closed with it.
	open func(context.Context) (agent.ExtendedAgent, io.Closer, error)
}

// Identity is a key that a source has.
type Identity struct {
	Key         ssh.PublicKey
	Fingerprint string // "SHA256:…"; of a certificate, that of the key inside
	Comment     string
}

// String returns the source's name: the path, or "env:NAME".
func (s Source) String() string { return s.name }

// Format writes the source's name, whatever the verb.
func (s Source) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.name) }

// Socket returns the agent that listens on the unix socket at path. It is first dialled when it is used. An empty
// path is a source that says that there is no agent.
func Socket(path string) Source {
	name := path
	if path == "" {
		name = "SSH agent"
	}
	return Source{name, func(ctx context.Context) (agent.ExtendedAgent, io.Closer, error) {
		if path == "" {
			return nil, nil, &Error{name, fmt.Errorf("%w: no socket is given", ErrNoAgent), startAgent}
		}
		conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "unix", path)
		if err != nil {
			return nil, nil, dialError(ctx, path, err)
		}
		return agent.NewClient(conn), conn, nil
	}}
}

const startAgent = `start one with "eval $(ssh-agent)" and add a key with "ssh-add", or give a key file`

func dialError(ctx context.Context, path string, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("connecting to the SSH agent at %s: %w", path, ctx.Err())
	case errors.Is(err, fs.ErrNotExist):
		return &Error{path, fmt.Errorf("%w: the socket does not exist", ErrNoAgent), startAgent}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Error{path, fmt.Errorf("%w: its socket is there but nothing answers", ErrNoAgent), startAgent}
	default:
		return &Error{path, fmt.Errorf("%w: %w", ErrNoAgent, err), "check SSH_AUTH_SOCK and the socket's permissions"}
	}
}

// KeyFile reads a private key from a file. The passphrase is only used if the key is encrypted.
func KeyFile(path, passphrase string) (Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Source{}, fmt.Errorf("reading the SSH key: %w", err)
	}
	if !info.Mode().IsRegular() { // opening a named pipe would block
		return Source{}, &Error{path, ErrNoKey, "give the path of a private key; this is no regular file"}
	}
	f, err := os.Open(path)
	if err != nil {
		return Source{}, fmt.Errorf("reading the SSH key: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return Source{}, fmt.Errorf("reading the SSH key: %w", err)
	}
	if len(text) > maxKeyFile {
		return Source{}, &Error{path, ErrNoKey, "give the path of a private key; this file is larger than 1 MiB"}
	}
	return keys(path, string(text), passphrase)
}

// EnvKey takes a private key that is the value of the environment variable of that name. What continuous
// integration does to such values is repaired: base64 around the whole, \n as two characters, newlines turned to
// spaces or lost, indentation, CRLF, quotes.
func EnvKey(name, value, passphrase string) (Source, error) {
	return keys("env:"+name, value, passphrase)
}

// Path returns the agent at path if that is a socket, and the private key in that file otherwise.
func Path(path, passphrase string) (Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Source{}, fmt.Errorf("opening the SSH agent or key: %w", err)
	}
	if info.Mode().Type() == fs.ModeSocket {
		return Socket(path), nil
	}
	return KeyFile(path, passphrase)
}

// keys is a source of the private keys in text.
func keys(name, text, passphrase string) (Source, error) {
	parsed, err := parseKeys(name, text, passphrase)
	if err != nil {
		return Source{}, err
	}
	keyring := agent.NewKeyring().(agent.ExtendedAgent)
	for _, k := range parsed {
		if err := keyring.Add(agent.AddedKey{PrivateKey: k, Comment: name}); err != nil {
			return Source{}, unreadable(name)
		}
	}
	return Source{name, func(context.Context) (agent.ExtendedAgent, io.Closer, error) {
		return keyring, io.NopCloser(nil), nil
	}}, nil
}

// Identities lists what the source has. A problem that the user can mend is an [Error].
func (s Source) Identities(ctx context.Context) ([]Identity, error) {
	a, closer, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	stop := context.AfterFunc(ctx, func() { closer.Close() })
	defer stop()
	listed, err := a.List()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("listing the identities of %s: %w", s.name, ctx.Err())
	}
	if err != nil {
		return nil, &Error{s.name, fmt.Errorf("%w: listing its identities: %w", ErrNoAgent, err), "check that it is an SSH agent"}
	}
	ids := make([]Identity, len(listed))
	for i, k := range listed {
		ids[i] = Identity{Key: k, Fingerprint: fingerprint(k.Blob), Comment: k.Comment}
	}
	return ids, nil
}
