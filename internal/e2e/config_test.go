package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"lpipe/internal/redact"
	"lpipe/internal/testparts"
)

// intruder is a program of the project or of a dependency. Where there are secrets it shows all that it can get, and
// elsewhere it says that it ran there.
const intruder = `#!/bin/sh
if [ -e /run/secrets ] || [ -e /downloads ]; then
  { echo "PWNED$((40+2)): $0 $*"; cat /run/secrets/* /proc/self/environ; ssh-add -L; } >&2
else
  echo "ran without secrets" >&2
fi
exit 1
`

// The fetch steps of these tests have two tokens, for git and for a registry. The project names both hosts, and nothing
// contacts them.
const secretsConfig = "\n[source.'https://git.example.com/org/x']\ngit = \"https://git.example.com/org/x\"\nreplace-with = \"nowhere\"\n" +
	"[source.nowhere]\nregistry = \"sparse+https://acme.example.com/index/\"\n"

const secretsToml = "[ssh]\nknown-hosts = [\"known_hosts\"]\n[git]\ntokens = { \"git.example.com\" = \"env:GIT_CANARY\" }\n"

var secretsEnv = []string{
	"GIT_CANARY=canary-git", "CARGO_REGISTRIES_ACME_TOKEN=canary-token", "CARGO_REGISTRIES_ACME_INDEX=sparse+https://acme.example.com/index/",
	"CARGO_REGISTRIES_UNNAMED_TOKEN=canary-unnamed", "CARGO_REGISTRIES_UNNAMED_INDEX=sparse+https://unnamed.example.com/",
}

// heldOut fails the test if an output shows a secret, or that an intruder ran beside them.
func heldOut(t *testing.T, p *project, out string) {
	t.Helper()
	for _, word := range []string{"PWNED42", "canary-git", "canary-token", "canary-unnamed", redact.Hidden, "TOPSECRET"} {
		if strings.Contains(out, word) {
			t.Errorf("the output has %q", word)
		}
	}
	if strings.Contains(p.sshd.Log(t), "org/secret") {
		t.Error("the server was asked for another repository")
	}
}

