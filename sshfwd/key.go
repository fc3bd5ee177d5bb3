package sshfwd

import (
	"bytes"
	"crypto/dsa"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"
)

var (
	// pemPattern finds a block although its newlines are lost.
	pemPattern = regexp.MustCompile(`(?s)-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END ([A-Z0-9 ]+)-----`)
	// pemHeaders are those of a key encrypted in OpenSSL's old format: RFC 1421 section 4.6.
	pemHeaders = regexp.MustCompile(`^\s*Proc-Type:\s*(\S+)\s+DEK-Info:\s*(\S+)\s`)
	// escapedNewline is a newline that a shell or a JSON writer turned into characters, perhaps twice.
	escapedNewline = regexp.MustCompile(`\\+r\\+n|\\+n|\\+r`)
	// publicKey is the start of a line in a .pub file.
	publicKey = regexp.MustCompile(`^(ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+ AAAA`)
)

// opensshMagic opens the binary part of OpenSSH's own key format: PROTOCOL.key of OpenSSH.
const opensshMagic = "openssh-key-v1\x00"

// dsaOID is 1.2.840.10040.4.1 in DER, which marks a DSA key in PKCS #8: RFC 3279 section 2.3.2.
var dsaOID = []byte{0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01}

// parseKeys reads all private keys in text, repaired. Every error is an [Error] made from fixed text: an inner
// error could quote the key.
func parseKeys(name, text, passphrase string) ([]any, error) {
	text = repair(text)
	refuse := func(err error, fix string) ([]any, error) { return nil, &Error{name, err, fix} }
	switch {
	case strings.HasPrefix(text, "PuTTY-User-Key-File-"):
		return refuse(ErrPuTTY, `convert it with "puttygen KEY.ppk -O private-openssh -o KEY"`)
	case publicKey.MatchString(text),
		strings.Contains(text, "BEGIN SSH2 PUBLIC KEY"), strings.Contains(text, "BEGIN PUBLIC KEY"), strings.Contains(text, "BEGIN RSA PUBLIC KEY"):
		return refuse(ErrPublicKey, "give the private key, the file without .pub")
	}
	var keys []any
	for _, m := range pemPattern.FindAllStringSubmatch(text, -1) {
		// OpenSSL writes an "EC PARAMETERS" block before an EC key.
		if !strings.HasSuffix(m[1], "PRIVATE KEY") {
			continue
		}
		if m[1] != m[3] {
			return refuse(ErrCutKey, "copy the whole file, from the BEGIN line to the END line")
		}
		key, err := parseKey(name, m[1], m[2], passphrase)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	switch {
	case len(keys) > 0:
		return keys, nil
	case strings.Contains(text, "PRIVATE KEY-----"):
		return refuse(ErrCutKey, "copy the whole file, from the BEGIN line to the END line")
	case strings.TrimSpace(text) == "":
		return refuse(ErrNoKey, "it is empty: set it to the text of a private key")
	default:
		return refuse(ErrNoKey, `give the text of a private key, which starts with "-----BEGIN"`)
	}
}

// parseKey reads one private key from the kind and the text of its PEM block.
func parseKey(name, kind, body, passphrase string) (any, error) {
	block := &pem.Block{Type: kind}
	if h := pemHeaders.FindStringSubmatch(body); h != nil {
		block.Headers = map[string]string{"Proc-Type": h[1], "DEK-Info": h[2]}
		body = body[len(h[0]):]
	}
	data, ok := decodeBase64(body)
	if !ok {
		return nil, unreadable(name)
	}
	block.Bytes = data

	keyType := ""
	if rest, ok := bytes.CutPrefix(data, []byte(opensshMagic)); ok {
		keyType = opensshType(rest)
	}
	switch {
	case kind == "DSA PRIVATE KEY", keyType == ssh.InsecureKeyAlgoDSA, kind == "PRIVATE KEY" && bytes.Contains(data, dsaOID):
		return nil, &Error{name, ErrDSA, `make a new key with "ssh-keygen -t ed25519"`}
	case kind == "ENCRYPTED PRIVATE KEY":
		return nil, &Error{name, ErrEncryptedPKCS8, `write it in OpenSSH's format with "ssh-keygen -p -f KEY"`}
	case strings.HasPrefix(keyType, "sk-"):
		return nil, &Error{name, ErrHardwareKey, `add it to an agent with "ssh-add KEY" and give the agent`}
	}

	text := pem.EncodeToMemory(block)
	key, err := ssh.ParseRawPrivateKey(text)
	var missing *ssh.PassphraseMissingError
	if errors.As(err, &missing) {
		if passphrase == "" {
			return nil, &Error{name, ErrEncrypted, `give its passphrase, or take it off a copy with "ssh-keygen -p -f COPY"`}
		}
		if key, err = ssh.ParseRawPrivateKeyWithPassphrase(text, []byte(passphrase)); err != nil {
			return nil, &Error{name, ErrPassphrase, `check it with "ssh-keygen -y -f KEY"`}
		}
	}
	if err != nil {
		return nil, unreadable(name)
	}
	if _, ok := key.(*dsa.PrivateKey); ok {
		return nil, &Error{name, ErrDSA, `make a new key with "ssh-keygen -t ed25519"`}
	}
	return key, nil
}

func unreadable(name string) error {
	return &Error{name, ErrUnreadableKey, `copy the whole file again; "ssh-keygen -y -f KEY" tells whether it is good`}
}

// opensshType returns the type of the first public key in OpenSSH's format after the magic, which is there in
// clear for encrypted keys too.
func opensshType(data []byte) string {
	w := &wire{rest: data}
	w.bytes() // cipher
	w.bytes() // key derivation
	w.bytes() // its options
	w.take(4) // number of keys
	return blobType(w.bytes())
}

// repair undoes what shells, CI forms and editors do to the text of a key.
func repair(text string) string {
	text = tidy(text)
	if strings.Contains(text, "-----BEGIN") {
		return text
	}
	decoded, ok := decodeBase64(text)
	switch {
	case !ok || len(decoded) == 0:
		return text
	case bytes.HasPrefix(decoded, []byte(opensshMagic)):
		// The lines between BEGIN and END alone.
		return string(pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: decoded}))
	default:
		return tidy(string(decoded))
	}
}

func tidy(text string) string {
	text = strings.TrimPrefix(text, "\ufeff")
	text = escapedNewline.ReplaceAllString(text, "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	return strings.Trim(text, " \t\n\"'")
}

// decodeBase64 reads base64 with any white space in it and with its padding or without.
func decodeBase64(text string) ([]byte, bool) {
	text = strings.TrimRight(strings.Join(strings.Fields(text), ""), "=")
	data, err := base64.RawStdEncoding.DecodeString(text)
	return data, err == nil
}
