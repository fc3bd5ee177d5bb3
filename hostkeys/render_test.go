package hostkeys

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"lpipe/internal/testparts/require"
)

func TestRenderHasTheHostsAskedForAndAllRevokedKeys(t *testing.T) {
	pins := with(t, defaults(t), "*.corp,!bad.corp "+keyText(ed25519Key().PublicKey())+" a comment\n"+
		"@cert-authority *.corp "+keyText(caKey().PublicKey())+"\n@revoked old.corp "+keyText(otherKey().PublicKey())+"\n")
	out, err := pins.Render("git.corp:22", "github.com", "GitHub.com")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for l := range strings.Lines(string(out)) {
		fields := strings.Fields(l)
		got = append(got, strings.Join(fields[:len(fields)-1], " "))
	}
	want := []string{
		"@cert-authority git.corp ssh-ed25519", "@revoked * ssh-ed25519", "@revoked * ssh-rsa", "@revoked * ssh-rsa",
		"git.corp ssh-ed25519", "github.com ecdsa-sha2-nistp256", "github.com ssh-ed25519", "github.com ssh-rsa",
	}
	if !slices.Equal(got, want) {
		t.Errorf("Render has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	again, err := pins.Render("github.com", "git.corp")
	if err != nil || !bytes.Equal(out, again) {
		t.Errorf("another order of the same hosts gives other bytes: %v\n%s", err, again)
	}
}

func TestRenderNamesEveryHostWithoutAPin(t *testing.T) {
	_, err := defaults(t).Render("github.com", "one.corp", "two.corp")
	if !errors.As(err, new(*UnknownHostError)) || !strings.Contains(err.Error(), "one.corp") || !strings.Contains(err.Error(), "two.corp") {
		t.Errorf("Render = %v", err)
	}
}

// OpenSSH itself reads the rendered file: it goes on to the login, or it does not.
func TestOpenSSHDecidesByTheRenderedFileAsCheckDoes(t *testing.T) {
	client, err := exec.LookPath("ssh")
	require.Part(t, err == nil, "the OpenSSH client", "apt-get install openssh-client")
	for _, tt := range []struct {
		name string
		key  ssh.Signer
		pin  func(addr string) string
		want string // in what ssh prints
	}{
		{"ed25519", ed25519Key(), func(a string) string { return line(a, ed25519Key().PublicKey()) }, "Permission denied"},
		{"ecdsa", ecdsaKey(), func(a string) string { return line(a, ecdsaKey().PublicKey()) }, "Permission denied"},
		{"rsa", rsaKey(), func(a string) string { return line(a, rsaKey().PublicKey()) }, "Permission denied"},
		{"certificate", certify(ed25519Key(), caKey(), 0, "127.0.0.1"), func(a string) string { return "@cert-authority " + line(a, caKey().PublicKey()) }, "Permission denied"},
		{"mismatch", otherKey(), func(a string) string { return line(a, ed25519Key().PublicKey()) }, "Host key verification failed"},
		{"revoked for another host", otherKey(), func(a string) string {
			return line(a, ed25519Key().PublicKey()) + "@revoked " + line("old.corp", otherKey().PublicKey())
		}, "REVOKED HOST KEY"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.key)
			pins := with(t, defaults(t), tt.pin(s.addr))
			out, err := pins.Render(s.addr, "github.com")
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "known_hosts")
			if err := os.WriteFile(file, out, 0o644); err != nil {
				t.Fatal(err)
			}
			host, port, _ := strings.Cut(s.addr, ":")
			printed, err := exec.CommandContext(t.Context(), client, "-F", "/dev/null", "-p", port, "-o", "GlobalKnownHostsFile="+file,
				"-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "IdentityFile=none",
				"git@"+host, "true").CombinedOutput()
			if err == nil || !strings.Contains(string(printed), tt.want) {
				t.Errorf("ssh: %v, want %q in:\n%s", err, tt.want, printed)
			}
			if passes := pins.Check(s.addr, tt.key.PublicKey()) == nil; passes != (tt.want == "Permission denied") {
				t.Errorf("Check passes: %t", passes)
			}
		})
	}
}