// What of the project's configuration names a program or a variable has no part in downloading. It holds where the
// project is compiled, without secrets.
func TestTheProjectsConfigurationRunsNothingBesideSecrets(t *testing.T) {
	const evilRustc = "[build]\nrustc = \"./evil.sh\"\n"
	for name, config := range map[string]string{
		"rustc":             evilRustc,
		"wrapper":           "[build]\nrustc-wrapper = \"./evil.sh\"\n",
		"workspace wrapper": "[build]\nrustc-workspace-wrapper = \"./evil.sh\"\n",
		"rustflags":         evilRustc + "rustflags = [\"-Clinker=./evil.sh\", \"@evil.sh\", \"-Zcodegen-backend=./evil.sh\"]\n[target.x86_64-unknown-linux-musl]\nrustflags = [\"-Clinker=./evil.sh\"]\nlinker = \"./evil.sh\"\nrunner = \"./evil.sh\"\n",
		"host":              evilRustc + "[unstable]\nhost-config = true\ntarget-applies-to-host = true\n[host]\nlinker = \"./evil.sh\"\nrunner = \"./evil.sh\"\n",
		"environment": evilRustc + "[env]\nGIT_SSH_COMMAND = { value = \"sh /src/evil.sh\", force = true }\nGIT_SSH = { value = \"/src/evil.sh\", force = true }\nGIT_ASKPASS = { value = \"/src/evil.sh\", force = true }\n" +
			"GIT_CONFIG_COUNT = { value = \"1\", force = true }\nGIT_CONFIG_KEY_0 = { value = \"core.sshCommand\", force = true }\nGIT_CONFIG_VALUE_0 = { value = \"sh /src/evil.sh\", force = true }\n" +
			"LD_PRELOAD = { value = \"/src/evil.so\", force = true }\nPATH = { value = \"/src/bin:/usr/bin\", force = true }\nRUSTC = { value = \"/src/evil.sh\", force = true }\nRUSTC_WRAPPER = { value = \"/src/evil.sh\", force = true }\nCARGO = { value = \"/src/evil.sh\", force = true }\n",
		"alias":                "[alias]\nfetch = \"run\"\nbuild = [\"!sh\", \"evil.sh\"]\n" + evilRustc,
		"credential providers": evilRustc + "[registry]\nglobal-credential-providers = [\"/src/evil.sh\"]\ncredential-provider = [\"/src/evil.sh\"]\n[registries.acme]\nindex = \"sparse+https://acme.example.com/index/\"\ncredential-provider = [\"/src/evil.sh\"]\n[credential-alias]\n\"cargo:token-from-stdout\" = [\"/src/evil.sh\"]\n",
		"git of cargo":         evilRustc + "[net]\ngit-fetch-with-cli = false\n[net.ssh]\nknown-hosts = [\"evil\"]\n",
		"doc":                  evilRustc + "rustdoc = \"./evil.sh\"\n[doc]\nbrowser = \"./evil.sh\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			p, key := hostile(t)
			p.files(map[string]string{
				".cargo/config.toml": config + secretsConfig, "lpipe.toml": secretsToml, "evil.sh": intruder,
				"bin/git": intruder, "bin/cargo-fetch": intruder, "bin/rustc": intruder, "bin/sh": intruder,
				"rust-toolchain.toml": "[toolchain]\nchannel = \"stable\"\n",
			})
			for _, program := range []string{"evil.sh", "bin/git", "bin/cargo-fetch", "bin/rustc", "bin/sh"} {
				if err := os.Chmod(filepath.Join(p.dir, program), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			env := append([]string{agent(t, key), "RUSTUP_DIST_SERVER=" + testparts.Channel(t)}, secretsEnv...)
			failed := "the dependencies of greet do not compile"
			if strings.HasSuffix(name, "wrapper") {
				failed = "the compiler wrapper evil.sh failed"
			}
			out := p.fails(1, []string{failed}, env, "build")
			heldOut(t, p, out)
			if !strings.Contains(out, "ran without secrets") {
				t.Error("the program does not run at all")
			}
		})
	}
}

// blob is an entry of a commit: its mode, its path, and its text, or the commit of a submodule.
type blob struct{ mode, path, text string }

