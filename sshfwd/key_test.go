package sshfwd

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// testKeys are private keys as text, by format, with the fingerprints they have.
func testKeys(t testing.TB) map[string]struct{ text, fingerprint string } {
	t.Helper()
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalECPrivateKey(ecKey)
	if err != nil {
		t.Fatal(err)
	}
	keys := make(map[string]struct{ text, fingerprint string })
	add := func(format string, key any, block *pem.Block, before string) {
		signer, err := ssh.NewSignerFromKey(key)
		if err != nil {
			t.Fatal(err)
		}
		keys[format] = struct{ text, fingerprint string }{before + pemText(block), ssh.FingerprintSHA256(signer.PublicKey())}
	}
	openssh := func(key any) *pem.Block {
		block, err := ssh.MarshalPrivateKey(key, "a comment")
		if err != nil {
			t.Fatal(err)
		}
		return block
	}
	pkcs8 := func(key any) *pem.Block {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return &pem.Block{Type: "PRIVATE KEY", Bytes: der}
	}
	add("OpenSSH ed25519", edKey, openssh(edKey), "")
	add("OpenSSH rsa", rsaKey, openssh(rsaKey), "")
	add("OpenSSH ecdsa", ecKey, openssh(ecKey), "")
	add("PKCS1", rsaKey, &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)}, "")
	add("PKCS8 ed25519", edKey, pkcs8(edKey), "")
	add("SEC1 after parameters", ecKey, &pem.Block{Type: "EC PRIVATE KEY", Bytes: ecDER}, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n")
	return keys
}

var mangles = map[string]func(string) string{
	"nothing":                    func(s string) string { return s },
	"base64 on one line":         func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 without padding":     func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	"base64 of CRLF":             func(s string) string { return base64.StdEncoding.EncodeToString([]byte(crlf(s))) },
	"base64 over lines":          func(s string) string { return wrap(base64.StdEncoding.EncodeToString([]byte(s)), 76) },
	`literal \n`:                 func(s string) string { return strings.ReplaceAll(s, "\n", `\n`) },
	`literal \\n`:                func(s string) string { return strings.ReplaceAll(s, "\n", `\\n`) },
	`literal \r\n`:               func(s string) string { return strings.ReplaceAll(s, "\n", `\r\n`) },
	"newlines turned to spaces":  func(s string) string { return strings.ReplaceAll(s, "\n", " ") },
	"newlines lost":              func(s string) string { return strings.ReplaceAll(s, "\n", "") },
	"no newline at the end":      func(s string) string { return strings.TrimSpace(s) },
	"indentation":                func(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n    ") },
	"indentation by tabs":        func(s string) string { return strings.ReplaceAll(s, "\n", "\n\t") },
	"CRLF":                       crlf,
	"CR":                         func(s string) string { return strings.ReplaceAll(s, "\n", "\r") },
	"quotes":                     func(s string) string { return `"` + s + `"` },
	"quotes and literal newline": func(s string) string { return `'` + strings.ReplaceAll(s, "\n", `\n`) + `'` },
	"byte order mark":            func(s string) string { return "\ufeff" + s },
	"text before and after":      func(s string) string { return "my key:\n" + s + "\nthat was it\n" },
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func wrap(s string, width int) string {
	var b strings.Builder
	for len(s) > width {
		b.WriteString(s[:width] + "\n")
		s = s[width:]
	}
	return b.String() + s + "\n"
}

func fingerprints(t testing.TB, src Source) []string {
	t.Helper()
	ids, err := src.Identities(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, id := range ids {
		out = append(out, id.Fingerprint)
	}
	return out
}

func TestMangledKeysAreRepaired(t *testing.T) {
	for format, key := range testKeys(t) {
		for how, mangle := range mangles {
			t.Run(format+"/"+how, func(t *testing.T) {
				src, err := EnvKey("DEPLOY_KEY", mangle(key.text), "")
				if err != nil {
					t.Fatal(err)
				}
				if got := fingerprints(t, src); len(got) != 1 || got[0] != key.fingerprint {
					t.Errorf("fingerprints %v, want %s", got, key.fingerprint)
				}
			})
		}
	}
}

func TestBodyWithoutArmorIsRepaired(t *testing.T) {
	key := testKeys(t)["OpenSSH ed25519"]
	lines := strings.Split(strings.TrimSpace(key.text), "\n")
	src, err := EnvKey("DEPLOY_KEY", strings.Join(lines[1:len(lines)-1], "\n"), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := fingerprints(t, src); len(got) != 1 || got[0] != key.fingerprint {
		t.Errorf("fingerprints %v, want %s", got, key.fingerprint)
	}
}

func TestSeveralKeysInOneValueAreAllTaken(t *testing.T) {
	keys := testKeys(t)
	a, b := keys["OpenSSH ed25519"], keys["PKCS1"]
	src, err := EnvKey("DEPLOY_KEYS", strings.ReplaceAll(a.text+"\n"+b.text, "\n", " "), "")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fingerprints(t, src), []string{a.fingerprint, b.fingerprint}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("fingerprints %v, want %v", got, want)
	}
}

// encrypted returns a key in OpenSSH's format and in OpenSSL's old one, both with that passphrase.
func encrypted(t testing.TB, passphrase string) (openssh, legacy string) {
	t.Helper()
	_, key := newSigner(t)
	block, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	//nolint:staticcheck // old keys look like this
	old, err := x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), []byte(passphrase), x509.PEMCipherAES128)
	if err != nil {
		t.Fatal(err)
	}
	return pemText(block), pemText(old)
}

func TestPassphraseOpensMangledKeys(t *testing.T) {
	openssh, legacy := encrypted(t, "secret words")
	for format, text := range map[string]string{"OpenSSH": openssh, "legacy": legacy} {
		// Not all: opening a key takes a third of a second. And where an old key's newlines are lost, its headers
		// and body run into each other.
		for _, how := range []string{"nothing", "base64 on one line", `literal \n`, "newlines turned to spaces", "indentation", "CRLF"} {
			t.Run(format+"/"+how, func(t *testing.T) {
				src, err := EnvKey("DEPLOY_KEY", mangles[how](text), "secret words")
				if err != nil {
					t.Fatal(err)
				}
				if got := fingerprints(t, src); len(got) != 1 {
					t.Errorf("fingerprints %v", got)
				}
			})
		}
	}
}

// opensshHeader is an OpenSSH key of the type with no private part, which is as far as the refusals read.
func opensshHeader(keyType string) string {
	b := []byte(opensshMagic)
	for _, s := range []string{"none", "none", ""} {
		b = appendBytes(b, []byte(s))
	}
	b = append(b, 0, 0, 0, 1)
	b = appendBytes(b, appendBytes(nil, []byte(keyType)))
	return pemText(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: b})
}

