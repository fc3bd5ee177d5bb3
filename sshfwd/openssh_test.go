package sshfwd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"lpipe/internal/testparts/require"
)

// sshdPath is where Debian installs the server, which is on few users' PATH.
const sshdPath = "/usr/sbin/sshd"

func needOpenSSH(t testing.TB) {
	t.Helper()
	for _, program := range []string{"ssh", "ssh-keygen", "ssh-add", "ssh-agent", sshdPath} {
		_, err := exec.LookPath(program)
		require.Part(t, err == nil, program, "apt-get install openssh-client openssh-server")
	}
	if os.Geteuid() == 0 {
		// Where a service manager makes it, nobody has started sshd yet.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			require.Part(t, false, "/run/sshd, where sshd separates privileges", "mkdir it as root")
		}
	}
}

// run runs a program of OpenSSH to its end, with that agent, and returns what it prints.
func run(t testing.TB, socket string, argv ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "SSH_AUTH_SOCK=" + socket}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustRun(t testing.TB, socket string, argv ...string) string {
	t.Helper()
	out, err := run(t, socket, argv...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return out
}

// keygen makes a key pair and returns the path of the private key.
func keygen(t testing.TB, dir, name, kind string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	argv := []string{"ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", path}
	if kind == "rsa" {
		argv = append(argv, "-b", "2048") // quicker to make than the default
	}
	mustRun(t, "", argv...)
	return path
}

func readPublic(t testing.TB, path string) ssh.PublicKey {
	t.Helper()
	text, err := os.ReadFile(path + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// server is an sshd on loopback.
type server struct {
	addr, port string
	name       string // as known_hosts writes it
	hostKeys   []string
}

// startServer serves logins of the current user with the keys in authorized; each connection gets an sshd
// process of its own, in inetd mode.
func startServer(t testing.TB, dir, authorized, config string, hostKeys ...string) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	text := fmt.Sprintf("AuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"+
		"PermitRootLogin prohibit-password\nPidFile none\nForceCommand echo logged in\n%s", authorized, config)
	for _, k := range hostKeys {
		text += "HostKey " + k + "\n"
	}
	file := filepath.Join(dir, fmt.Sprintf("sshd_config_%d", port))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				f, err := c.(*net.TCPConn).File()
				c.Close()
				if err != nil {
					return
				}
				defer f.Close()
				cmd := exec.CommandContext(ctx, sshdPath, "-i", "-e", "-f", file)
				cmd.Stdin, cmd.Stdout = f, f
				cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
				cmd.WaitDelay = 5 * time.Second
				var log bytes.Buffer
				cmd.Stderr = &log
				if err := cmd.Run(); err != nil {
					t.Logf("sshd: %v: %s", err, log.String())
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		cancel()
		serving.Wait()
	})
	return &server{
		addr: l.Addr().String(), port: fmt.Sprint(port), name: fmt.Sprintf("[127.0.0.1]:%d", port), hostKeys: hostKeys,
	}
}

// world is two servers, the first of which is pinned by key and by certificate authority, and an identity.
type world struct {
	dir              string
	pinned, unpinned *server
	knownHosts       string // the pins
	identity         string // private key file
	rsaIdentity      string
	user             string
	seen             *events
}

func newWorld(t testing.TB) *world {
	t.Helper()
	needOpenSSH(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w := &world{dir: dir, user: me.Username, seen: new(events)}
	w.identity = keygen(t, dir, "id_ed25519", "ed25519")
	w.rsaIdentity = keygen(t, dir, "id_rsa", "rsa")
	authorized := filepath.Join(dir, "authorized_keys")
	text := string(ssh.MarshalAuthorizedKey(readPublic(t, w.identity))) + string(ssh.MarshalAuthorizedKey(readPublic(t, w.rsaIdentity)))
	if err := os.WriteFile(authorized, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ed, ec, rsa := keygen(t, dir, "host_ed25519", "ed25519"), keygen(t, dir, "host_ecdsa", "ecdsa"), keygen(t, dir, "host_rsa", "rsa")
	ca := keygen(t, dir, "ca", "ed25519")
	mustRun(t, "", "ssh-keygen", "-q", "-s", ca, "-I", "host", "-h", "-n", "127.0.0.1", ed+".pub")
	w.pinned = startServer(t, dir, authorized, "HostCertificate "+ed+"-cert.pub\n", ed, ec, rsa)
	w.unpinned = startServer(t, dir, authorized, "", keygen(t, dir, "host_unpinned", "ed25519"))

	var pins strings.Builder
	for _, k := range []string{ed, ec, rsa} {
		fmt.Fprintln(&pins, knownhosts.Line([]string{w.pinned.addr}, readPublic(t, k)))
	}
	fmt.Fprintln(&pins, "@cert-authority "+knownhosts.Line([]string{w.pinned.addr, "127.0.0.1"}, readPublic(t, ca)))
	w.knownHosts = filepath.Join(dir, "known_hosts")
	if err := os.WriteFile(w.knownHosts, []byte(pins.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// agent returns one with that source, which lets the user log in to the pinned server.
func (w *world) agent(t testing.TB, sources ...Source) *Agent {
	t.Helper()
	callback, err := knownhosts.New(w.knownHosts)
	if err != nil {
		t.Fatal(err)
	}
	return &Agent{
		Sources: sources,
		Policy: Policy{
			Hosts: []Host{{w.pinned.name, w.user}},
			Pinned: func(host string, key ssh.PublicKey) error {
				addr, ok := strings.CutPrefix(host, "[127.0.0.1]:")
				if !ok {
					return fmt.Errorf("unexpected host %q", host)
				}
				// For a known host with another key the library names neither; the reason is in the wanted keys.
				return callback("127.0.0.1:"+addr, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, key)
			},
		},
		Log: w.seen.add,
	}
}

func (w *world) keyFile(t testing.TB, path string) Source {
	t.Helper()
	src, err := KeyFile(path, "")
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// ssh logs in to the server with a client that accepts any host key, so that only the agent stands in the way.
func (w *world) ssh(t testing.TB, socket string, s *server, options ...string) (string, error) {
	t.Helper()
	argv := []string{
		"ssh", "-F", "/dev/null", "-p", s.port, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UpdateHostKeys=no",
		"-o", "GlobalKnownHostsFile=" + w.knownHosts, "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentityFile=none",
	}
	for _, o := range options {
		argv = append(argv, "-o", o)
	}
	return run(t, socket, append(argv, w.user+"@127.0.0.1")...)
}

func TestOpenSSHLogsInToPinnedHost(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, w.keyFile(t, w.identity))
	socket := listen(t, a)
	for _, tt := range []struct{ algorithm, text string }{
		{"ssh-ed25519", "pinned ED25519 SHA256:"},
		{"ecdsa-sha2-nistp256", "pinned ECDSA SHA256:"},
		{"rsa-sha2-512", "pinned RSA SHA256:"},
		{"rsa-sha2-256", "pinned RSA SHA256:"},
		{"ssh-ed25519-cert-v01@openssh.com", "pinned ED25519-CERT SHA256:"},
	} {
		t.Run(tt.algorithm, func(t *testing.T) {
			w.seen.forget()
			out, err := w.ssh(t, socket, w.pinned, "HostKeyAlgorithms="+tt.algorithm)
			if err != nil || !strings.Contains(out, "logged in") {
				t.Fatalf("%v\n%s\n%s", err, out, w.seen.text())
			}
			want := fmt.Sprintf("ssh: signed login as %s@%s (%s", w.user, w.pinned.name, tt.text)
			if text := w.seen.text(); !strings.Contains(text, want) || strings.Contains(text, "refused") {
				t.Errorf("events:\n%s\nwant %q", text, want)
			}
		})
	}
}

func TestOpenSSHLogsInWithRSAIdentity(t *testing.T) {
	w := newWorld(t)
	socket := listen(t, w.agent(t, w.keyFile(t, w.rsaIdentity)))
	for _, algorithm := range []string{"rsa-sha2-256", "rsa-sha2-512"} {
		if out, err := w.ssh(t, socket, w.pinned, "PubkeyAcceptedAlgorithms="+algorithm); err != nil {
			t.Errorf("%s: %v\n%s\n%s", algorithm, err, out, w.seen.text())
		}
	}
}

func TestOpenSSHIsRefusedForUnpinnedHost(t *testing.T) {
	w := newWorld(t)
	out, err := w.ssh(t, listen(t, w.agent(t, w.keyFile(t, w.identity))), w.unpinned)
	if err == nil || !strings.Contains(out, "Permission denied") {
		t.Fatalf("%v\n%s", err, out)
	}
	host := readPublic(t, w.unpinned.hostKeys[0])
	want := "ssh: refused to bind the connection to a host: " + ErrUnpinned.Error() + ": " + describe(host) + ": " + w.pinned.name + ": "
	if text := w.seen.text(); !strings.Contains(text, want) || strings.Contains(text, "signed") {
		t.Errorf("events:\n%s\nwant %q", text, want)
	}
	var keyErr *knownhosts.KeyError
	if !errors.As(w.seen.first().(Refused).Err, &keyErr) {
		t.Error("the event does not hold the error of the caller's check")
	}
}

func TestOpenSSHIsRefusedAnotherUser(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, w.keyFile(t, w.identity))
	a.Policy.Hosts[0].User = "git"
	if out, err := w.ssh(t, listen(t, a), w.pinned); err == nil {
		t.Fatal(out)
	}
	if !errors.Is(w.seen.refusal(), ErrUser) {
		t.Errorf("refused because %v", w.seen.refusal())
	}
}

func TestOpenSSHToolsCanOnlyList(t *testing.T) {
	w := newWorld(t)
	socket := listen(t, w.agent(t, w.keyFile(t, w.identity)))
	public := readPublic(t, w.identity)
	if out := mustRun(t, socket, "ssh-add", "-l"); !strings.Contains(out, ssh.FingerprintSHA256(public)) {
		t.Errorf("ssh-add -l: %s", out)
	}
	if out := mustRun(t, socket, "ssh-add", "-L"); !strings.HasPrefix(out, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public)))) {
		t.Errorf("ssh-add -L: %s", out)
	}
	file := filepath.Join(w.dir, "file")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The tools must take the key from the agent.
	alone := filepath.Join(w.dir, "alone.pub")
	if err := os.WriteFile(alone, ssh.MarshalAuthorizedKey(public), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		argv []string
		text string
		want error
	}{
		{[]string{"ssh-keygen", "-Y", "sign", "-n", "file", "-f", alone, file}, "ssh: refused a signature with " + ssh.FingerprintSHA256(public), ErrSSHSIG},
		{[]string{"ssh-add", "-D"}, "ssh: refused removing all identities", ErrRequest},
		{[]string{"ssh-add", "-d", alone}, "ssh: refused removing an identity", ErrRequest},
		{[]string{"ssh-add", w.rsaIdentity}, "ssh: refused adding an identity", ErrRequest},
		{[]string{"ssh-add", "-t", "60", w.rsaIdentity}, "ssh: refused adding an identity", ErrRequest},
		{[]string{"ssh-add", "-T", alone}, "ssh: refused a signature with", ErrMalformed},
	} {
		w.seen.forget()
		if out, err := run(t, socket, tt.argv...); err == nil {
			t.Errorf("%v is allowed: %s", tt.argv, out)
		}
		if text := w.seen.text(); !strings.Contains(text, tt.text) || !errors.Is(w.seen.refusal(), tt.want) {
			t.Errorf("%v: events:\n%s\nwant %q because %v", tt.argv, text, tt.text, tt.want)
		}
	}
	if out := mustRun(t, socket, "ssh-add", "-l"); strings.Count(out, "\n") != 1 {
		t.Errorf("afterwards there are\n%s", out)
	}
}

// realAgent starts OpenSSH's agent and returns its socket.
func realAgent(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sshfwd")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "agent")
	cmd := exec.Command("ssh-agent", "-D", "-a", socket)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		os.RemoveAll(dir)
	})
	for range 1200 {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return socket
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("ssh-agent does not answer")
	return ""
}

func TestRealAgentIsTheSource(t *testing.T) {
	w := newWorld(t)
	real := realAgent(t)
	a := w.agent(t, Socket(real))
	if err := a.Check(context.Background()); !errors.Is(err, ErrEmptyAgent) {
		t.Errorf("empty agent: %v", err)
	}
	mustRun(t, real, "ssh-add", "-q", w.identity, w.rsaIdentity)
	a.Policy.Identities = []string{ssh.FingerprintSHA256(readPublic(t, w.identity))}
	if err := a.Check(context.Background()); err != nil {
		t.Error(err)
	}
	socket := listen(t, a)
	if out := mustRun(t, socket, "ssh-add", "-l"); strings.Count(out, "\n") != 1 || !strings.Contains(out, a.Policy.Identities[0]) {
		t.Errorf("the build sees\n%s", out)
	}
	if out, err := w.ssh(t, socket, w.pinned); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, w.seen.text())
	}
	if out, err := w.ssh(t, socket, w.pinned, "HostKeyAlgorithms=ssh-ed25519-cert-v01@openssh.com"); err != nil {
		t.Errorf("certificate: %v\n%s\n%s", err, out, w.seen.text())
	}
}

