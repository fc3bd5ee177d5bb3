package network

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/shell"
)

// authority is a certificate and its private key, as PEM.
func authority(t *testing.T, serial int64) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spec := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, spec, spec, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

func write(t testing.TB, name, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestTheClosestWordOnProxiesCounts(t *testing.T) {
	docker := t.TempDir()
	write(t, filepath.Join(docker, "config.json"), `{"proxies":{"default":{"httpProxy":"http://docker:1","httpsProxy":"http://docker:1","noProxy":"d.example"},"tcp://far:2375":{"httpsProxy":"http://far:1"}}}`)
	toml := config.Network{HTTPSProxy: "http://toml:1", NoProxy: []string{"a.example", "b.example"}}
	for name, c := range map[string]struct {
		env  map[string]string
		toml config.Network
		home cargo.Home
		want string // HTTP_PROXY, HTTPS_PROXY, NO_PROXY
	}{
		"docker":          {want: "http://docker:1 http://docker:1 d.example"},
		"docker, by host": {env: map[string]string{"DOCKER_HOST": "tcp://far:2375"}, want: " http://far:1 "},
		"cargo":           {home: cargo.Home{Proxy: "http://cargo:1"}, want: "http://cargo:1 http://cargo:1 d.example"},
		"lpipe.toml":      {home: cargo.Home{Proxy: "http://cargo:1"}, toml: toml, want: "http://cargo:1 http://toml:1 a.example,b.example"},
		"environment":     {env: map[string]string{"HTTPS_PROXY": "http://env:1", "no_proxy": "e.example"}, toml: toml, want: "http://docker:1 http://env:1 e.example"},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := New(&config.Config{Network: c.toml}, c.env, &c.home, docker)
			if err != nil {
				t.Fatal(err)
			}
			if got := sourced(t, n, `printf '%s %s %s' "${HTTP_PROXY:-}" "${https_proxy:-}" "${NO_PROXY:-}"`); got != c.want {
				t.Errorf("a step is given %q, want %q", got, c.want)
			}
		})
	}
}