func TestRefusedKeysNameTheFix(t *testing.T) {
	good := testKeys(t)["OpenSSH ed25519"].text
	openssh, legacy := encrypted(t, "secret words")
	pub, _ := newSigner(t)
	pkcs8DSA := pemText(&pem.Block{Type: "PRIVATE KEY", Bytes: append([]byte{0x30, 0x20, 0x02, 0x01, 0x00, 0x30, 0x10}, dsaOID...)})
	for _, tt := range []struct {
		name, text, passphrase string
		want                   error
		fix                    string
	}{
		{"encrypted", openssh, "", ErrEncrypted, "passphrase"},
		{"encrypted, legacy", legacy, "", ErrEncrypted, "passphrase"},
		{"wrong passphrase", openssh, "other words", ErrPassphrase, "ssh-keygen -y"},
		{"wrong passphrase, legacy", legacy, "other words", ErrPassphrase, "ssh-keygen -y"},
		{"encrypted PKCS8", pemText(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}), "x", ErrEncryptedPKCS8, "ssh-keygen -p -f"},
		{"ppk", "PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\n", "", ErrPuTTY, "puttygen"},
		{"pub", string(ssh.MarshalAuthorizedKey(pub.PublicKey())), "", ErrPublicKey, "without .pub"},
		{"PEM public key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "", ErrPublicKey, "private key"},
		{"DSA", pemText(&pem.Block{Type: "DSA PRIVATE KEY", Bytes: []byte("x")}), "", ErrDSA, "ed25519"},
		{"DSA, OpenSSH", opensshHeader("ssh-dss"), "", ErrDSA, "ed25519"},
		{"DSA, PKCS8", pkcs8DSA, "", ErrDSA, "ed25519"},
		{"hardware key", opensshHeader(ssh.KeyAlgoSKED25519), "", ErrHardwareKey, "ssh-add"},
		{"empty", "", "", ErrNoKey, "empty"},
		{"white space", " \n", "", ErrNoKey, "empty"},
		{"something else", "hunter2", "", ErrNoKey, "-----BEGIN"},
		{"first line only", "-----BEGIN OPENSSH PRIVATE KEY-----", "", ErrCutKey, "whole file"},
		{"no end", good[:len(good)-20], "", ErrCutKey, "whole file"},
		{"cut and followed by another", good[:100] + good, "", ErrUnreadableKey, "whole file"},
		{"damaged", strings.Replace(good, "b3BlbnNzaC1rZXktdjEA", "b3BlbnNzaC1rZXktdjEB", 1), "", ErrUnreadableKey, "ssh-keygen -y"},
		{"no base64", "-----BEGIN OPENSSH PRIVATE KEY-----\n!!\n-----END OPENSSH PRIVATE KEY-----", "", ErrUnreadableKey, "whole file"},
	} {
		for how, text := range map[string]string{"as it is": tt.text, "base64": base64.StdEncoding.EncodeToString([]byte(tt.text))} {
			t.Run(tt.name+"/"+how, func(t *testing.T) {
				src, err := EnvKey("DEPLOY_KEY", text, tt.passphrase)
				var e *Error
				if !errors.As(err, &e) || !errors.Is(err, tt.want) {
					t.Fatalf("%v, %v; want %v", src, err, tt.want)
				}
				if !strings.Contains(e.Fix, tt.fix) || !strings.HasPrefix(err.Error(), "env:DEPLOY_KEY: ") {
					t.Errorf("%v; want the fix to have %q", err, tt.fix)
				}
				if tt.text != "" && strings.Contains(err.Error(), "hunter2") {
					t.Errorf("%v quotes the value", err)
				}
			})
		}
	}
}

