package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

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
	p.sshd = testparts.NewSSHD(p.t, testparts.SSHDOptions{AuthorizedKeys: keysOf(keys...), GitRoot: p.repo})
}

func keysOf(keys ...keyPair) []ssh.PublicKey {
	var public []ssh.PublicKey
	for _, k := range keys {
		public = append(public, k.public)
	}
	return public
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

func TestPrivateDependenciesInCI(t *testing.T) {
	general, deploy := newKey(t), newKey(t)
	p := private(t, general, deploy)
	p.files(map[string]string{"lpipe.toml": `[ssh]
known-hosts = ["known_hosts"]
deploy-keys = { "org/two" = "env:TWO_KEY" }

[ci]
ssh.key = "env:DEPLOY_KEY"
ssh.passphrase = "env:DEPLOY_PASSPHRASE"
`})
	out := p.succeeds([]string{
		"CI=true",
		"DEPLOY_KEY=" + strings.ReplaceAll(general.pem(t, "open sesame"), "\n", `\n`),
		"DEPLOY_PASSPHRASE=open sesame",
		"TWO_KEY=" + deploy.pem(t, ""),
	}, "build")
	if got := p.run(); got != "one\ntwo\n" {
		t.Errorf("the program says %q", got)
	}
	// Each repository is fetched with its own key and no other, in the order of their names.
	var used []string
	for _, m := range regexp.MustCompile(`ssh: signed login .* with (\S+)`).FindAllStringSubmatch(out, -1) {
		used = append(used, m[1])
	}
	if want := []string{general.fingerprint(), deploy.fingerprint()}; !slices.Equal(used, want) {
		t.Errorf("logged in with %q, want %q", used, want)
	}
}

func TestWhatIsWrongWithPrivateDependencies(t *testing.T) {
	key := newKey(t)
	config := func(lines string) map[string]string {
		return map[string]string{"lpipe.toml": "[ssh]\nknown-hosts = [\"known_hosts\"]\n" + lines}
	}
	tests := map[string]struct {
		files  map[string]string
		env    func(t *testing.T) []string
		change func(t *testing.T, p *project)
		args   []string
		status int
		words  []string // %ADDR% is the server's address
	}{
		"no agent": {
			status: 2, words: []string{"there is no SSH agent", "SSH_AUTH_SOCK is not set", "ssh-add"},
		},
		"dead agent": {
			env:    func(t *testing.T) []string { return []string{"SSH_AUTH_SOCK=" + filepath.Join(t.TempDir(), "gone")} },
			status: 2, words: []string{"gone cannot be used", "the socket does not exist", "fix:"},
		},
		"empty agent": {
			env:    func(t *testing.T) []string { return []string{agent(t)} },
			status: 2, words: []string{"cannot be used", "there are no identities", "ssh-add"},
		},
		"none of the wanted keys": {
			files:  config("keys = [\"" + newKey(t).fingerprint() + "\"]\n"),
			env:    func(t *testing.T) []string { return []string{agent(t, key)} },
			status: 2, words: []string{"wanted identities are missing", key.fingerprint(), "[ssh] keys"},
		},
		"unpinned host, and a key that is encrypted": {
			files:  map[string]string{"lpipe.toml": "[ssh]\nkey = \"env:KEY\"\n"},
			env:    func(t *testing.T) []string { return []string{"KEY=" + key.pem(t, "secret")} },
			status: 2, words: []string{"no host key is pinned for %ADDR%", "known-hosts", "the SSH key from env:KEY cannot be used", "encrypted and no passphrase is given", "[ssh] passphrase"},
		},
		"wrong passphrase": {
			files:  config("key = \"env:KEY\"\npassphrase = \"env:WORD\"\n"),
			env:    func(t *testing.T) []string { return []string{"KEY=" + key.pem(t, "secret"), "WORD=sesame"} },
			status: 2, words: []string{"the passphrase does not open the private key"},
		},
		"key not set": {
			files:  config("key = \"env:KEY\"\n"),
			status: 2, words: []string{"the variable KEY is not set"},
		},
		"key that is no key": {
			files:  config("key = \"env:KEY\"\n"),
			env:    func(*testing.T) []string { return []string{"KEY=hunter2"} },
			status: 2, words: []string{"the SSH key from env:KEY cannot be used", "no private key in it"},
		},
		"key that the server does not know": {
			env:    func(t *testing.T) []string { return []string{agent(t, newKey(t))} },
			status: 1, words: []string{"the server lets nobody in to fetch ssh://%USER%@%ADDR%/org/one.git", "deploy key"},
		},
		"repository that the key may not read": {
			env: func(t *testing.T) []string { return []string{agent(t, key)} },
			change: func(t *testing.T, p *project) {
				two := filepath.Join(p.repo, "org/two.git")
				if err := errors.Join(os.RemoveAll(two), os.Mkdir(two, 0o755)); err != nil {
					t.Fatal(err)
				}
			},
			status: 1, words: []string{"does not show ssh://%USER%@%ADDR%/org/two.git", key.fingerprint(), "[ssh] deploy-keys"},
		},
		"host key swapped": {
			env: func(t *testing.T) []string { return []string{agent(t, key)} },
			change: func(t *testing.T, p *project) {
				p.files(map[string]string{"known_hosts": "# the old key\n" + knownhosts.Line([]string{p.sshd.Addr}, newKey(t).public) + "\n"})
			},
			status: 1, words: []string{"host key mismatch for", "the server showed the build ED25519 %HOSTKEY%", "known_hosts:2", "ask whoever runs the host"},
		},
		"host that is not allowed": {
			files:  config("hosts = [\"github.com\"]\n"),
			status: 2, words: []string{"may not log in to %ADDR%", "lpipe.toml:3"},
		},
		"flag": {
			args:   []string{"--ssh", "=x"},
			status: 2, words: []string{`--ssh "=x" is not understood`},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := private(t, key)
			p.files(test.files)
			if test.change != nil {
				test.change(t, p)
			}
			var env []string
			if test.env != nil {
				env = test.env(t)
			}
			var words []string
			fill := strings.NewReplacer("%ADDR%", p.sshd.Addr, "%USER%", p.sshd.User, "%HOSTKEY%", ssh.FingerprintSHA256(p.sshd.HostKeys[0]))
			for _, w := range test.words {
				if w = fill.Replace(w); strings.Contains(w, "is pinned for") {
					w = strings.Replace(w, p.sshd.Addr, knownhosts.Normalize(p.sshd.Addr), 1)
				}
				words = append(words, w)
			}
			p.fails(test.status, words, env, append([]string{"build"}, test.args...)...)
		})
	}
}
