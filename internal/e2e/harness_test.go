// Package e2e has the tests that run the lpipe program as a user does, against real engines and servers.
package e2e

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lpipe/internal/testparts"
	"lpipe/internal/testparts/require"
)

// parts are shared by all tests of a run: the program, and the engine that it starts.
var parts struct{ program, engine string }

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "lpipe-e2e-")
	if err != nil {
		panic(err)
	}
	parts.program, parts.engine = filepath.Join(dir, "lpipe"), filepath.Join(dir, "engine")
	status := m.Run()
	if _, err := os.Stat(parts.engine); err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		stop := exec.CommandContext(ctx, parts.program, "engine", "stop")
		stop.Env = append(os.Environ(), "LPIPE_ENGINE_ROOT="+parts.engine)
		if out, err := stop.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "stopping the engine: %v\n%s", err, out)
			status = 1
		}
		cancel()
	}
	os.RemoveAll(dir)
	os.Exit(status)
}

// project is a cargo project with all that a build of it needs.
type project struct {
	t     testing.TB
	dir   string
	home  string   // of the user who runs lpipe
	env   []string // beside a clean environment
	repo  string   // root of the bare repositories
	sshd  *testparts.SSHD
	limit time.Duration // of one run, 0 for some minutes
}

// newProject makes an empty project, and builds the program if no test did yet.
func newProject(t *testing.T) *project {
	t.Helper()
	_, err := exec.LookPath("runc")
	require.Part(t, err == nil && os.Geteuid() == 0, "root and runc", "apt-get install runc")
	base := testparts.BaseImage(t)
	if _, err := os.Stat(parts.program); err != nil {
		if out, err := exec.Command("go", "build", "-o", parts.program, "lpipe/cmd/lpipe").CombinedOutput(); err != nil {
			t.Fatalf("building lpipe: %v\n%s", err, out)
		}
	}
	p := &project{t: t, dir: t.TempDir(), home: t.TempDir(), repo: t.TempDir()}
	p.env = []string{
		"LPIPE_ENGINE=embedded", "LPIPE_ENGINE_ROOT=" + parts.engine, "LPIPE_BASE=oci-layout://" + base, "LPIPE_PROGRESS=plain",
	}
	return p
}