func TestPathTakesKeyFilesAndSockets(t *testing.T) {
	dir := t.TempDir()
	key := testKeys(t)["OpenSSH ed25519"]
	file := filepath.Join(dir, "id")
	if err := os.WriteFile(file, []byte(key.text), 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := Path(file, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := fingerprints(t, src); len(got) != 1 || got[0] != key.fingerprint {
		t.Errorf("file: %v", got)
	}
	keyring, _, err := src.open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	socket := listenConn(t, func(c net.Conn) { agent.ServeAgent(keyring, c) })
	src, err = Path(socket, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := fingerprints(t, src); len(got) != 1 || got[0] != key.fingerprint {
		t.Errorf("socket: %v", got)
	}
	if _, err := Path(filepath.Join(dir, "none"), ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, maxKeyFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Path(big, ""); !errors.Is(err, ErrNoKey) || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("large file: %v", err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{pipe, "/dev/zero", dir} {
		if _, err := Path(name, ""); !errors.Is(err, ErrNoKey) || !strings.Contains(err.Error(), "no regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// No verb prints what a source holds, wherever the source is.
func TestPrintingNeverShowsKeys(t *testing.T) {
	_, key := newSigner(t)
	text := pemTextOf(t, key)
	src, err := EnvKey("DEPLOY_KEY", text, "a passphrase")
	if err != nil {
		t.Fatal(err)
	}
	a := &Agent{Sources: []Source{src}, Policy: Policy{Hosts: []Host{{"h", "u"}}, Pinned: pins(nil)}}
	type holder struct {
		src Source
		ptr *Source
		p   any
	}
	seed := key.Seed()
	needles := []string{
		string(seed), fmt.Sprintf("%x", seed), fmt.Sprintf("%X", seed), strings.Trim(fmt.Sprint(seed[:8]), "[]"),
		strings.Trim(fmt.Sprintf("%#v", seed[:4]), "[]byte{}"), base64.StdEncoding.EncodeToString(seed)[:20], "a passphrase",
	}
	for _, v := range []any{src, &src, a, holder{src, &src, src}, &holder{src, &src, &src}, []Source{src}, map[string]Source{"k": src}, &conn{agent: a}} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T", "%p"} {
			fmt.Fprintf(&out, verb, v)
		}
		if text, err := json.Marshal(v); err == nil {
			out.Write(text)
		}
		for _, needle := range needles {
			if bytes.Contains(out.Bytes(), []byte(needle)) {
				t.Errorf("%T shows %q", v, needle)
			}
		}
	}
	if got := fmt.Sprintf("%#v", src); got != "env:DEPLOY_KEY" {
		t.Errorf("prints %q", got)
	}
}

func pemTextOf(t testing.TB, key any) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	return pemText(block)
}