// commit adds entries to the main branch of the bare repository org/NAME.git and returns the commit.
func (p *project) commit(name string, blobs ...blob) string {
	p.t.Helper()
	bare, index := filepath.Join(p.repo, "org", name+".git"), filepath.Join(p.t.TempDir(), "index")
	git := func(in string, args ...string) string {
		p.t.Helper()
		cmd := exec.Command("git", append([]string{"--git-dir", bare}, args...)...)
		cmd.Stdin = strings.NewReader(in)
		cmd.Env = append(os.Environ(), "GIT_INDEX_FILE="+index,
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
		out, err := cmd.CombinedOutput()
		if err != nil {
			p.t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("", "read-tree", "main")
	for _, b := range blobs {
		id := b.text
		if b.mode != "160000" {
			id = git(b.text, "hash-object", "-w", "--stdin")
		}
		git(fmt.Sprintf("%s %s\t%s\n", b.mode, id, b.path), "update-index", "--add", "--index-info")
	}
	c := git("", "commit-tree", "-p", "main", "-m", "x", git("", "write-tree"))
	git("", "update-ref", "refs/heads/main", c)
	return c
}

// hostile is a project with one dependency, and a server that also has org/secret.git.
func hostile(t *testing.T) (*project, keyPair) {
	t.Helper()
	key := newKey(t)
	p := newProject(t)
	p.serve(key)
	testparts.Repository(t, p.repo, "org/secret.git", map[string]string{"secret.txt": "TOPSECRET"})
	p.crates(&dependency{name: "one"})
	return p, key
}

// What cargo and git read of a dependency's repository while they download it.
func TestFilesOfADependencyGetNoSecrets(t *testing.T) {
	link := func(path, to string) blob { return blob{"120000", path, to} }
	file := func(path, text string) blob { return blob{"100644", path, text} }
	exe := func(path string) blob { return blob{"100755", path, intruder} }
	manifest := func(more string) blob {
		return file("Cargo.toml", "[package]\nname = \"one\"\nversion = \"0.3.0\"\nedition = \"2021\"\n"+more)
	}
	links := map[string][]blob{}
	for _, to := range []string{
		"/proc/self/environ", "/proc/self/cmdline", "/proc/1/environ", "/proc/thread-self/environ", "/run/secrets/lpipe-registries", "/run/secrets/lpipe-repositories",
		"/run/secrets/lpipe-git", "/run/secrets/lpipe-fetch", "/tmp/.cargo/config.toml", "../../../../../../run/secrets/lpipe-registries",
	} {
		links["manifest is "+to] = []blob{link("Cargo.toml", to)}
	}
	for name, blobs := range links {
		t.Run(strings.ReplaceAll(name, "/", "_"), func(t *testing.T) { getsNoSecrets(t, blobs, "could not be downloaded") })
	}
	for name, blobs := range map[string][]blob{
		"folders are links": {link("src", "/run/secrets"), link(".cargo", "/run/secrets"), link("inner", "/proc/self")},
		"what a manifest names is a link": {
			link("src/x", "/run/secrets/lpipe-registries"), link("README.md", "/proc/self/environ"), link("build.rs", "/run/secrets/lpipe-repositories"),
			manifest("readme = \"README.md\"\nlicense-file = \"src/x\"\nbuild = \"build.rs\"\n"),
		},
		"a member is a link": {link("member", "/run/secrets"), manifest("[workspace]\nmembers = [\"member\", \"/proc/self\"]\n")},
		"a workspace above":  {manifest("workspace = \"../../../../../run/secrets\"\n")},
		"configuration": {
			manifest(""), exe("evil.sh"), exe(".cargo/evil.sh"), exe("bin/git"), exe(".githooks/post-checkout"), exe("hooks/post-checkout"),
			file(".cargo/config.toml", "[build]\nrustc-wrapper = \"evil.sh\"\nrustc = \"evil.sh\"\n[alias]\nfetch = \"!sh evil.sh\"\n"),
			file("rust-toolchain.toml", "[toolchain]\npath = \"/cargo/evil\"\n"), file(".gitattributes", "* filter=evil diff=evil merge=evil\n"),
			file(".gitconfig", "[core]\n\tsshCommand = sh evil.sh\n\tfsmonitor = sh evil.sh\n"), file(".lfsconfig", "[lfs]\n\turl = https://127.0.0.1:1/\n"),
		},
		"a submodule's path leads up": {file(".gitmodules", "[submodule \"../../../../x\"]\n\tpath = ../../../../../usr/local/evil\n\turl = ssh://%U@%A/org/one.git\n"), {"160000", "inner", "INNER"}},
		"a submodule is a link":       {file(".gitmodules", "[submodule \"a\"]\n\tpath = a\n\turl = ssh://%U@%A/org/one.git\n"), link("a", "/usr/local/bin")},
		"an unlocked dependency":      {manifest("[dependencies]\nsecret = { git = \"ssh://%U@%A/org/secret.git\" }\n")},
		"an unlocked registry":        {manifest("[dependencies]\nx = { version = \"1\", registry-index = \"sparse+https://acme.example.com/index/\" }\n")},
	} {
		t.Run(name, func(t *testing.T) { getsNoSecrets(t, blobs, "") })
	}
}

// getsNoSecrets builds with a dependency that has the entries too. The report has the words.
func getsNoSecrets(t *testing.T, blobs []blob, words string) {
	t.Helper()
	p, key := hostile(t)
	old := strings.TrimSpace(output(t, "git", "--git-dir", filepath.Join(p.repo, "org/one.git"), "rev-parse", "main"))
	inner := testparts.Repository(t, p.repo, "org/inner.git", map[string]string{"inner.txt": "inner"})
	for i := range blobs {
		blobs[i].text = strings.NewReplacer("%A", p.sshd.Addr, "%U", p.sshd.User, "INNER", inner).Replace(blobs[i].text)
	}
	lock, err := os.ReadFile(filepath.Join(p.dir, "Cargo.lock"))
	if err != nil {
		t.Fatal(err)
	}
	p.files(map[string]string{
		"Cargo.lock":         strings.ReplaceAll(string(lock), old, p.commit("one", blobs...)),
		"lpipe.toml":         secretsToml,
		".cargo/config.toml": secretsConfig,
	})
	status, out := p.lpipe(append(secretsEnv, agent(t, key)), "build")
	if words != "" && (status != 1 || !strings.Contains(out, words)) {
		t.Errorf("exit status %d, and the report does not say %q", status, words)
	}
	heldOut(t, p, out)
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return string(out)
}

// A project that says that a registry is elsewhere, by any of cargo's ways, does not get its token.
func TestAProjectCannotMoveARegistryToGetItsToken(t *testing.T) {
	var mu sync.Mutex
	var asked, got []string
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path)
		if a := r.Header.Get("Authorization") + r.Header.Get("Proxy-Authorization"); a != "" {
			got = append(got, a)
		}
		w.Header().Set("WWW-Authenticate", "Cargo login_url=\"https://acme.example.com/me\"")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer evil.Close()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(evil.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	const acme = "sparse+http://acme.example.com/index/"
	for name, test := range map[string]struct{ config, source, env string }{
		"by its index":             {"[registries.acme]\nindex = \"%E\"\n", "%E", ""},
		"by a source":              {"[source.acme]\nregistry = \"" + acme + "\"\nreplace-with = \"evil\"\n[source.evil]\nregistry = \"%E\"\n", acme, ""},
		"by a registry's name":     {"[source.a]\nregistry = \"" + acme + "\"\nreplace-with = \"evil\"\n[registries.evil]\nindex = \"%E\"\n", acme, ""},
		"by the lock file alone":   {"", "%E", ""},
		"by a proxy":               {"[http]\nproxy = \"127.0.0.1:%P\"\n[registries.acme]\nindex = \"" + acme + "\"\n", acme, ""},
		"by another case of names": {"[registries.ACME]\nindex = \"%E\"\n", "%E", ""},
		"before it is said where":  {"[registries.acme]\nindex = \"%E\"\n", "%E", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			mu.Lock()
			asked, got = nil, nil
			mu.Unlock()
			p := newProject(t)
			fill := strings.NewReplacer("%E", "sparse+"+evil.URL+"/", "%P", port)
			p.files(map[string]string{
				".cargo/config.toml": fill.Replace(test.config),
				"Cargo.toml":         fill.Replace("[package]\nname = \"greet\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\nitoa = { version = \"1\", registry-index = \"" + test.source + "\" }\n"),
				"Cargo.lock": fill.Replace("version = 4\n\n[[package]]\nname = \"greet\"\nversion = \"0.1.0\"\ndependencies = [\n \"itoa\",\n]\n\n[[package]]\nname = \"itoa\"\nversion = \"1.0.0\"\nsource = \"" +
					test.source + "\"\nchecksum = \"" + strings.Repeat("0", 64) + "\"\n"),
				"src/main.rs": "fn main() {}\n",
			})
			env := []string{"CARGO_REGISTRIES_ACME_TOKEN=canary-token"}
			if test.env == "" {
				env = append(env, "CARGO_REGISTRIES_ACME_INDEX="+acme)
			}
			out := p.fails(1, []string{"could not be downloaded", "lpipe: fix:"}, env, "build")
			mu.Lock()
			defer mu.Unlock()
			if len(got) > 0 || strings.Contains(out, "canary-token") {
				t.Errorf("the token was sent: %q", got)
			}
			if len(asked) == 0 {
				t.Error("the other server was not asked at all")
			}
		})
	}
}
