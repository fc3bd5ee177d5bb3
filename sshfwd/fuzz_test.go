package sshfwd

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

// Whatever parses as a login is written back as the same bytes, so nothing that is signed went unread.
func FuzzParseLogin(f *testing.F) {
	host, _ := newSigner(f)
	identity, _ := newSigner(f)
	try := right(host, identity)
	f.Add(try.login())
	try.method, try.hostKey = hostboundMethod, host.PublicKey().Marshal()
	f.Add(try.login())
	try.tail = []byte{0}
	f.Add(try.login())
	f.Add([]byte(sshsigMagic))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		msg, err := parseLogin(data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrMethod) {
				t.Errorf("untyped error %v", err)
			}
			return
		}
		method := "publickey"
		if msg.hostbound {
			method = hostboundMethod
		}
		b := append(appendBytes(nil, msg.session), userauthRequest)
		for _, s := range []string{msg.user, msg.service, method} {
			b = appendBytes(b, []byte(s))
		}
		b = appendBytes(appendBytes(append(b, 1), []byte(msg.algorithm)), msg.identity)
		if msg.hostbound {
			b = appendBytes(b, msg.hostKey)
		}
		if !bytes.Equal(b, data) {
			t.Errorf("%q reads as %+v, which is written %q", data, msg, b)
		}
		if bytes.HasPrefix(data, []byte(sshsigMagic)) {
			t.Error("a login that is a signed file as well")
		}
	})
}

func FuzzParseBind(f *testing.F) {
	host, _ := newSigner(f)
	identity, _ := newSigner(f)
	try := right(host, identity)
	f.Add(try.bind(f))
	try.forwarding, try.bindTail = 1, []byte{0}
	f.Add(try.bind(f))
	f.Add([]byte{0, 0, 0, 0})
	a, _, _, _ := simple(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		msg, err := parseBind(data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("untyped error %v", err)
			}
			return
		}
		var forwarding byte
		if msg.forwarding {
			forwarding = 1
		}
		if b := bindContents(msg.hostKey, msg.session, msg.signature, forwarding); !bytes.Equal(b, data) {
			t.Errorf("%q reads as %+v, which is written %q", data, msg, b)
		}
		// No input can know the host's private key.
		if bound, err := a.Policy.bind(data); err == nil {
			t.Errorf("bound to %v", bound)
		}
	})
}

// No sequence of requests gets a signature out of an agent, as none can have the host's.
func FuzzRequests(f *testing.F) {
	a, host, identity, _ := simple(f)
	try := right(host, identity)
	sign := appendBytes(appendBytes([]byte{msgSign}, identity.PublicKey().Marshal()), try.login())
	f.Add([]byte{msgList}, append(sign, 0, 0, 0, 0))
	f.Add(append(appendBytes([]byte{msgExtension}, []byte(bindExtension)), bindContents([]byte("k"), []byte("s"), []byte("g"), 0)...), sign)
	f.Add([]byte{msgAdd}, []byte{msgLock})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		c := &conn{agent: a}
		for _, request := range [][]byte{first, second} {
			if len(request) == 0 {
				return
			}
			switch reply := c.answer(request); reply[0] {
			case msgFailure, msgExtensionFailure:
			case msgIdentities:
				if len(request) != 1 || request[0] != msgList {
					t.Errorf("%q lists", request)
				}
			default:
				t.Errorf("%q is answered with message %d", request, reply[0])
			}
		}
	})
}

// Refused values are never quoted, whatever they are.
func FuzzParseKeys(f *testing.F) {
	for _, k := range testKeys(f) {
		f.Add(k.text, "")
		f.Add(strings.ReplaceAll(k.text, "\n", `\n`), "x")
		f.Add(base64.StdEncoding.EncodeToString([]byte(k.text)), "")
	}
	f.Add(opensshHeader("ssh-dss"), "")
	f.Add("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----", "x")
	f.Fuzz(func(t *testing.T, text, passphrase string) {
		_, err := parseKeys("env:KEY", text, passphrase)
		if err == nil {
			return
		}
		var e *Error
		if !errors.As(err, &e) || e.Fix == "" {
			t.Errorf("%v names no fix", err)
		}
		if errors.Unwrap(e.Err) != nil {
			t.Errorf("%v wraps an error of a parser", err)
		}
	})
}
