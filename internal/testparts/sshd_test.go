package testparts_test

import (
	"crypto/ed25519"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"lpipe/internal/testparts"
	"lpipe/internal/testparts/require"
)

// gitClient is a person with a key, who trusts the host keys in a known_hosts file.
type gitClient struct {
	dir    string
	public ssh.PublicKey
}

func newGitClient(t *testing.T) *gitClient {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	private, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	c := &gitClient{dir: t.TempDir(), public: public}
	if err := os.WriteFile(filepath.Join(c.dir, "key"), pem.EncodeToMemory(private), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *gitClient) git(t *testing.T, knownHosts string, args ...string) (string, error) {
	t.Helper()
	_, err := exec.LookPath("ssh")
	require.Part(t, err == nil, "ssh", "apt-get install openssh-client")
	hosts := filepath.Join(c.dir, "known_hosts")
	if err := os.WriteFile(hosts, []byte(knownHosts), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("git", args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "GIT_SSH_COMMAND=ssh -F /dev/null -i "+filepath.Join(c.dir, "key")+
		" -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -o UserKnownHostsFile="+hosts)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestSSHDServesRepositoriesToAuthorizedKeys(t *testing.T) {
	friend, stranger, root := newGitClient(t), newGitClient(t), t.TempDir()
	first := testparts.Repository(t, root, "org/repo.git", map[string]string{"src/lib.rs": "// one\n", "Cargo.toml": ""})
	s := testparts.NewSSHD(t, testparts.SSHDOptions{AuthorizedKeys: []ssh.PublicKey{friend.public}, GitRoot: root})
	url := s.URL("org/repo.git")

	if out, err := friend.git(t, s.KnownHosts(), "clone", "--quiet", url, "clone"); err != nil {
		t.Fatalf("cloning: %v\n%s", err, out)
	}
	source, err := os.ReadFile(filepath.Join(friend.dir, "clone", "src", "lib.rs"))
	if err != nil || string(source) != "// one\n" {
		t.Errorf("the clone has %q: %v", source, err)
	}

	second := testparts.Repository(t, root, "org/repo.git", map[string]string{"README": "two\n"})
	if out, err := friend.git(t, s.KnownHosts(), "ls-remote", url, "main"); err != nil || !strings.HasPrefix(out, second) {
		t.Errorf("main is %q, want %s (%v)", out, second, err)
	}
	if first == second {
		t.Error("a second commit has the hash of the first")
	}

	if out, err := stranger.git(t, s.KnownHosts(), "ls-remote", url); !strings.Contains(out, "Permission denied (publickey)") {
		t.Errorf("a stranger's key: %v\n%s", err, out)
	}
	for _, key := range []ssh.PublicKey{friend.public, stranger.public} {
		if fingerprint := ssh.FingerprintSHA256(key); !strings.Contains(s.Log(t), fingerprint) {
			t.Errorf("the log has no %s", fingerprint)
		}
	}
}

func TestSSHDServesNothingButFetches(t *testing.T) {
	friend, root := newGitClient(t), t.TempDir()
	testparts.Repository(t, root, "org/repo.git", map[string]string{"a": ""})
	testparts.Repository(t, filepath.Dir(root), "outside.git", map[string]string{"a": ""})
	s := testparts.NewSSHD(t, testparts.SSHDOptions{AuthorizedKeys: []ssh.PublicKey{friend.public}, GitRoot: root})

	if out, err := friend.git(t, s.KnownHosts(), "clone", "--quiet", s.URL("org/repo.git"), "clone"); err != nil {
		t.Fatalf("cloning: %v\n%s", err, out)
	}
	for _, args := range [][]string{
		{"-C", "clone", "push", "origin", "HEAD:refs/heads/mine"},
		{"ls-remote", s.URL("../outside.git")},
	} {
		if out, err := friend.git(t, s.KnownHosts(), args...); !strings.Contains(out, "only git-upload-pack is served here") {
			t.Errorf("git %v: %v\n%s", args, err, out)
		}
	}
}

func TestSSHDHasTheGivenHostKeys(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	friend, root := newGitClient(t), t.TempDir()
	testparts.Repository(t, root, "org/repo.git", map[string]string{"a": ""})
	opt := testparts.SSHDOptions{AuthorizedKeys: []ssh.PublicKey{friend.public}, GitRoot: root}
	other := testparts.NewSSHD(t, opt)
	opt.HostKeys = append(opt.HostKeys, key)
	s := testparts.NewSSHD(t, opt)

	if out, err := friend.git(t, s.KnownHosts(), "ls-remote", s.URL("org/repo.git")); err != nil {
		t.Errorf("with the host's key pinned: %v\n%s", err, out)
	}
	wrong := strings.ReplaceAll(other.KnownHosts(), other.Addr[len("127.0.0.1:"):], s.Addr[len("127.0.0.1:"):])
	if out, err := friend.git(t, wrong, "ls-remote", s.URL("org/repo.git")); !strings.Contains(out, "Host key verification failed") {
		t.Errorf("with another host's key pinned: %v\n%s", err, out)
	}
}
