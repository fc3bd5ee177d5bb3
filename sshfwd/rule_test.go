package sshfwd

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// events collects what an agent logs.
type events struct {
	mu  sync.Mutex
	all []Event
}

func (e *events) add(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

func (e *events) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = nil
}

func (e *events) text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	lines := make([]string, len(e.all))
	for i, ev := range e.all {
		lines[i] = ev.String()
	}
	return strings.Join(lines, "\n")
}

// first is the first of them; there is one.
func (e *events) first() Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.all[0]
}

// refusal returns the reason of the last refusal.
func (e *events) refusal() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := len(e.all) - 1; i >= 0; i-- {
		if r, ok := e.all[i].(Refused); ok {
			return r.Err
		}
	}
	return nil
}

func newSigner(t testing.TB) (ssh.Signer, ed25519.PrivateKey) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer, key
}

// memory is a source of the given keys.
func memory(t testing.TB, keys ...any) Source {
	t.Helper()
	var text strings.Builder
	for _, k := range keys {
		block, err := ssh.MarshalPrivateKey(k, "")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%s", pemText(block))
	}
	src, err := EnvKey("TEST_KEY", text.String(), "")
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// pins returns a Policy.Pinned over a map from host to the marshalled keys pinned for it.
func pins(byHost map[string][]ssh.PublicKey) func(string, ssh.PublicKey) error {
	return func(host string, key ssh.PublicKey) error {
		for _, k := range byHost[host] {
			if bytes.Equal(k.Marshal(), key.Marshal()) {
				return nil
			}
		}
		return errors.New("not pinned")
	}
}

// connect serves the agent on a connection in memory.
func connect(t testing.TB, a *Agent) agent.ExtendedAgent {
	t.Helper()
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Serve(context.Background(), ours)
	}()
	t.Cleanup(func() {
		theirs.Close()
		<-done
	})
	return agent.NewClient(theirs)
}

func bindContents(hostKey, session, signature []byte, forwarding byte) []byte {
	b := appendBytes(nil, hostKey)
	b = appendBytes(b, session)
	b = appendBytes(b, signature)
	return append(b, forwarding)
}

// attempt is a login in all its parts, right until a case changes one of them.
type attempt struct {
	host        ssh.Signer
	bindKey     ssh.PublicKey
	bindSession []byte // the one sent; what is signed is signedBy
	signed      []byte
	forwarding  byte
	sigTail     []byte
	bindTail    []byte
	skipBind    bool
	binds       int

	session   []byte
	kind      byte
	user      string
	service   string
	method    string
	signing   byte
	algorithm string
	identity  ssh.PublicKey
	hostKey   []byte // appended when not nil
	tail      []byte
	raw       []byte // instead of the login
	asked     ssh.PublicKey
	flags     agent.SignatureFlags
}

func (a *attempt) login() []byte {
	if a.raw != nil {
		return a.raw
	}
	b := appendBytes(nil, a.session)
	b = append(b, a.kind)
	b = appendBytes(b, []byte(a.user))
	b = appendBytes(b, []byte(a.service))
	b = appendBytes(b, []byte(a.method))
	b = append(b, a.signing)
	b = appendBytes(b, []byte(a.algorithm))
	b = appendBytes(b, a.identity.Marshal())
	if a.hostKey != nil {
		b = appendBytes(b, a.hostKey)
	}
	return append(b, a.tail...)
}

func (a *attempt) bind(t testing.TB) []byte {
	t.Helper()
	sig, err := a.host.Sign(rand.Reader, a.signed)
	if err != nil {
		t.Fatal(err)
	}
	return append(bindContents(a.bindKey.Marshal(), a.bindSession, append(ssh.Marshal(sig), a.sigTail...), a.forwarding), a.bindTail...)
}

