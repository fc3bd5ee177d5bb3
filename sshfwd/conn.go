package sshfwd

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// The bounds of what a build may ask for. A git fetch has one connection while it logs in, and sends three requests.
const (
	// maxConns bounds the connections that are served at a time.
	maxConns = 64
	// maxRequest bounds a request in bytes. A login holds an identity twice and the key of a host; the largest of these,
	// certificates, take a few thousand.
	maxRequest = 64 << 10
	// maxIdle is how long a connection may wait for its next request: as long as OpenSSH's server lets a login take
	// (LoginGraceTime).
	maxIdle = 2 * time.Minute
	// maxTransfer is how long a request may take to arrive once it has begun.
	maxTransfer = 10 * time.Second
)

// The messages of the agent protocol: draft-ietf-sshm-ssh-agent section 7.1.
const (
	msgFailure            = 5
	msgSuccess            = 6
	msgListV1             = 1
	msgRemoveAllV1        = 9
	msgList               = 11
	msgIdentities         = 12
	msgSign               = 13
	msgSignature          = 14
	msgAdd                = 17
	msgRemove             = 18
	msgRemoveAll          = 19
	msgAddCard            = 20
	msgRemoveCard         = 21
	msgLock               = 22
	msgUnlock             = 23
	msgAddConstrained     = 25
	msgAddCardConstrained = 26
	msgExtension          = 27
	msgExtensionFailure   = 28
)

// conn is the state of one connection of the build.
type conn struct {
	agent    *Agent
	open     func(do func([]agent.ExtendedAgent) error) error // see [Agent.ask]; nil if there are no sources
	bound    *binding
	bind     []byte // the message that bound it
	poisoned bool   // a bind was refused: nothing is granted any more
}

// Serve answers the requests on rw until it ends or ctx is done, with state of its own: binds of one connection
// say nothing about another. The sources are opened when a request that is allowed needs them, and closed when it is
// answered; rw is closed at the end. A client that hangs up is no error; a policy with mistakes, a broken message, one that
// does not come, and more connections than a build needs are.
//
// It reads requests itself instead of using agent.ServeAgent of golang.org/x/crypto: that one parses what is sent
// with requests that are refused anyway, private keys to add among them, and writes every refusal to the standard
// logger, where it would break into the display of a build and could only be kept out by changing the
// logger for the whole process.
func (a *Agent) Serve(ctx context.Context, rw io.ReadWriteCloser) error {
	defer rw.Close()
	if err := a.Policy.Validate(); err != nil {
		return err
	}
	defer a.serving.Add(-1)
	if a.serving.Add(1) > maxConns {
		a.log(Refused{ID: a.id(), Request: "a connection", Err: ErrTooMany})
		return ErrTooMany
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() { rw.Close() })()
	c := &conn{agent: a}
	c.open = func(do func([]agent.ExtendedAgent) error) error { return a.ask(ctx, c.bind, do) }
	for {
		late := time.AfterFunc(maxIdle, func() { cancel(ErrSlow) })
		request, err := readMessage(rw, func() { late.Reset(maxTransfer) })
		late.Stop()
		switch {
		case errors.Is(context.Cause(ctx), ErrSlow):
			a.log(Refused{ID: a.id(), Request: "a connection", Err: ErrSlow})
			return ErrSlow
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading a request for the SSH agent: %w", err)
		}
		reply := c.answer(request)
		if _, err := rw.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(reply))), reply...)); err != nil {
			return fmt.Errorf("answering a request for the SSH agent: %w", err)
		}
	}
}

// ask opens the sources for one request, with the bind of its connection if it has one. The user's agent sees one
// connection of a build at a time.
func (a *Agent) ask(ctx context.Context, bind []byte, do func([]agent.ExtendedAgent) error) error {
	a.asking.Lock()
	defer a.asking.Unlock()
	var sources []agent.ExtendedAgent
	for _, src := range a.Sources {
		source, closer, err := src.open(ctx)
		if err != nil {
			return err
		}
		defer closer.Close()
		// Ends a signature that waits for a touch or for the user's consent.
		defer context.AfterFunc(ctx, func() { closer.Close() })()
		if bind != nil {
			// Identities that are constrained to destinations (ssh-add -h) are enforced by the agent that has them. If it
			// knows no binds it has no such identities, and if it refuses this one it refuses to sign with them.
			source.Extension(bindExtension, bind) //nolint:errcheck // as the comment above says
		}
		sources = append(sources, source)
	}
	return do(sources)
}

// readMessage reads a request, and calls begun when its first byte is there. It keeps no more than has come, and of a
// request that is refused whatever is in it only the type.
func readMessage(r io.Reader, begun func()) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:1]); err != nil {
		return nil, err
	}
	begun()
	if _, err := io.ReadFull(r, size[1:]); err != nil {
		return nil, fmt.Errorf("%w: it is cut off: %w", ErrMalformed, io.ErrUnexpectedEOF)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n == 0 || n > maxRequest {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrMalformed, n)
	}
	var msg bytes.Buffer
	_, err := io.CopyN(&msg, r, 1)
	if err == nil {
		var to io.Writer = io.Discard
		if kind := msg.Bytes()[0]; kind == msgList || kind == msgSign || kind == msgExtension {
			to = &msg
		}
		_, err = io.CopyN(to, r, int64(n)-1)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: it is cut off", ErrMalformed)
	}
	return msg.Bytes(), nil
}

func (c *conn) ask(do func([]agent.ExtendedAgent) error) error {
	if c.open == nil {
		return do(nil)
	}
	return c.open(do)
}

