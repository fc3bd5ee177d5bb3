package e2e

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"

	"lpipe/internal/testparts/require"
)

// certified serves the repositories below root from an OpenSSH server that shows a host certificate by the authority,
// with a process for each connection, as from inetd. It returns the server's port.
func certified(t *testing.T, root string, login ssh.PublicKey, authority keyPair) (port string) {
	t.Helper()
	const sshd = "/usr/sbin/sshd"
	_, err := os.Stat(sshd)
	require.Part(t, err == nil, "sshd", "apt-get install openssh-server")
	dir, host := t.TempDir(), newKey(t)
	signer, err := ssh.NewSignerFromSigner(authority.private)
	if err != nil {
		t.Fatal(err)
	}
	certificate := &ssh.Certificate{
		Key: host.public, CertType: ssh.HostCert, KeyId: "host", ValidPrincipals: []string{"127.0.0.1"}, ValidBefore: ssh.CertTimeInfinity,
	}
	if err := certificate.SignCert(rand.Reader, signer); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"key": host.pem(t, ""), "key-cert.pub": string(ssh.MarshalAuthorizedKey(certificate)), "authorized": string(ssh.MarshalAuthorizedKey(login)),
		"config": fmt.Sprintf("HostKey %[1]s/key\nHostCertificate %[1]s/key-cert.pub\nAuthorizedKeysFile %[1]s/authorized\n"+
			"ForceCommand git upload-pack %[2]s/org/one.git\nPermitRootLogin yes\nStrictModes no\nUsePAM no\n", dir, root),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			socket, err := conn.(*net.TCPConn).File()
			conn.Close()
			if err != nil {
				continue
			}
			cmd := exec.CommandContext(t.Context(), sshd, "-i", "-f", filepath.Join(dir, "config"))
			cmd.Stdin, cmd.Stdout = socket, socket
			_ = cmd.Run() // the test sees whether the fetch went well
			socket.Close()
		}
	}()
	_, port, err = net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
