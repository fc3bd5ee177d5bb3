package sshfwd

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"golang.org/x/crypto/ssh"
)

// fingerprint is what ssh-add -l prints for the wire form of a public key; of a certificate, the key's inside it.
func fingerprint(blob []byte) string {
	if strings.Contains(blobType(blob), "-cert-v01@") {
		if key, err := ssh.ParsePublicKey(blob); err == nil {
			blob = plain(key).Marshal()
		}
	}
	sum := sha256.Sum256(blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// plain returns the key inside a certificate, and any other key as it is.
func plain(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

// describe returns a key's type and fingerprint as ssh prints them: "ED25519 SHA256:…".
func describe(key ssh.PublicKey) string {
	kind := plain(key).Type()
	switch {
	case strings.HasPrefix(kind, "sk-ssh-"):
		kind = "ED25519-SK"
	case strings.HasPrefix(kind, "sk-ecdsa-"):
		kind = "ECDSA-SK"
	case strings.HasPrefix(kind, "ecdsa-"):
		kind = "ECDSA"
	default:
		kind = strings.ToUpper(strings.TrimPrefix(kind, "ssh-"))
	}
	if _, ok := key.(*ssh.Certificate); ok {
		kind += "-CERT"
	}
	return kind + " " + ssh.FingerprintSHA256(plain(key))
}
