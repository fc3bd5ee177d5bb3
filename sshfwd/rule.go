package sshfwd

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// binding is a verified session bind to a pinned host.
type binding struct {
	hostKey ssh.PublicKey
	blob    []byte // the host key as it was sent
	session []byte
	hosts   []Host // those for which the key is pinned
}

// bind verifies the contents of a session-bind@openssh.com request.
func (p Policy) bind(contents []byte) (*binding, error) {
	msg, err := parseBind(contents)
	if err != nil {
		return nil, err
	}
	if msg.forwarding {
		return nil, ErrForwarded
	}
	key, err := ssh.ParsePublicKey(msg.hostKey)
	if err != nil {
		return nil, fmt.Errorf("%w: the host key cannot be read", ErrMalformed)
	}
	sig := new(ssh.Signature)
	if err := ssh.Unmarshal(msg.signature, sig); err != nil || len(sig.Rest) > 0 {
		return nil, fmt.Errorf("%w: the host's signature cannot be read", ErrMalformed)
	}
	// OpenSSH has not accepted SHA-1 of a host since 8.8, and no earlier version sends binds.
	if sig.Format == ssh.KeyAlgoRSA {
		return nil, fmt.Errorf("%w: it is made with SHA-1", ErrBindInvalid)
	}
	if err := key.Verify(msg.session, sig); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrBindInvalid, describe(key))
	}
	hosts, err := p.pinnedFor(key)
	if err != nil {
		return nil, err
	}
	return &binding{hostKey: key, blob: msg.hostKey, session: msg.session, hosts: hosts}, nil
}

// grant is a login that the rule lets pass.
type grant struct {
	host    Host          // only the user is set when the host was not verified
	hostKey ssh.PublicKey // nil when the host was not verified
}

// judge is the signing rule: whether the identity with that key blob may sign data with those flags on a
// connection with that binding, which is nil when there was none.
func (p Policy) judge(bound *binding, blob, data []byte, flags uint32) (grant, error) {
	if bytes.HasPrefix(data, []byte(sshsigMagic)) {
		return grant{}, ErrSSHSIG
	}
	msg, err := parseLogin(data)
	if err != nil {
		return grant{}, err
	}
	if !bytes.Equal(msg.identity, blob) {
		return grant{}, ErrKeyMismatch
	}
	if msg.service != "ssh-connection" {
		return grant{}, fmt.Errorf("%w: %q", ErrService, clip(msg.service))
	}
	if err := checkAlgorithm(blob, msg.algorithm, flags); err != nil {
		return grant{}, err
	}
	if !p.allows(fingerprint(blob)) {
		return grant{}, ErrIdentity
	}
	if bound == nil {
		return p.judgeUnbound(msg)
	}
	if !bytes.Equal(msg.session, bound.session) {
		return grant{}, ErrSession
	}
	if msg.hostbound && !bytes.Equal(msg.hostKey, bound.blob) {
		return grant{}, ErrHostbound
	}
	for _, h := range bound.hosts {
		if h.User == msg.user {
			return grant{host: h, hostKey: bound.hostKey}, nil
		}
	}
	return grant{}, fmt.Errorf("%w: %q on %s", ErrUser, clip(msg.user), bound.hosts[0].Name)
}

// judgeUnbound is the rest of the rule for a login without a bind.
func (p Policy) judgeUnbound(msg login) (grant, error) {
	if p.Mode != Userauth {
		return grant{}, ErrUnbound
	}
	hosts := p.Hosts
	// The client names a host key but proves nothing: still, only that host takes the signature.
	if msg.hostbound {
		key, err := ssh.ParsePublicKey(msg.hostKey)
		if err != nil {
			return grant{}, fmt.Errorf("%w: the host key cannot be read", ErrMalformed)
		}
		if hosts, err = p.pinnedFor(key); err != nil {
			return grant{}, err
		}
	}
	for _, h := range hosts {
		if h.User == msg.user {
			return grant{host: Host{User: h.User}}, nil
		}
	}
	return grant{}, fmt.Errorf("%w: %q", ErrUser, clip(msg.user))
}

// The flags of a sign request that choose the hash of an RSA signature: PROTOCOL.agent section 4.5.1.
const (
	flagSHA256 = 2
	flagSHA512 = 4
)

// checkAlgorithm reports whether the algorithm that a login names fits its key and the flags of the request.
// SHA-1 with RSA is refused.
func checkAlgorithm(blob []byte, algorithm string, flags uint32) error {
	keyType := blobType(blob)
	var want uint32
	fits := algorithm == keyType
	switch keyType {
	case ssh.KeyAlgoRSA, ssh.CertAlgoRSAv01:
		suffix := strings.TrimPrefix(keyType, ssh.KeyAlgoRSA) // empty, or that of certificates
		switch algorithm {
		case ssh.KeyAlgoRSASHA256 + suffix:
			want, fits = flagSHA256, true
		case ssh.KeyAlgoRSASHA512 + suffix:
			want, fits = flagSHA512, true
		default:
			fits = false
		}
	}
	if !fits || flags != want {
		return fmt.Errorf("%w: %q with flags %d and a key of type %q", ErrAlgorithm, clip(algorithm), flags, clip(keyType))
	}
	return nil
}