func TestSigningRule(t *testing.T) {
	pinned, _ := newSigner(t)
	other, _ := newSigner(t)
	revoked, _ := newSigner(t)
	allowed, allowedKey := newSigner(t)
	unlisted, unlistedKey := newSigner(t)
	absent, _ := newSigner(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaSigner, err := ssh.NewSignerFromKey(rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	ca, _ := newSigner(t)
	hostCert := &ssh.Certificate{Key: pinned.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{"git.example.com"}, ValidBefore: ssh.CertTimeInfinity}
	if err := hostCert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	certSigner, err := ssh.NewCertSigner(hostCert, pinned)
	if err != nil {
		t.Fatal(err)
	}
	errRevoked := errors.New("the key is revoked")
	byHost := pins(map[string][]ssh.PublicKey{
		"git.example.com":   {pinned.PublicKey(), hostCert, rsaSigner.PublicKey()},
		"alias.example.com": {pinned.PublicKey()},
		"not.allowed":       {other.PublicKey()},
	})
	policy := Policy{
		Identities: []string{
			ssh.FingerprintSHA256(allowed.PublicKey()), ssh.FingerprintSHA256(rsaSigner.PublicKey()), ssh.FingerprintSHA256(absent.PublicKey()),
		},
		Hosts: []Host{{"git.example.com", "git"}, {"alias.example.com", "alias"}},
		Pinned: func(host string, key ssh.PublicKey) error {
			if bytes.Equal(key.Marshal(), revoked.PublicKey().Marshal()) {
				return errRevoked
			}
			return byHost(host, key)
		},
	}
	session := bytes.Repeat([]byte{7}, 32)
	otherSession := bytes.Repeat([]byte{8}, 32)

	for _, tt := range []struct {
		name   string
		mode   Mode
		change func(*attempt)
		want   error // nil: signed
		text   string
	}{
		{
			name: "login to a pinned host", change: func(*attempt) {},
			text: "ssh: signed login as git@git.example.com (pinned " + describe(pinned.PublicKey()) + ") with " + ssh.FingerprintSHA256(allowed.PublicKey()),
		},
		{name: "hostbound login to a pinned host", change: func(a *attempt) { a.method, a.hostKey = hostboundMethod, pinned.PublicKey().Marshal() }},
		{name: "a key pinned for two hosts allows the user of each", change: func(a *attempt) { a.user = "alias" }, text: "alias@alias.example.com"},
		{name: "host certificate", change: func(a *attempt) { a.host, a.bindKey = certSigner, hostCert }, text: "pinned ED25519-CERT SHA256:"},
		{name: "hostbound with the host certificate", change: func(a *attempt) {
			a.host, a.bindKey = certSigner, hostCert
			a.method, a.hostKey = hostboundMethod, hostCert.Marshal()
		}},
		{name: "rsa-sha2-256", change: func(a *attempt) {
			a.identity, a.asked, a.algorithm, a.flags = rsaSigner.PublicKey(), rsaSigner.PublicKey(), ssh.KeyAlgoRSASHA256, 2
		}},
		{name: "rsa-sha2-512", change: func(a *attempt) {
			a.identity, a.asked, a.algorithm, a.flags = rsaSigner.PublicKey(), rsaSigner.PublicKey(), ssh.KeyAlgoRSASHA512, 4
		}},

		{name: "no bind", change: func(a *attempt) { a.skipBind = true }, want: ErrUnbound},
		{name: "forged bind: another key signed the session", change: func(a *attempt) { a.host = other }, want: ErrPoisoned},
		{name: "bad signature: over another session", change: func(a *attempt) { a.signed = otherSession }, want: ErrPoisoned},
		{name: "bind with a SHA-1 signature", change: func(a *attempt) {
			a.host, a.bindKey = sha1Signer{rsaSigner.(ssh.AlgorithmSigner)}, rsaSigner.PublicKey()
		}, want: ErrPoisoned, text: ErrBindInvalid.Error()},
		{name: "bind with trailing bytes in its signature", change: func(a *attempt) { a.sigTail = []byte{0} }, want: ErrPoisoned, text: "signature cannot be read"},
		{name: "bind with trailing bytes", change: func(a *attempt) { a.bindTail = []byte{0} }, want: ErrPoisoned, text: "trailing bytes"},
		{name: "bind with an empty session", change: func(a *attempt) { a.signed, a.bindSession = []byte{}, []byte{} }, want: ErrPoisoned},
		{name: "forwarded hop", change: func(a *attempt) { a.forwarding = 1 }, want: ErrPoisoned, text: ErrForwarded.Error()},
		{name: "forwarding is neither true nor false", change: func(a *attempt) { a.forwarding = 2 }, want: ErrPoisoned},
		{name: "rebind", change: func(a *attempt) { a.binds = 2 }, want: ErrPoisoned, text: ErrRebind.Error()},
		{name: "unpinned host", change: func(a *attempt) { a.host, a.bindKey = other, other.PublicKey() }, want: ErrPoisoned, text: describe(other.PublicKey())},
		{name: "revoked host", change: func(a *attempt) { a.host, a.bindKey = revoked, revoked.PublicKey() }, want: ErrPoisoned, text: errRevoked.Error()},
		{name: "session swap", change: func(a *attempt) { a.session = otherSession }, want: ErrSession},
		{name: "wrong user", change: func(a *attempt) { a.user = "root" }, want: ErrUser},
		{name: "no user", change: func(a *attempt) { a.user = "" }, want: ErrUser},
		{name: "wrong service", change: func(a *attempt) { a.service = "ssh-userauth" }, want: ErrService},
		{name: "wrong method", change: func(a *attempt) { a.method = "hostbased" }, want: ErrMethod},
		{name: "wrong message", change: func(a *attempt) { a.kind = 51 }, want: ErrMalformed},
		{name: "no signature announced", change: func(a *attempt) { a.signing = 0 }, want: ErrMalformed},
		{name: "hostbound to another key", change: func(a *attempt) { a.method, a.hostKey = hostboundMethod, other.PublicKey().Marshal() }, want: ErrHostbound},
		{name: "hostbound to an empty key", change: func(a *attempt) { a.method, a.hostKey = hostboundMethod, []byte{} }, want: ErrHostbound},
		{name: "hostbound without a key", change: func(a *attempt) { a.method = hostboundMethod }, want: ErrMalformed},
		{name: "plain publickey with a host key", change: func(a *attempt) { a.hostKey = pinned.PublicKey().Marshal() }, want: ErrMalformed},
		{name: "trailing bytes", change: func(a *attempt) { a.tail = []byte{0} }, want: ErrMalformed, text: "1 trailing bytes"},
		{name: "identity not on the list", change: func(a *attempt) { a.identity, a.asked = unlisted.PublicKey(), unlisted.PublicKey() }, want: ErrIdentity},
		{name: "identity not in the source", change: func(a *attempt) { a.identity, a.asked = absent.PublicKey(), absent.PublicKey() }, want: ErrIdentity},
		{name: "another identity in the login than asked", change: func(a *attempt) { a.identity = rsaSigner.PublicKey() }, want: ErrKeyMismatch},
		{name: "SSHSIG", change: func(a *attempt) { a.raw = []byte(sshsigMagic + "\x00\x00\x00\x04file") }, want: ErrSSHSIG},
		{name: "arbitrary data", change: func(a *attempt) { a.raw = []byte("arbitrary data") }, want: ErrMalformed},
		{name: "no data", change: func(a *attempt) { a.raw = []byte{} }, want: ErrMalformed},
		{name: "flags with a key that takes none", change: func(a *attempt) { a.flags = 2 }, want: ErrAlgorithm},
		{name: "unknown flags", change: func(a *attempt) { a.flags = 1 }, want: ErrAlgorithm},
		{name: "another algorithm than the key's", change: func(a *attempt) { a.algorithm = ssh.KeyAlgoECDSA256 }, want: ErrAlgorithm},
		{name: "RSA with other flags than the login names", change: func(a *attempt) {
			a.identity, a.asked, a.algorithm, a.flags = rsaSigner.PublicKey(), rsaSigner.PublicKey(), ssh.KeyAlgoRSASHA512, 2
		}, want: ErrAlgorithm},
		{name: "RSA with SHA-1", change: func(a *attempt) {
			a.identity, a.asked, a.algorithm = rsaSigner.PublicKey(), rsaSigner.PublicKey(), ssh.KeyAlgoRSA
		}, want: ErrAlgorithm},

		{name: "userauth without a bind", mode: Userauth, change: func(a *attempt) { a.skipBind = true }, text: "ssh: signed login as git (the host is not verified) with SHA256:"},
		{name: "userauth with a bind", mode: Userauth, change: func(*attempt) {}, text: "git@git.example.com (pinned"},
		{name: "userauth with a bad bind", mode: Userauth, change: func(a *attempt) { a.host = other }, want: ErrPoisoned},
		{name: "userauth with a session swap", mode: Userauth, change: func(a *attempt) { a.session = otherSession }, want: ErrSession},
		{name: "userauth without a bind, wrong user", mode: Userauth, change: func(a *attempt) { a.skipBind, a.user = true, "root" }, want: ErrUser},
		{name: "userauth without a bind, hostbound to a pinned key", mode: Userauth, change: func(a *attempt) {
			a.skipBind, a.method, a.hostKey = true, hostboundMethod, pinned.PublicKey().Marshal()
		}, text: "the host is not verified"},
		{name: "userauth without a bind, hostbound to an unpinned key", mode: Userauth, change: func(a *attempt) {
			a.skipBind, a.method, a.hostKey = true, hostboundMethod, other.PublicKey().Marshal()
		}, want: ErrUnpinned},
		{name: "userauth without a bind, SSHSIG", mode: Userauth, change: func(a *attempt) { a.skipBind, a.raw = true, []byte(sshsigMagic) }, want: ErrSSHSIG},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := new(events)
			a := &Agent{Sources: []Source{memory(t, allowedKey, unlistedKey, rsaKey)}, Policy: policy, Log: seen.add}
			a.Policy.Mode = tt.mode
			if err := a.Policy.Validate(); err != nil {
				t.Fatal(err)
			}
			try := &attempt{
				host: pinned, bindKey: pinned.PublicKey(), bindSession: session, signed: session, binds: 1,
				session: session, kind: 50, user: "git", service: "ssh-connection", method: "publickey", signing: 1,
				algorithm: ssh.KeyAlgoED25519, identity: allowed.PublicKey(), asked: allowed.PublicKey(),
			}
			tt.change(try)
			client := connect(t, a)
			for range try.binds {
				if try.skipBind {
					break
				}
				client.Extension(bindExtension, try.bind(t))
			}
			data := try.login()
			sig, err := client.SignWithFlags(try.asked, data, try.flags)
			if !strings.Contains(seen.text(), tt.text) {
				t.Errorf("events:\n%s\nwant %q among them", seen.text(), tt.text)
			}
			if tt.want == nil {
				if err != nil {
					t.Fatalf("refused: %v", seen.refusal())
				}
				if err := try.identity.Verify(data, sig); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("signed")
			}
			if !errors.Is(seen.refusal(), tt.want) {
				t.Errorf("refused because %v, want %v", seen.refusal(), tt.want)
			}
		})
	}
}

