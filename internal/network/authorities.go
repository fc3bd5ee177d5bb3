package network

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/ownership"
	"lpipe/internal/userkey"
)

// maxAuthorities is how many bytes of certificates a step can be given: the size of a BuildKit secret
// (MaxSecretSize in github.com/moby/buildkit/session/secrets).
const maxAuthorities = 500 << 10

// check refuses files of authorities that are none.
func (n *Network) check() error {
	var l fault.List
	for _, f := range n.files {
		text, err := disk.ReadFile(f.name, disk.MaxSmall)
		var why string
		switch {
		case err != nil:
			why = err.Error()
		case !bytes.Contains(text, []byte("-----BEGIN CERTIFICATE-----")):
			why = "there is no PEM certificate in it"
		default:
			continue
		}
		l.Addf(fmt.Sprintf("the certificates of %s cannot be used: %s", f.from, f.name), why, "correct it, or leave it out")
	}
	return l.Err()
}

// Authorities are the certificates that a step which downloads trusts beside those of its image, as PEM, each once; empty
// for none. Of the files that name them, nothing else is given to a step.
func (n *Network) Authorities() ([]byte, error) {
	var all bytes.Buffer
	seen := map[string]bool{}
	for _, f := range n.files {
		text, err := disk.ReadFile(f.name, disk.MaxSmall)
		if err != nil {
			return nil, err
		}
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			if block.Type == "CERTIFICATE" && !seen[string(block.Bytes)] {
				seen[string(block.Bytes)] = true
				if err := pem.Encode(&all, &pem.Block{Type: block.Type, Bytes: block.Bytes}); err != nil {
					return nil, err
				}
			}
		}
	}
	if all.Len() > maxAuthorities {
		return nil, &fault.Error{
			Kind: fault.Usage, What: "there are too many certificate authorities",
			Why: fmt.Sprintf("they have %d bytes, of at most %d that a step can be given", all.Len(), maxAuthorities),
			Fix: "name a file that has only those of your network",
		}
	}
	return all.Bytes(), nil
}

// systemFiles are where systems keep the authorities that they trust, as crypto/x509 looks for them on Linux.
var systemFiles = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
}

// Environment are the variables with which this machine's own programs (this one, the embedded engine, credential helpers)
// reach the network in the same way, beside those of env. Where lpipe.toml names authorities, one is a file with these and
// the system's, which is made in the user's own folder.
func (n *Network) Environment(env map[string]string) (map[string]string, error) {
	all := map[string]string{}
	for name, value := range n.proxies {
		if env[name] == "" && env[strings.ToLower(name)] == "" {
			all[name], all[strings.ToLower(name)] = value, value
		}
	}
	if len(n.named) == 0 {
		return all, nil
	}
	text, err := n.withSystem(env["SSL_CERT_FILE"])
	if err != nil {
		return nil, err
	}
	name, err := writeAuthorities(text, env)
	if err != nil {
		return nil, &fault.Error{
			Kind: fault.Usage, What: "the certificates of network.ca cannot be brought together with those of the system", Err: err,
			Fix: "correct that, or name a file with all of them in SSL_CERT_FILE",
		}
	}
	all["SSL_CERT_FILE"] = name
	return all, nil
}

// withSystem is what the system trusts, by the file own where there is one, and what lpipe.toml names.
func (n *Network) withSystem(own string) ([]byte, error) {
	system := systemFiles
	if own != "" {
		system = []string{own}
	}
	var text []byte
	for _, name := range system {
		if known, err := disk.ReadFile(name, disk.MaxSmall); err == nil {
			text = known
			break
		}
	}
	for _, name := range n.named {
		more, err := disk.ReadFile(name, disk.MaxSmall)
		if err != nil {
			return nil, err
		}
		text = append(append(text, '\n'), more...)
	}
	return text, nil
}

// writeAuthorities returns a file with the text in the user's folder, which its name follows from, so that an engine which knows it by
// name has the same.
func writeAuthorities(text []byte, env map[string]string) (string, error) {
	dir, err := userkey.Folder(env)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if err := ownership.Path(dir); err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	name := filepath.Join(dir, "authorities-"+hex.EncodeToString(sum[:8])+".pem")
	if old, err := disk.ReadFile(name, disk.MaxSmall); err == nil && bytes.Equal(old, text) {
		return name, nil
	}
	file, err := os.CreateTemp(dir, ".authorities-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return "", err
	}
	return name, os.Rename(file.Name(), name)
}