// sourced runs a command after the script of the network, with nothing of this machine's environment.
func sourced(t testing.TB, n *Network, command string) string {
	t.Helper()
	script := strings.ReplaceAll(string(n.Script()), "/tmp/", t.TempDir()+"/")
	cmd := exec.Command("/bin/sh", "-euc", script+"\n"+command)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func FuzzScript(f *testing.F) {
	f.Add("http://me:it's@host:1")
	f.Add("$(id) `id` \"x\" \\ \n'")
	f.Fuzz(func(t *testing.T, value string) {
		if value == "" || strings.ContainsRune(value, 0) {
			return
		}
		n, err := New(&config.Config{}, map[string]string{"HTTPS_PROXY": value, "RUSTUP_DIST_SERVER": value}, &cargo.Home{}, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := sourced(t, n, `printf '%s|%s|%s' "$HTTPS_PROXY" "$https_proxy" "$RUSTUP_DIST_SERVER"`); got != value+"|"+value+"|"+value {
			t.Errorf("%q becomes %q", value, got)
		}
	})
}

func TestAuthoritiesAreCertificatesAlone(t *testing.T) {
	dir := t.TempDir()
	one, key := authority(t, 1)
	two, _ := authority(t, 2)
	first := write(t, filepath.Join(dir, "first.pem"), "# Company\n"+key+one)
	second := write(t, filepath.Join(dir, "second.pem"), two+one)
	n, err := New(&config.Config{Network: config.Network{Authorities: []string{first}}}, map[string]string{"SSL_CERT_FILE": second}, &cargo.Home{}, "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := n.Authorities()
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != one+two {
		t.Errorf("a step is given\n%s", got)
	}
}

func TestFilesThatAreNoAuthoritiesAreRefused(t *testing.T) {
	dir := t.TempDir()
	empty := write(t, filepath.Join(dir, "empty.pem"), "")
	_, err := New(&config.Config{Network: config.Network{Authorities: []string{filepath.Join(dir, "none.pem")}}}, map[string]string{"SSL_CERT_FILE": empty}, &cargo.Home{CAInfo: dir}, "")
	parts := fault.Parts(err)
	if len(parts) != 3 {
		t.Fatalf("%d mistakes are said of 3: %v", len(parts), err)
	}
	for _, part := range parts {
		if f := new(fault.Error); !errors.As(part, &f) || f.Kind != fault.Usage || f.Fix == "" {
			t.Errorf("%v has no fix", part)
		}
	}
	var large strings.Builder
	for i := range int64(2000) {
		one, _ := authority(t, i)
		large.WriteString(one)
	}
	n, err := New(&config.Config{}, map[string]string{"SSL_CERT_FILE": write(t, filepath.Join(dir, "large.pem"), large.String())}, &cargo.Home{}, "")
	if err == nil {
		_, err = n.Authorities()
	}
	if err == nil || !strings.Contains(err.Error(), "too many certificate authorities") {
		t.Errorf("more than a secret may hold: %v", err)
	}
}

// Programs of this machine get what lpipe.toml says beside what they have.
func TestEnvironment(t *testing.T) {
	dir := t.TempDir()
	one, _ := authority(t, 1)
	two, _ := authority(t, 2)
	system := write(t, filepath.Join(dir, "system.pem"), one)
	env := map[string]string{"HOME": dir, "SSL_CERT_FILE": system, "https_proxy": "http://env:1"}
	cfg := &config.Config{Network: config.Network{HTTPProxy: "http://toml:1", Authorities: []string{write(t, filepath.Join(dir, "own.pem"), two)}}}
	n, err := New(cfg, env, &cargo.Home{}, "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := n.Environment(env)
	if err != nil {
		t.Fatal(err)
	}
	file := got["SSL_CERT_FILE"]
	delete(got, "SSL_CERT_FILE")
	if want := "map[HTTP_PROXY:http://toml:1 http_proxy:http://toml:1]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	text, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(text, []byte(one)) || !bytes.Contains(text, []byte(two)) {
		t.Errorf("%s is not both: %v\n%s", file, err, text)
	}
	if again, err := n.Environment(env); err != nil || again["SSL_CERT_FILE"] != file {
		t.Errorf("the second time it is %v, %v", again, err)
	}
	if n, err = New(&config.Config{}, env, &cargo.Home{}, ""); err != nil {
		t.Fatal(err)
	}
	if got, err := n.Environment(env); err != nil || len(got) > 0 {
		t.Errorf("without lpipe.toml it is %v, %v", got, err)
	}
}

func TestWhatIsSaidOfProxies(t *testing.T) {
	n, err := New(&config.Config{}, map[string]string{"HTTPS_PROXY": "http://me:p%40ss@localhost:3128", "HTTP_PROXY": "http://proxy.example.com:1"}, &cargo.Home{}, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := n.Secrets(); !slices.Contains(got, "p@ss") || !slices.Contains(got, "p%40ss") {
		t.Errorf("what is hidden is %q", got)
	}
	if got := n.Proxies(); !slices.Equal(got, []string{"http://proxy.example.com:1", "http://***@localhost:3128"}) {
		t.Errorf("what is shown is %q", got)
	}
	if got := n.Loopback(); got != "localhost:3128" {
		t.Errorf("of this machine is %q", got)
	}
}

// What git is told is what cargo's configuration says, of [http] alone, the closest file first.
func TestSettingsOfCargoReachGit(t *testing.T) {
	dir := t.TempDir()
	ca := write(t, filepath.Join(dir, "ca.pem"), "CA\n")
	for name, c := range map[string]struct {
		files []string
		want  string // https_proxy, and the file of certificates
	}{
		"nothing":   {[]string{"[net]\nproxy = \"x\"\ncainfo = \"y\"\n", ""}, "-"},
		"table":     {[]string{"[net]\nretry = 1\n\n[ http ]\n  proxy='http://p:1' # ours\ncainfo = \"" + ca + "\"\n[build]\nproxy = \"q\"\n"}, "http://p:1-CA"},
		"dotted":    {[]string{"http.proxy = \"p:1\"\n[alias]\nproxy = \"q\"\n"}, "p:1-"},
		"two files": {[]string{"[http]\nproxy = \"near:1\"\n", "http.proxy = \"far:1\"\n"}, "near:1-"},
		"no file":   {[]string{"[http]\ncainfo = \"/nowhere.pem\"\n"}, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			command := "as_cargo"
			for i, text := range c.files {
				command += " " + shell.Quote(write(t, filepath.Join(t.TempDir(), fmt.Sprint(i)), text))
			}
			out := sourced(t, &Network{}, command+` && printf '%s-' "${https_proxy:-}" && [ -z "${GIT_SSL_CAINFO:-}" ] || cat "$GIT_SSL_CAINFO"`)
			if got := strings.TrimSpace(out); got != c.want {
				t.Errorf("git is told %q, want %q", got, c.want)
			}
		})
	}
}
