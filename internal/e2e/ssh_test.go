package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"lpipe/internal/testparts"
)

// private makes a project with two private crates; the keys may log in.
func private(t *testing.T, keys ...keyPair) *project {
	t.Helper()
	p := newProject(t)
	p.serve(keys...)
	p.crates(&dependency{name: "one"}, &dependency{name: "two"})
	return p
}

func (p *project) serve(keys ...keyPair) {
	p.t.Helper()
	var public []ssh.PublicKey
	for _, k := range keys {
		public = append(public, k.public)
	}
	p.sshd = testparts.NewSSHD(p.t, testparts.SSHDOptions{AuthorizedKeys: public, GitRoot: p.repo})
}

// run runs the program that was built.
func (p *project) run() string {
	p.t.Helper()
	out, err := exec.Command(filepath.Join(p.dir, "target/lambda/greet/bootstrap")).Output()
	if err != nil {
		p.t.Fatal(err)
	}
	return string(out)
}

func TestPrivateDependenciesByAgent(t *testing.T) {
	key, other := newKey(t), newKey(t)
	p := private(t, key)
	out := p.succeeds([]string{agent(t, other, key)}, "build")
	if got := p.run(); got != "one\ntwo\n" {
		t.Errorf("the program says %q", got)
	}
	want := "ssh: signed login as " + p.sshd.User + "@"
	if !strings.Contains(out, want) || !strings.Contains(out, "with "+key.fingerprint()) {
		t.Errorf("no line says %q with %s", want, key.fingerprint())
	}

	// Nothing is fetched again: there is no agent, and a connection would be in the server's log.
	before := p.sshd.Log(t)
	if err := os.WriteFile(filepath.Join(p.dir, "src/main.rs"), []byte("fn main() { println!(\"{}\", two::name()) }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p.succeeds(nil, "build")
	if got := p.run(); got != "two\n" {
		t.Errorf("the program says %q", got)
	}
	if p.sshd.Log(t) != before {
		t.Error("the second build logged in")
	}
}
