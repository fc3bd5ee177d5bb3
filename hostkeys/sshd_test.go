package hostkeys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lpipe/internal/testparts/require"
)

func TestProbeAsksOpenSSHForThePinnedKey(t *testing.T) {
	sshd := newSSHD(t)
	for _, tt := range []struct {
		name, keyType string
		pin           func(addr string) string
	}{
		{"ed25519", "ssh-ed25519", func(a string) string { return line(a, sshd.keys["ed25519"]) }},
		{"ecdsa", "ecdsa-sha2-nistp256", func(a string) string { return line(a, sshd.keys["ecdsa"]) }},
		{"rsa", "ssh-rsa", func(a string) string { return line(a, sshd.keys["rsa"]) }},
		{"all three", "ssh-ed25519", func(a string) string {
			return line(a, sshd.keys["ed25519"]) + line(a, sshd.keys["ecdsa"]) + line(a, sshd.keys["rsa"])
		}},
		{"certificate", "ssh-ed25519-cert-v01@openssh.com", func(a string) string { return "@cert-authority " + line(a, caKey().PublicKey()) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pins := with(t, defaults(t), tt.pin(sshd.addr))
			got, err := pins.Probe(t.Context(), sshd.addr, ProbeOptions{})
			if err != nil {
				t.Fatalf("%v\n%s", err, sshd.log())
			}
			if got.Key.Type() != tt.keyType || !strings.HasPrefix(got.ServerVersion, "SSH-2.0-OpenSSH_") {
				t.Errorf("Probe = %+v", got)
			}
		})
	}
	t.Run("swapped", func(t *testing.T) {
		got, err := with(t, defaults(t), line(sshd.addr, otherKey().PublicKey())).Probe(t.Context(), sshd.addr, ProbeOptions{})
		if !errors.As(err, new(*MismatchError)) || got.Fingerprint != ssh.FingerprintSHA256(sshd.keys["ed25519"]) {
			t.Errorf("Probe = %+v, %v", got, err)
		}
	})
	// sshd logs a user as soon as a login starts.
	if log := sshd.log(); strings.Contains(log, "user") {
		t.Errorf("a probe tried to log in:\n%s", log)
	}
}

type sshd struct {
	addr string
	keys map[string]ssh.PublicKey

	mu     sync.Mutex
	stderr bytes.Buffer
}

func (s *sshd) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stderr.Write(b)
}

func (s *sshd) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stderr.String()
}

// newSSHD runs OpenSSH's sshd once per connection, as inetd does, with a key of each type and a certificate for the first.
func newSSHD(t *testing.T) *sshd {
	t.Helper()
	const program = "/usr/sbin/sshd"
	_, err := os.Stat(program)
	require.Part(t, err == nil, "OpenSSH's sshd", "apt-get install openssh-server")
	if os.Getuid() == 0 {
		// The empty folder that sshd, as root, confines itself to: Debian's service makes it when it starts.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			require.Part(t, false, "/run/sshd", "mkdir it as root")
		}
	}
	dir := t.TempDir()
	s := &sshd{keys: make(map[string]ssh.PublicKey)}
	config := "UsePAM no\nLogLevel DEBUG\nHostCertificate " + dir + "/ed25519-cert.pub\n"
	for name, key := range map[string]any{
		"ed25519": newEd25519(),
		"ecdsa":   must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
		"rsa":     must(rsa.GenerateKey(rand.Reader, 2048)),
	} {
		s.keys[name] = signer(key).PublicKey()
		write(t, filepath.Join(dir, name), pem.EncodeToMemory(must(ssh.MarshalPrivateKey(key, ""))))
		config += "HostKey " + filepath.Join(dir, name) + "\n"
		if name == "ed25519" {
			cert := certify(signer(key), caKey(), 0, "127.0.0.1").PublicKey()
			write(t, filepath.Join(dir, "ed25519-cert.pub"), ssh.MarshalAuthorizedKey(cert))
		}
	}
	write(t, filepath.Join(dir, "config"), []byte(config))
	s.addr = listen(t, func(conn net.Conn) {
		file, err := conn.(*net.TCPConn).File()
		if err != nil {
			return
		}
		defer file.Close()
		command := exec.Command(program, "-i", "-e", "-f", filepath.Join(dir, "config"))
		command.Stdin, command.Stdout, command.Stderr = file, file, s
		command.WaitDelay = 10 * time.Second
		command.Run()
	})
	return s
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