// Keys added with ssh-add -h are only used by their agent on connections that are bound to their destination, so
// these logins show that verified binds are passed on.
func TestDestinationConstrainedKeys(t *testing.T) {
	w := newWorld(t)
	// Both servers are pinned and allowed: what is refused, the real agent refuses.
	text, err := os.ReadFile(w.knownHosts)
	if err != nil {
		t.Fatal(err)
	}
	line := knownhosts.Line([]string{w.unpinned.addr}, readPublic(t, w.unpinned.hostKeys[0]))
	if err := os.WriteFile(w.knownHosts, append(text, line+"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	real := realAgent(t)
	mustRun(t, real, "ssh-add", "-q", "-H", w.knownHosts, "-h", w.user+"@"+w.pinned.name, w.identity)
	a := w.agent(t, Socket(real))
	a.Policy.Hosts = append(a.Policy.Hosts, Host{w.unpinned.name, w.user})
	if err := a.Check(context.Background()); err != nil {
		t.Error(err)
	}
	socket := listen(t, a)
	if out, err := w.ssh(t, socket, w.pinned, "HostKeyAlgorithms=ssh-ed25519"); err != nil {
		t.Errorf("its destination: %v\n%s\n%s", err, out, w.seen.text())
	}
	if out, err := w.ssh(t, socket, w.unpinned); err == nil {
		t.Errorf("another destination: %s", out)
	}
}

// The client of golang.org/x/crypto sends no binds, like libgit2 and older versions of OpenSSH.
func TestClientWithoutBinds(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		mode Mode
		want string
	}{
		{Strict, ErrUnbound.Error()},
		{Userauth, "ssh: signed login as " + w.user + " (the host is not verified) with SHA256:"},
	} {
		a := w.agent(t, w.keyFile(t, w.identity))
		a.Policy.Mode = tt.mode
		c, err := net.Dial("unix", listen(t, a))
		if err != nil {
			t.Fatal(err)
		}
		client, err := ssh.Dial("tcp", w.pinned.addr, &ssh.ClientConfig{
			User: w.user, Auth: []ssh.AuthMethod{ssh.PublicKeysCallback(agent.NewClient(c).Signers)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
		})
		if err == nil {
			client.Close()
		}
		c.Close()
		if (err == nil) != (tt.mode == Userauth) || !strings.Contains(w.seen.text(), tt.want) {
			t.Errorf("mode %d: %v; events:\n%s\nwant %q", tt.mode, err, w.seen.text(), tt.want)
		}
	}
}

// The fixes that the errors about keys name do what they say.
func TestFixesForRefusedKeysWork(t *testing.T) {
	needOpenSSH(t)
	dir := t.TempDir()
	path := keygen(t, dir, "pkcs8", "rsa")
	want := ssh.FingerprintSHA256(readPublic(t, path))
	mustRun(t, "", "ssh-keygen", "-q", "-p", "-m", "PKCS8", "-P", "", "-N", "secret words", "-f", path)
	if _, err := KeyFile(path, "secret words"); !errors.Is(err, ErrEncryptedPKCS8) {
		t.Fatalf("ssh-keygen's PKCS #8: %v", err)
	}
	mustRun(t, "", "ssh-keygen", "-q", "-p", "-P", "secret words", "-N", "secret words", "-f", path)
	src, err := KeyFile(path, "secret words")
	if err != nil {
		t.Fatal(err)
	}
	if got := fingerprints(t, src); got[0] != want {
		t.Errorf("fingerprint %s, want %s", got[0], want)
	}
	if _, err := KeyFile(path+".pub", ""); !errors.Is(err, ErrPublicKey) {
		t.Errorf("public key: %v", err)
	}
}
