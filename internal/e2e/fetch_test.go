package e2e

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"lpipe/internal/access"
	"lpipe/internal/config"
	"lpipe/internal/plan"
	"lpipe/internal/redact"
	"lpipe/internal/testparts"
)

// Dependencies by branch, tag and revision, two branches of one repository, a patch, and a source that cargo's
// configuration moves.
func TestWaysToNameARepository(t *testing.T) {
	key := newKey(t)
	p := newProject(t)
	p.serve(key)
	crate := func(name, version, says string) map[string]string {
		return map[string]string{
			"Cargo.toml": fmt.Sprintf("[package]\nname = %q\nversion = %q\nedition = \"2021\"\n", name, version),
			"src/lib.rs": fmt.Sprintf("pub fn name() -> &'static str { %q }\n", says),
		}
	}
	git := func(repository string, args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"--git-dir", filepath.Join(p.repo, repository)}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	one := testparts.Repository(t, p.repo, "org/many.git", crate("many", "1.0.0", "old"))
	git("org/many.git", "branch", "old", one)
	git("org/many.git", "tag", "v1", one)
	two := testparts.Repository(t, p.repo, "org/many.git", crate("many", "2.0.0", "new"))
	patch := testparts.Repository(t, p.repo, "org/patch.git", crate("patched", "0.3.0", "patched"))
	moved := testparts.Repository(t, p.repo, "mirrors/moved.git", crate("moved", "0.3.0", "moved"))
	many := p.sshd.URL("org/many.git")
	lock := func(name, version, source string) string {
		return fmt.Sprintf("\n[[package]]\nname = %q\nversion = %q\nsource = \"git+%s\"\n", name, version, source)
	}
	p.files(map[string]string{
		"Cargo.toml": fmt.Sprintf(`[package]
name = "greet"
version = "0.1.0"
edition = "2021"

[dependencies]
branch = { package = "many", git = %[1]q, branch = "old" }
tag = { package = "many", git = %[1]q, tag = "v1" }
rev = { package = "many", git = %[1]q, rev = %[2]q }
patched = "0.3"
moved = { git = "https://git.example.com/org/moved" }

[patch.crates-io]
patched = { git = %[3]q }
`, many, two, p.sshd.URL("org/patch.git")),
		"Cargo.lock": "version = 4\n\n[[package]]\nname = \"greet\"\nversion = \"0.1.0\"\ndependencies = [\n" +
			fmt.Sprintf(" \"many 1.0.0 (git+%s?branch=old)\",\n \"many 1.0.0 (git+%s?tag=v1)\",\n \"many 2.0.0\",\n \"moved\",\n \"patched\",\n]\n", many, many) +
			lock("many", "1.0.0", many+"?branch=old#"+one) + lock("many", "1.0.0", many+"?tag=v1#"+one) + lock("many", "2.0.0", many+"?rev="+two+"#"+two) +
			lock("moved", "0.3.0", "https://git.example.com/org/moved#"+moved) + lock("patched", "0.3.0", p.sshd.URL("org/patch.git")+"#"+patch),
		"src/main.rs":        "fn main() { println!(\"{} {} {} {} {}\", branch::name(), tag::name(), rev::name(), patched::name(), moved::name()) }\n",
		".cargo/config.toml": fmt.Sprintf("[source.\"https://git.example.com/org/moved\"]\ngit = \"https://git.example.com/org/moved\"\nreplace-with = \"mirror\"\n\n[source.mirror]\ngit = %q\n", p.sshd.URL("mirrors/moved.git")),
		"known_hosts":        p.sshd.KnownHosts(),
		"lpipe.toml":         "[ssh]\nknown-hosts = [\"known_hosts\"]\n",
	})
	p.succeeds([]string{agent(t, key)}, "build")
	if got := p.run(); got != "old old new patched moved\n" {
		t.Errorf("the program says %q", got)
	}
}

