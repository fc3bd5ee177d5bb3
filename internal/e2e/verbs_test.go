package e2e

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"lpipe/internal/testparts"
)

func TestDoctor(t *testing.T) {
	key, deploy := newKey(t), newKey(t)
	p := private(t, key, deploy)
	p.files(map[string]string{
		"lpipe.toml": "[ssh]\nknown-hosts = [\"known_hosts\"]\ndeploy-keys = { \"org/two\" = \"env:TWO_KEY\" }\n",
	})
	out := p.succeeds([]string{agent(t, key), "TWO_KEY=" + deploy.pem(t, "")}, "doctor")
	for _, want := range []string{
		"ok      engine      embedded at " + parts.engine, "ok      runc", "ok      BuildKit", "ok      base image  oci-layout://",
		"ok      agent", key.fingerprint(), "ok      host        " + p.sshd.Addr + " is pinned",
		"org/one with " + key.fingerprint(), "org/two with " + deploy.fingerprint(),
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if strings.Contains(p.sshd.Log(t), "Connection from") {
		t.Error("the server was contacted")
	}

	// Everything that is wrong is said at once.
	p.files(map[string]string{"known_hosts": ""})
	p.fails(2, []string{"no host key is pinned for", "there is no SSH agent", "the variable TWO_KEY is not set"}, nil, "doctor")
}

func TestHostKeys(t *testing.T) {
	key := newKey(t)
	p := private(t, key)
	if out := p.succeeds(nil, "hostkeys", "list", "github.com"); strings.Count(out, "github.com") < 3 || !strings.Contains(out, "built-in known_hosts:") {
		t.Error("the built-in keys of github.com are not listed")
	}
	if out := p.succeeds(nil, "hostkeys", "verify"); !strings.Contains(out, "is pinned: ssh-ed25519 "+ssh.FingerprintSHA256(p.sshd.HostKeys[0])) {
		t.Error("the server's key is not verified")
	}
	p.fails(1, []string{"cannot ask localhost:1 for its host key", "refused", "check the name"}, nil, "hostkeys", "verify", "localhost:1")
	p.fails(1, []string{"no host key is pinned for [localhost]:"}, nil, "hostkeys", "verify", "localhost:"+strings.Split(p.sshd.Addr, ":")[1])
	p.files(map[string]string{"known_hosts": knownhosts.Line([]string{p.sshd.Addr}, newKey(t).public) + "\n"})
	p.fails(1, []string{"host key mismatch for", ssh.FingerprintSHA256(p.sshd.HostKeys[0]), "known_hosts:1"}, nil, "hostkeys", "verify")
}

func TestHostKeysUpdate(t *testing.T) {
	p := private(t, newKey(t))
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	published, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxy := testparts.NewProxy(t, listener, "me", "secret")
	proxy.Hosts["api.github.com"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"ssh_keys":             []string{strings.TrimSpace(string(ssh.MarshalAuthorizedKey(published)))},
			"ssh_key_fingerprints": map[string]string{"SHA256_ED25519": strings.TrimPrefix(ssh.FingerprintSHA256(published), "SHA256:")},
		})
	})
	// All that is encrypted goes through a proxy that opens it, and whose authority is first nobody's.
	env := []string{"HTTPS_PROXY=http://me:secret@" + listener.Addr().String()}
	p.fails(1, []string{"cannot learn GitHub's host keys", "certificate"}, env, "hostkeys", "update")

	config, err := os.ReadFile(filepath.Join(p.dir, "lpipe.toml"))
	if err != nil {
		t.Fatal(err)
	}
	p.files(map[string]string{"lpipe.toml": string(config) + fmt.Sprintf("\n[network]\nca = [%q]\n", proxy.CAFile)})
	out := p.fails(1, []string{"the pins differ", "--write"}, env, "hostkeys", "update")
	if !strings.Contains(out, "+ github.com,[ssh.github.com]:443 ssh-ed25519 "+ssh.FingerprintSHA256(published)) || strings.Count(out, "\n- ") < 2 {
		t.Error("the difference is not shown")
	}
	p.succeeds(env, "hostkeys", "update", "--write")
	written, err := os.ReadFile(filepath.Join(p.dir, "known_hosts"))
	if err != nil || !strings.Contains(string(written), base64.StdEncoding.EncodeToString(published.Marshal())) || !strings.Contains(string(written), "@revoked") {
		t.Errorf("%v\n%s", err, written)
	}
	if out := p.succeeds(env, "hostkeys", "update"); !strings.Contains(out, "the pins are the keys that GitHub publishes") {
		t.Error("what was written does not hold")
	}
	// A build must not trust a retired key again.
	out = p.succeeds(nil, "hostkeys", "list", "github.com")
	if strings.Contains(out, "built-in") {
		t.Error("a retired key is still pinned")
	}
}
