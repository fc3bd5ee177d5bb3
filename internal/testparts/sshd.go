package testparts

import (
	"crypto"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"lpipe/internal/testparts/require"
)

// sshdPath is where OpenSSH's server is on Linux systems. It must be called by its whole path.
const sshdPath = "/usr/sbin/sshd"

// SSHDOptions say who an SSH server is, whom it lets in, and what it shows them.
type SSHDOptions struct {
	// HostKeys are private keys as crypto/ed25519, ecdsa and rsa make them; a new Ed25519 key by default.
	HostKeys []crypto.Signer
	// AuthorizedKeys may log in.
	AuthorizedKeys []ssh.PublicKey
	// GitRoot holds the bare repositories, as "org/repo.git". They can be fetched and nothing else.
	GitRoot string
	// Refusal is what the server writes to standard error, with exit status 1, in place of serving; "" serves.
	Refusal string
}

// SSHD is an OpenSSH server.
type SSHD struct {
	// Addr is 127.0.0.1:PORT.
	Addr string
	// User is the only one who can log in: the user that runs the test.
	User string
	// HostKeys are the public halves of the host keys.
	HostKeys []ssh.PublicKey

	dir      string
	log      *os.File
	mu       sync.Mutex
	sessions map[*exec.Cmd]bool
	running  sync.WaitGroup
}

// NewSSHD serves git repositories over SSH. Each connection has an sshd process of its own, as from inetd, so there
// is no port to wait for and nothing is left behind.
func NewSSHD(t testing.TB, opt SSHDOptions) *SSHD {
	t.Helper()
	_, err := os.Stat(sshdPath)
	require.Part(t, err == nil, "sshd", "apt-get install openssh-server")
	_, err = exec.LookPath("git")
	require.Part(t, err == nil, "git", "apt-get install git")
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" {
		// The folder in which sshd leaves its rights; Debian makes it when the system's own sshd starts.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}

	s := &SSHD{User: me.Username, dir: t.TempDir(), sessions: map[*exec.Cmd]bool{}}
	s.configure(t, opt)
	if s.log, err = os.Create(filepath.Join(s.dir, "log")); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Addr = listener.Addr().String()
	s.running.Go(func() { s.accept(listener) })
	t.Cleanup(func() {
		listener.Close()
		s.kill()
		s.running.Wait()
		s.log.Close()
	})
	return s
}

// URL is how git and cargo name a repository under GitRoot, such as "org/repo.git".
func (s *SSHD) URL(repository string) string {
	return fmt.Sprintf("ssh://%s@%s/%s", s.User, s.Addr, repository)
}

// KnownHosts is a known_hosts file with the host keys.
func (s *SSHD) KnownHosts() string {
	var lines strings.Builder
	for _, key := range s.HostKeys {
		lines.WriteString(knownhosts.Line([]string{s.Addr}, key) + "\n")
	}
	return lines.String()
}

// Log is what sshd has said up to now, at its level VERBOSE: connections, logins with the keys' fingerprints, refusals.
func (s *SSHD) Log(t testing.TB) string {
	t.Helper()
	log, err := os.ReadFile(s.log.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(log)
}

func (s *SSHD) configure(t testing.TB, opt SSHDOptions) {
	t.Helper()
	var config, authorized strings.Builder
	keys := opt.HostKeys
	if len(keys) == 0 {
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		keys = []crypto.Signer{key}
	}
	for i, key := range keys {
		private, err := ssh.MarshalPrivateKey(key, "")
		if err != nil {
			t.Fatal(err)
		}
		public, err := ssh.NewPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		s.HostKeys = append(s.HostKeys, public)
		path := filepath.Join(s.dir, fmt.Sprintf("host-key-%d", i))
		write(t, path, string(pem.EncodeToMemory(private)), 0o600)
		fmt.Fprintf(&config, "HostKey %s\n", path)
	}
	for _, key := range opt.AuthorizedKeys {
		authorized.Write(ssh.MarshalAuthorizedKey(key))
	}
	write(t, s.path("authorized_keys"), authorized.String(), 0o600)
	serve := fmt.Sprintf(serveScript, opt.GitRoot)
	if opt.Refusal != "" {
		write(t, s.path("refusal"), opt.Refusal, 0o600)
		serve = fmt.Sprintf("#!/bin/sh\ncat '%s' >&2\nexit 1\n", s.path("refusal"))
	}
	write(t, s.path("serve"), serve, 0o755)
	fmt.Fprintf(&config, sshdConfig, s.path("authorized_keys"), s.path("serve"))
	write(t, s.path("config"), config.String(), 0o600)
}

// sshdConfig lets keys alone log in, from a folder that may belong to anybody, and runs one command whatever is asked.
const sshdConfig = `AuthorizedKeysFile %s
ForceCommand %s
AuthenticationMethods publickey
LogLevel VERBOSE
PermitRootLogin yes
StrictModes no
UsePAM no
`

// serveScript serves git-upload-pack '/org/repo.git', with or without the first slash.
const serveScript = `#!/bin/sh
root='%s'
command=${SSH_ORIGINAL_COMMAND-}
path=${command#"git-upload-pack '"}
path=${path%%"'"}
case $path in
"$command" | *"'"* | *..*) echo "only git-upload-pack is served here" >&2 && exit 1 ;;
esac
exec git upload-pack --strict "$root/${path#/}"
`

func (s *SSHD) path(name string) string { return filepath.Join(s.dir, name) }

func (s *SSHD) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.running.Go(func() {
			if err := s.session(conn); err != nil {
				fmt.Fprintln(s.log, err)
			}
		})
	}
}

// session gives a connection to an sshd and waits for its end.
func (s *SSHD) session(conn net.Conn) error {
	socket, err := conn.(*net.TCPConn).File()
	if err := errors.Join(err, conn.Close()); err != nil {
		return err
	}
	cmd := exec.Command(sshdPath, "-i", "-e", "-f", s.path("config"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = socket, socket, s.log
	err = s.start(cmd)
	socket.Close()
	if err != nil {
		return err
	}
	err = cmd.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, cmd)
	return err
}

func (s *SSHD) start(cmd *exec.Cmd) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions == nil {
		return errors.New("the test is over")
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.sessions[cmd] = true
	return nil
}

// kill ends the sessions that are left, and lets no other start.
func (s *SSHD) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for cmd := range s.sessions {
		_ = cmd.Process.Kill()
	}
	s.sessions = nil
}