// The token of a private registry reaches cargo in the fetch step and nothing else.
func TestPrivateRegistry(t *testing.T) {
	p := newProject(t)
	behind, err := url.Parse(strings.TrimSuffix(strings.TrimPrefix(testparts.CratesIO(t).IndexURL, "sparse+"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(behind)
	var server *httptest.Server
	var refused, sent atomic.Int32
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Authorization"), "canary") {
			sent.Add(1)
		}
		switch {
		case r.Header.Get("Authorization") != "canary-token":
			refused.Add(1)
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/config.json":
			fmt.Fprintf(w, `{"dl":%q,"auth-required":true}`, server.URL+"/crates")
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	itoa := released(t, behind.String()+"/it/oa/itoa")
	p.files(map[string]string{
		".cargo/config.toml": fmt.Sprintf("[registries.acme]\nindex = \"sparse+%s/\"\n", server.URL),
		"Cargo.toml":         "[package]\nname = \"greet\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\nitoa = { version = \"1\", registry = \"acme\" }\n",
		"Cargo.lock": fmt.Sprintf("version = 4\n\n[[package]]\nname = \"greet\"\nversion = \"0.1.0\"\ndependencies = [\n \"itoa\",\n]\n\n[[package]]\nname = \"itoa\"\nversion = %q\nsource = \"sparse+%s/\"\nchecksum = %q\n",
			itoa.Version, server.URL, itoa.Checksum),
		"src/main.rs": "fn main() { println!(\"{}\", itoa::Buffer::new().format(7)) }\n",
	})
	const token = "CARGO_REGISTRIES_ACME_TOKEN=canary-token"
	p.fails(1, []string{"a registry asks for a token", "set CARGO_REGISTRIES_ACME_TOKEN"}, nil, "build")
	p.fails(1, []string{"only the project says that it is the one of CARGO_REGISTRIES_ACME_TOKEN", "set CARGO_REGISTRIES_ACME_INDEX=sparse+" + server.URL + "/ beside it"}, []string{token}, "build")
	p.fails(1, []string{"is for another, sparse+https://acme.example.com/"}, []string{token, "CARGO_REGISTRIES_ACME_INDEX=sparse+https://acme.example.com/"}, "build")
	if sent.Load() != 0 {
		t.Error("the token was sent to a registry that nobody but the project gave it to")
	}
	p.succeeds([]string{token, "CARGO_REGISTRIES_ACME_INDEX=sparse+" + server.URL + "/"}, "build")
	if got := p.run(); got != "7\n" {
		t.Errorf("the program says %q", got)
	}
	if refused.Load() == 0 {
		t.Error("the registry is not private")
	}
}

// A token for git over https is for the repositories of the list: a submodule elsewhere on the host does not get it.
func TestTokensAreForTheListAlone(t *testing.T) {
	newProject(t) // builds the program
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) { tokensAreForTheListAlone(t, address) })
	}
}