// The rule holds without the filter on what is listed, which refuses other identities as well.
func TestRuleAloneRefusesUnlistedIdentity(t *testing.T) {
	a, host, identity, _ := simple(t)
	try := right(host, identity)
	bound, err := a.Policy.bind(try.bind(t))
	if err != nil {
		t.Fatal(err)
	}
	blob := identity.PublicKey().Marshal()
	if _, err := a.Policy.judge(bound, blob, try.login(), 0); err != nil {
		t.Errorf("allowed identity: %v", err)
	}
	a.Policy.Identities = []string{ssh.FingerprintSHA256(host.PublicKey())}
	if _, err := a.Policy.judge(bound, blob, try.login(), 0); !errors.Is(err, ErrIdentity) {
		t.Errorf("unlisted identity: %v", err)
	}
}

type sha1Signer struct{ ssh.AlgorithmSigner }

func (s sha1Signer) Sign(r io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(r, data, ssh.KeyAlgoRSA)
}

// simple is an agent with one identity and one pinned host.
func simple(t testing.TB) (a *Agent, host, identity ssh.Signer, seen *events) {
	t.Helper()
	host, _ = newSigner(t)
	identity, key := newSigner(t)
	seen = new(events)
	return &Agent{
		Sources: []Source{memory(t, key)},
		Policy: Policy{
			Hosts:  []Host{{"git.example.com", "git"}},
			Pinned: pins(map[string][]ssh.PublicKey{"git.example.com": {host.PublicKey()}}),
		},
		Log: seen.add,
	}, host, identity, seen
}