// files writes files of the project.
func (p *project) files(files map[string]string) {
	p.t.Helper()
	for name, text := range files {
		name = filepath.Join(p.dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			p.t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
}

// lpipe runs the program in the project and returns its exit status and what it wrote to standard error.
func (p *project) lpipe(env []string, args ...string) (status int, output string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), cmp.Or(p.limit, 5*time.Minute))
	defer cancel()
	cmd := exec.CommandContext(ctx, parts.program, args...)
	cmd.Dir = p.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.home}, append(p.env, env...)...)
	out, err := cmd.CombinedOutput()
	p.t.Logf("lpipe %s\n%s", strings.Join(args, " "), out)
	if cmd.ProcessState == nil {
		p.t.Fatalf("running lpipe: %v", err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// succeeds runs the program, which must end well.
func (p *project) succeeds(env []string, args ...string) string {
	p.t.Helper()
	status, out := p.lpipe(env, args...)
	if status != 0 {
		p.t.Fatalf("lpipe %s: exit status %d", strings.Join(args, " "), status)
	}
	return out
}

// fails runs the program, which must end with that exit status and say all of the words in its final report.
func (p *project) fails(want int, words []string, env []string, args ...string) string {
	p.t.Helper()
	status, out := p.lpipe(env, args...)
	if status != want {
		p.t.Errorf("lpipe %s: exit status %d, want %d", strings.Join(args, " "), status, want)
	}
	_, report, _ := strings.Cut(out, "lpipe: error:")
	for _, word := range words {
		if !strings.Contains(report, word) {
			p.t.Errorf("the report does not say %q", word)
		}
	}
	return out
}

// dependency is a crate in a git repository.
type dependency struct {
	name   string // of the crate, and of org/NAME.git
	commit string
	query  string // such as "?branch=main"
	files  map[string]string
}

// crates makes the repositories of the dependencies, and the project's lambda, whose program calls name() of each.
func (p *project) crates(deps ...*dependency) {
	p.t.Helper()
	for _, d := range deps {
		files := map[string]string{
			"Cargo.toml": fmt.Sprintf("[package]\nname = %q\nversion = \"0.3.0\"\nedition = \"2021\"\n", d.name),
			"src/lib.rs": fmt.Sprintf("pub fn name() -> &'static str { %q }\n", d.name),
		}
		for name, text := range d.files {
			files[name] = text
		}
		d.commit = testparts.Repository(p.t, p.repo, "org/"+d.name+".git", files)
	}
	p.dependsOn(deps...)
}

// dependsOn makes the project's lambda, whose program calls name() of each of the dependencies.
func (p *project) dependsOn(deps ...*dependency) {
	p.t.Helper()
	var manifest, lock, calls, needs strings.Builder
	for _, d := range deps {
		url := p.sshd.URL("org/" + d.name + ".git")
		key := ""
		if name, value, ok := strings.Cut(strings.TrimPrefix(d.query, "?"), "="); ok {
			key = fmt.Sprintf(", %s = %q", name, value)
		}
		fmt.Fprintf(&manifest, "%s = { git = %q%s }\n", d.name, url, key)
		fmt.Fprintf(&lock, "\n[[package]]\nname = %q\nversion = \"0.3.0\"\nsource = \"git+%s%s#%s\"\n", d.name, url, d.query, d.commit)
		fmt.Fprintf(&calls, "    println!(\"{}\", %s::name());\n", d.name)
		fmt.Fprintf(&needs, " %q,\n", d.name)
	}
	p.files(map[string]string{
		"Cargo.toml":  "[package]\nname = \"greet\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n" + manifest.String(),
		"Cargo.lock":  "version = 4\n" + lock.String() + "\n[[package]]\nname = \"greet\"\nversion = \"0.1.0\"\ndependencies = [\n" + needs.String() + "]\n",
		"src/main.rs": "fn main() {\n" + calls.String() + "}\n\n#[test]\nfn names() {}\n",
		"known_hosts": p.sshd.KnownHosts(),
		"lpipe.toml":  "[ssh]\nknown-hosts = [\"known_hosts\"]\n",
	})
}

// keyPair is a key for SSH.
type keyPair struct {
	private crypto.Signer
	public  ssh.PublicKey
}

func newKey(t testing.TB) keyPair {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return keyPair{private, public}
}

func (k keyPair) fingerprint() string { return ssh.FingerprintSHA256(k.public) }

// pem is the private key as ssh-keygen writes it, encrypted if there is a passphrase.
func (k keyPair) pem(t testing.TB, passphrase string) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(k.private, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(k.private, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

// agent starts OpenSSH's agent with the keys and returns the setting that names its socket.
func agent(t testing.TB, keys ...keyPair) string {
	t.Helper()
	_, err := exec.LookPath("ssh-agent")
	require.Part(t, err == nil, "ssh-agent", "apt-get install openssh-client")
	dir, err := os.MkdirTemp("", "agent-") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	cmd := exec.Command("ssh-agent", "-D", "-a", socket)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for range 500 {
		if conn, err := net.Dial("unix", socket); err == nil { // a socket is there before anybody listens
			conn.Close()
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	setting := "SSH_AUTH_SOCK=" + socket
	for i, k := range keys {
		file := filepath.Join(dir, fmt.Sprint("key", i))
		if err := os.WriteFile(file, []byte(k.pem(t, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		add := exec.Command("ssh-add", "-q", file)
		add.Env = append(os.Environ(), setting)
		if out, err := add.CombinedOutput(); err != nil {
			t.Fatalf("ssh-add: %v\n%s", err, out)
		}
	}
	return setting
}