func tokensAreForTheListAlone(t *testing.T, address string) {
	p := &project{t: t, repo: t.TempDir()}
	git := testparts.GitServer(t, p.repo)
	var mu sync.Mutex
	var logins []string // paths for which somebody logged in
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, token, ok := r.BasicAuth()
		if ok {
			mu.Lock()
			logins = append(logins, r.URL.Path)
			mu.Unlock()
		}
		if user != "me" || token != "canary-token" {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		git.ServeHTTP(w, r)
	}))
	server.Listener.Close()
	var err error
	if server.Listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	server.StartTLS()
	defer server.Close()
	host, port, err := net.SplitHostPort(strings.TrimPrefix(server.URL, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"Cargo.toml": "[package]\nname = \"one\"\nversion = \"0.3.0\"\nedition = \"2021\"\n", "src/lib.rs": ""}
	plain := testparts.Repository(t, p.repo, "org/plain.git", files)
	testparts.Repository(t, p.repo, "org/one.git", files)
	one := p.submodule("one", server.URL+"/org/inner.git")
	refused := "\nrefused to log in for " + server.URL + "/org/inner: neither Cargo.lock nor [ssh] repositories names it"
	for name, test := range map[string]struct{ repository, commit, want string }{
		"listed":    {"plain", plain, "\nfetched\n"},
		"submodule": {"one", one, refused},
	} {
		t.Run(name, func(t *testing.T) {
			mu.Lock()
			logins = nil
			mu.Unlock()
			source := server.URL + "/org/" + test.repository + ".git"
			report, _ := step(t, access.Options{
				Config: &config.Config{SSH: config.SSH{Mode: "strict"}},
				Env:    map[string]string{"TOKEN": "me:canary-token"},
				Repositories: []plan.Repository{
					{Scheme: "https", Host: host, Port: port, Path: "org/" + test.repository, Token: "env:TOKEN"},
				},
			}, fmt.Sprintf(`cat >/tmp/ca.pem <<'END'
%[1]sEND
export GIT_SSL_CAINFO=/tmp/ca.pem
mkdir -p /src/src && cd /src && : >src/lib.rs
cat >Cargo.toml <<'END'
[package]
name = "greet"
version = "0.1.0"
edition = "2021"
[dependencies]
one = { git = "%[2]s" }
END
cat >Cargo.lock <<'END'
version = 4
[[package]]
name = "greet"
version = "0.1.0"
dependencies = [ "one" ]
[[package]]
name = "one"
version = "0.3.0"
source = "git+%[2]s#%[3]s"
END
cargo fetch --locked && echo fetched || echo not fetched
! grep -r canary-token / --exclude-dir=proc --exclude-dir=sys --exclude-dir=secrets || echo the token is in a file
`, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), source, test.commit))
			if !strings.Contains(report, test.want) || strings.Contains(report, "the token is in a file") {
				t.Errorf("the step does not say %q", test.want)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, path := range logins {
				if !strings.HasPrefix(path, "/org/"+test.repository+".git") {
					t.Errorf("the token was sent for %s", path)
				}
			}
			if len(logins) == 0 {
				t.Error("nobody logged in")
			}
		})
	}
}

// Should anything print a secret that the step was given, it is not shown.
func TestSecretsOfAStepAreNotShown(t *testing.T) {
	newProject(t) // builds the program
	var shown strings.Builder
	report, _ := stepShown(t, access.Options{
		Config:       &config.Config{SSH: config.SSH{Mode: "strict"}},
		Env:          map[string]string{"TOKEN": "me:canary-token"},
		Repositories: []plan.Repository{{Scheme: "https", Host: "git.example.com", Port: "443", Path: "org/one", Token: "env:TOKEN"}},
	}, `cat /run/secrets/lpipe-repositories
{ echo begin; cat /run/secrets/lpipe-repositories; printf canary-; cat /dev/null; echo token; printf me:canary-token | base64; echo end; } >&3
`, &shown)
	if !strings.Contains(report, "canary-token") {
		t.Fatal("the step has no token")
	}
	if out := shown.String(); !strings.Contains(out, "https me git.example.com 443 *** org/one") || strings.Count(out, redact.Hidden) != 3 || strings.Contains(out, "canary-token") {
		t.Errorf("shown is\n%s", out)
	}
}

// A crate is downloaded once, however often the lock file changes.
func TestACrateIsDownloadedOnce(t *testing.T) {
	p := newProject(t)
	proxy := newCrateProxy(t, testparts.CratesIO(t).IndexURL)
	for _, crates := range [][]string{{"/it/oa/itoa"}, {"/it/oa/itoa", "/3/r/ryu"}} {
		p.needs(proxy, crates...)
		p.succeeds(nil, "build")
	}
	if proxy.sent("itoa") != 1 || proxy.sent("ryu") != 1 {
		t.Errorf("downloads: %v", proxy.downloads)
	}
}

// release is a crate as the registry's index has it.
type release struct {
	Version  string `json:"vers"`
	Checksum string `json:"cksum"`
}

// released is the newest release of an index file, which has a line for each.
func released(t testing.TB, index string) release {
	t.Helper()
	response, err := http.Get(index)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	response.Body.Close()
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	line := lines[len(lines)-1]
	var r release
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		t.Fatalf("%s: %v: %s", index, err, line)
	}
	return r
}