func right(host, identity ssh.Signer) *attempt {
	session := bytes.Repeat([]byte{7}, 32)
	return &attempt{
		host: host, bindKey: host.PublicKey(), bindSession: session, signed: session, session: session, kind: 50, user: "git",
		service: "ssh-connection", method: "publickey", signing: 1, algorithm: identity.PublicKey().Type(), identity: identity.PublicKey(), asked: identity.PublicKey(),
	}
}

func TestEveryOtherRequestIsRefused(t *testing.T) {
	a, _, identity, seen := simple(t)
	_, added := newSigner(t)
	client := connect(t, a)
	for name, call := range map[string]func() error{
		"adding an identity": func() error { return client.Add(agent.AddedKey{PrivateKey: &added}) },
		"adding an identity, constrained": func() error {
			return client.Add(agent.AddedKey{PrivateKey: &added, LifetimeSecs: 60})
		},
		"removing an identity":    func() error { return client.Remove(identity.PublicKey()) },
		"removing all identities": client.RemoveAll,
		"locking the agent":       func() error { return client.Lock([]byte("x")) },
		"unlocking the agent":     func() error { return client.Unlock([]byte("x")) },
		`the extension "query"`: func() error {
			_, err := client.Extension("query", nil)
			return err
		},
		`the extension "restrict-destination-v00@openssh.com"`: func() error {
			_, err := client.Extension("restrict-destination-v00@openssh.com", nil)
			return err
		},
	} {
		if err := call(); err == nil {
			t.Errorf("%s: granted", name)
		}
		if want := "ssh: refused " + strings.TrimSuffix(name, ", constrained") + ": "; !strings.Contains(seen.text(), want) {
			t.Errorf("events:\n%s\nwant %q", seen.text(), want)
		}
	}
	keys, err := client.List()
	if err != nil || len(keys) != 1 || !bytes.Equal(keys[0].Blob, identity.PublicKey().Marshal()) {
		t.Errorf("listed %v, %v after the refusals", keys, err)
	}
}