// answer decides on one request, which has at least its type.
func (c *conn) answer(request []byte) []byte {
	body := request[1:]
	switch request[0] {
	case msgList:
		return c.list(body)
	case msgSign:
		return c.sign(body)
	case msgExtension:
		return c.extension(body)
	case msgAdd, msgAddConstrained:
		return c.refuse("adding an identity", ErrRequest)
	case msgRemove:
		return c.refuse("removing an identity", ErrRequest)
	case msgRemoveAll, msgRemoveAllV1:
		return c.refuse("removing all identities", ErrRequest)
	case msgAddCard, msgAddCardConstrained:
		return c.refuse("adding a smart card", ErrRequest)
	case msgRemoveCard:
		return c.refuse("removing a smart card", ErrRequest)
	case msgLock:
		return c.refuse("locking the agent", ErrRequest)
	case msgUnlock:
		return c.refuse("unlocking the agent", ErrRequest)
	case msgListV1:
		return c.refuse("listing identities of protocol 1", ErrRequest)
	default:
		return c.refuse(fmt.Sprintf("message %d", request[0]), ErrRequest)
	}
}

func (c *conn) refuse(request string, err error) []byte {
	c.agent.log(Refused{ID: c.agent.id(), Request: request, Err: err})
	return []byte{msgFailure}
}

func (c *conn) list(body []byte) []byte {
	const request = "listing identities"
	if c.poisoned {
		// A host that is not the one it says must not learn the public keys either.
		return c.refuse(request, ErrPoisoned)
	}
	if err := (&wire{rest: body}).end(request); err != nil {
		return c.refuse(request, err)
	}
	var ids []offer
	err := c.ask(func(sources []agent.ExtendedAgent) (err error) {
		ids, err = c.identities(sources)
		return err
	})
	if err != nil {
		return c.refuse(request, err)
	}
	reply := binary.BigEndian.AppendUint32([]byte{msgIdentities}, uint32(len(ids)))
	shown := make([]string, len(ids))
	for i, id := range ids {
		reply = appendBytes(reply, id.key.Blob)
		reply = appendBytes(reply, nil) // comments hold paths and mail addresses, which no login needs
		shown[i] = fingerprint(id.key.Blob)
	}
	c.agent.log(Listed{ID: c.agent.id(), Identities: shown})
	return reply
}

// offer is an identity and the agent that has it.
type offer struct {
	key  *agent.Key
	from agent.ExtendedAgent
}

// identities returns those that the policy allows, each once.
func (c *conn) identities(sources []agent.ExtendedAgent) ([]offer, error) {
	var offers []offer
	for i, source := range sources {
		keys, err := source.List()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.agent.Sources[i], err)
		}
		for _, k := range keys {
			known := slices.ContainsFunc(offers, func(o offer) bool { return string(o.key.Blob) == string(k.Blob) })
			if !known && c.agent.Policy.allows(fingerprint(k.Blob)) {
				offers = append(offers, offer{k, source})
			}
		}
	}
	return offers, nil
}

func (c *conn) sign(body []byte) []byte {
	const request = "a signature"
	w := &wire{rest: body}
	blob, data, flags := w.bytes(), w.bytes(), w.uint32()
	if err := w.end("the request"); err != nil {
		return c.refuse(request, err)
	}
	what := fmt.Sprintf("%s with %s", request, fingerprint(blob))
	if c.poisoned {
		return c.refuse(what, ErrPoisoned)
	}
	granted, err := c.agent.Policy.judge(c.bound, blob, data, flags)
	if err != nil {
		return c.refuse(what, err)
	}
	signature, err := c.signWith(blob, data, flags)
	if err != nil {
		return c.refuse(what, err)
	}
	c.agent.log(Signed{
		ID: c.agent.id(), User: granted.host.User, Host: granted.host.Name, HostKey: granted.hostKey, Identity: fingerprint(blob),
	})
	return appendBytes([]byte{msgSignature}, ssh.Marshal(signature))
}

// signWith asks the source that has the identity.
func (c *conn) signWith(blob, data []byte, flags uint32) (signature *ssh.Signature, err error) {
	err = c.ask(func(sources []agent.ExtendedAgent) error {
		signature, err = c.signOn(sources, blob, data, flags)
		return err
	})
	return signature, err
}

func (c *conn) signOn(sources []agent.ExtendedAgent, blob, data []byte, flags uint32) (*ssh.Signature, error) {
	offers, err := c.identities(sources)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(offers, func(o offer) bool { return string(o.key.Blob) == string(blob) })
	if i < 0 {
		return nil, ErrIdentity
	}
	if t := blobType(blob); strings.HasPrefix(t, "sk-") || strings.HasPrefix(t, "webauthn-sk-") {
		c.agent.log(Waiting{ID: c.agent.id(), Identity: fingerprint(blob)})
	}
	signature, err := offers[i].from.SignWithFlags(offers[i].key, data, agent.SignatureFlags(flags))
	if err != nil {
		return nil, fmt.Errorf("the agent that has it refused: %w", err)
	}
	return signature, nil
}

func (c *conn) extension(body []byte) []byte {
	w := &wire{rest: body}
	name := string(w.bytes())
	if w.failed || name != bindExtension {
		return c.refuse(fmt.Sprintf("the extension %q", clip(name)), ErrExtension)
	}
	if err := c.bindTo(w.rest); err != nil {
		c.poisoned = true
		c.bound, c.bind = nil, nil
		c.refuse("to bind the connection to a host", err)
		return []byte{msgExtensionFailure}
	}
	return []byte{msgSuccess}
}

func (c *conn) bindTo(contents []byte) error {
	switch {
	case c.poisoned:
		return ErrPoisoned
	case c.bound != nil:
		return ErrRebind
	}
	bound, err := c.agent.Policy.bind(contents)
	if err != nil {
		return err
	}
	c.bound, c.bind = bound, contents
	return nil
}

func appendBytes(to, b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(to, uint32(len(b))), b...)
}
