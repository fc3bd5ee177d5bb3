package sshfwd

import (
	"encoding/binary"
	"fmt"
)

const (
	// bindExtension is the name of the session bind: PROTOCOL.agent of OpenSSH, section 1.
	bindExtension = "session-bind@openssh.com"
	// sshsigMagic opens the data that ssh-keygen -Y sign signs: PROTOCOL.sshsig of OpenSSH.
	sshsigMagic = "SSHSIG"
	// userauthRequest is SSH_MSG_USERAUTH_REQUEST: RFC 4252 section 6.
	userauthRequest = 50
	// hostboundMethod is publickey with the host's key added: PROTOCOL of OpenSSH, section 3.1.
	hostboundMethod = "publickey-hostbound-v00@openssh.com"
)

// wire reads the types of RFC 4251 section 5. After the first value that is not there it yields zero values, and
// end reports the failure.
type wire struct {
	rest   []byte
	failed bool
}

func (w *wire) take(n uint64) []byte {
	if w.failed || uint64(len(w.rest)) < n {
		w.failed = true
		return nil
	}
	b := w.rest[:n:n]
	w.rest = w.rest[n:]
	return b
}

func (w *wire) byte() byte {
	if b := w.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (w *wire) uint32() uint32 {
	if b := w.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (w *wire) bytes() []byte {
	return w.take(uint64(w.uint32()))
}

// bool takes only 0 and 1. The RFC lets other values count as true, and two readers of one message could differ.
func (w *wire) bool() bool {
	b := w.byte()
	if b > 1 {
		w.failed = true
	}
	return b == 1
}

func (w *wire) end(what string) error {
	if w.failed {
		return fmt.Errorf("%w: %s is cut off or has a bad value", ErrMalformed, what)
	}
	if len(w.rest) > 0 {
		return fmt.Errorf("%w: %s has %d trailing bytes", ErrMalformed, what, len(w.rest))
	}
	return nil
}

// bindMessage is the contents of a session bind.
type bindMessage struct {
	hostKey, session, signature []byte
	forwarding                  bool
}

func parseBind(contents []byte) (bindMessage, error) {
	w := &wire{rest: contents}
	msg := bindMessage{hostKey: w.bytes(), session: w.bytes(), signature: w.bytes(), forwarding: w.bool()}
	if err := w.end("the session bind"); err != nil {
		return bindMessage{}, err
	}
	if len(msg.session) == 0 {
		return bindMessage{}, fmt.Errorf("%w: the session id is empty", ErrMalformed)
	}
	return msg, nil
}

// login is the data that a client signs to log in: RFC 4252 section 7.
type login struct {
	session       []byte
	user, service string
	algorithm     string
	identity      []byte
	hostbound     bool   // the method is the one that names the host's key
	hostKey       []byte // that key
}

func parseLogin(data []byte) (login, error) {
	const what = "the data to sign"
	w := &wire{rest: data}
	msg := login{session: w.bytes()}
	kind := w.byte()
	msg.user, msg.service = string(w.bytes()), string(w.bytes())
	method := string(w.bytes())
	if w.failed || kind != userauthRequest {
		return login{}, fmt.Errorf("%w: %s is no login", ErrMalformed, what)
	}
	if method != "publickey" && method != hostboundMethod {
		return login{}, fmt.Errorf("%w: %q", ErrMethod, clip(method))
	}
	signed := w.bool()
	msg.algorithm, msg.identity = string(w.bytes()), w.bytes()
	if method == hostboundMethod {
		msg.hostbound, msg.hostKey = true, w.bytes()
	}
	if err := w.end(what); err != nil {
		return login{}, err
	}
	if !signed || len(msg.session) == 0 {
		return login{}, fmt.Errorf("%w: %s is no login", ErrMalformed, what)
	}
	return msg, nil
}

// blobType returns the key type that a public key's wire form opens with, or nothing.
func blobType(blob []byte) string {
	return string((&wire{rest: blob}).bytes())
}