// Signers and Sign of the client are sign requests; this covers the message types that the client does not know.
func TestOnlyThreeMessageTypesAreServed(t *testing.T) {
	a, _, _, _ := simple(t)
	c := &conn{agent: a}
	for kind := range 256 {
		if kind == msgList || kind == msgSign || kind == msgExtension {
			continue
		}
		if reply := c.answer([]byte{byte(kind), 0, 0, 0, 0}); !bytes.Equal(reply, []byte{msgFailure}) {
			t.Errorf("message %d: reply %v", kind, reply)
		}
	}
}

func TestRefusedBindPoisonsTheConnection(t *testing.T) {
	a, host, identity, seen := simple(t)
	client := connect(t, a)
	bad, good := right(host, identity), right(host, identity)
	bad.signed = []byte("another session")
	if _, err := client.Extension(bindExtension, bad.bind(t)); err == nil {
		t.Fatal("bound with a bad signature")
	}
	if !errors.Is(seen.refusal(), ErrBindInvalid) {
		t.Errorf("refused because %v", seen.refusal())
	}
	if _, err := client.Extension(bindExtension, good.bind(t)); err == nil {
		t.Error("bound after a bad bind")
	}
	if _, err := client.SignWithFlags(good.asked, good.login(), 0); err == nil || !errors.Is(seen.refusal(), ErrPoisoned) {
		t.Errorf("signing: %v, %v", err, seen.refusal())
	}
	if keys, err := client.List(); err == nil || !errors.Is(seen.refusal(), ErrPoisoned) {
		t.Errorf("listed %v, %v", keys, err)
	}
}

func TestConnectionsHaveStateOfTheirOwn(t *testing.T) {
	a, host, identity, seen := simple(t)
	bound, poisoned, fresh := connect(t, a), connect(t, a), connect(t, a)
	try := right(host, identity)
	if _, err := bound.Extension(bindExtension, try.bind(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := poisoned.Extension(bindExtension, []byte("junk")); err == nil {
		t.Fatal("bound to junk")
	}
	if _, err := fresh.SignWithFlags(try.asked, try.login(), 0); err == nil || !errors.Is(seen.refusal(), ErrUnbound) {
		t.Errorf("unbound connection: %v, %v", err, seen.refusal())
	}
	if _, err := bound.SignWithFlags(try.asked, try.login(), 0); err != nil {
		t.Errorf("bound connection: %v", seen.refusal())
	}
}

func TestListShowsAllowedIdentitiesOnly(t *testing.T) {
	a, _, identity, seen := simple(t)
	hidden, hiddenKey := newSigner(t)
	a.Sources = append(a.Sources, memory(t, hiddenKey), a.Sources[0])
	a.Policy.Identities = []string{ssh.FingerprintSHA256(identity.PublicKey())}
	keys, err := connect(t, a).List()
	if err != nil || len(keys) != 1 || !bytes.Equal(keys[0].Blob, identity.PublicKey().Marshal()) || keys[0].Comment != "" {
		t.Errorf("listed %v, %v", keys, err)
	}
	if text := seen.text(); strings.Contains(text, ssh.FingerprintSHA256(hidden.PublicKey())) || !strings.HasPrefix(text, "ssh: listed SHA256:") {
		t.Error(text)
	}
	a.Policy.Identities = nil
	if keys, err := connect(t, a).List(); err != nil || len(keys) != 2 {
		t.Errorf("without a list: %v, %v; want each identity once", keys, err)
	}
}

// A user's certificate is allowed by the fingerprint of its key, which is what ssh-add -l prints.
func TestCertificateIsAllowedByItsKey(t *testing.T) {
	a, _, identity, _ := simple(t)
	ca, _ := newSigner(t)
	cert := &ssh.Certificate{Key: identity.PublicKey(), CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	a.Policy.Identities = []string{ssh.FingerprintSHA256(identity.PublicKey())}
	if !a.Policy.allows(fingerprint(cert.Marshal())) {
		t.Error("refused")
	}
	if other, _ := newSigner(t); a.Policy.allows(fingerprint(other.PublicKey().Marshal())) {
		t.Error("another key is allowed")
	}
}

func TestEventsQuoteWhatTheBuildSays(t *testing.T) {
	a, host, identity, seen := simple(t)
	client := connect(t, a)
	try := right(host, identity)
	client.Extension(bindExtension, try.bind(t))
	try.user = "\x1b[2Jroot\nssh: signed"
	client.SignWithFlags(try.asked, try.login(), 0)
	client.Extension("\x1b]0;title\a", nil)
	if text := seen.text(); strings.ContainsAny(text, "\x1b\a") || strings.Contains(text, "\nssh: signed") {
		t.Errorf("%q", text)
	}
}

func TestHardwareKeyIsAnnounced(t *testing.T) {
	a, host, _, seen := simple(t)
	sk := &touchAgent{t: t, asked: seen.text}
	blob := appendBytes(appendBytes(appendBytes(nil, []byte(ssh.KeyAlgoSKED25519)), make([]byte, 32)), []byte("ssh:"))
	sk.key = &agent.Key{Format: ssh.KeyAlgoSKED25519, Blob: blob}
	a.Sources = []Source{sk.source()}
	try := right(host, host)
	try.identity, try.asked, try.algorithm = sk.key, sk.key, ssh.KeyAlgoSKED25519
	client := connect(t, a)
	client.Extension(bindExtension, try.bind(t))
	if _, err := client.SignWithFlags(try.asked, try.login(), 0); err != nil {
		t.Fatal(seen.refusal())
	}
	if want := "ssh: waiting for a touch of the hardware key " + fingerprint(blob); !strings.Contains(sk.before, want) {
		t.Errorf("before signing the events were:\n%s\nwant %q", sk.before, want)
	}
	if sk.binds != 1 {
		t.Errorf("the real agent got %d binds, want 1", sk.binds)
	}
}

func TestRefusalsStayOutOfTheStandardLogger(t *testing.T) {
	var out bytes.Buffer
	old := log.Writer()
	log.SetOutput(&out)
	t.Cleanup(func() { log.SetOutput(old) })
	a, _, identity, _ := simple(t)
	client := connect(t, a)
	client.RemoveAll()
	client.Sign(identity.PublicKey(), []byte("x"))
	client.Extension("query", nil)
	if out.Len() > 0 {
		t.Errorf("logged %q", out.String())
	}
}

func TestOversizedAndCutRequestsEndTheConnection(t *testing.T) {
	a, _, _, _ := simple(t)
	for sent, want := range map[string]string{
		"\x00\x00\x00\x00": "0 bytes", "\xff\xff\xff\xff": "4294967295 bytes", "\x00\x00\x00\x09\x0b": "cut off", "\x00\x00": "EOF",
	} {
		ours, theirs := duplex()
		done := make(chan error, 1)
		go func() { done <- a.Serve(context.Background(), ours) }()
		theirs.Write([]byte(sent))
		theirs.CloseWrite()
		if err := <-done; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", sent, err, want)
		}
	}
}
