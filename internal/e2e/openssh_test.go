package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tonistiigi/fsutil"
	"golang.org/x/crypto/ssh"

	"lpipe/internal/access"
	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/engine"
	"lpipe/internal/plan"
	"lpipe/internal/progress"
	"lpipe/internal/solve"
	"lpipe/internal/testparts"
)

// empty is a context without files.
type empty struct{ fsutil.FS }

func (empty) Paths() []string { return nil }
func (empty) Digest() string  { return "" }
func (empty) Err() error      { return nil }

// step runs a script in the base image with the mounts of the fetch stage, and returns what it wrote to /out/report and
// the lines of the agent.
func step(t *testing.T, o access.Options, script string) (report, lines string) {
	t.Helper()
	return stepShown(t, o, script, t.Output())
}

// stepShown is step; what the script writes to descriptor 3 is output of the step, and the display is written to out.
func stepShown(t *testing.T, o access.Options, script string, out io.Writer) (report, lines string) {
	t.Helper()
	base := testparts.BaseImage(t)
	var index ocispecs.Index
	data, err := os.ReadFile(filepath.Join(base, ocispecs.ImageIndexFile))
	if err == nil {
		err = json.Unmarshal(data, &index)
	}
	if err != nil {
		t.Fatal(err)
	}
	none, err := fsutil.NewFS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	o.Log = func(line string) {
		mu.Lock()
		defer mu.Unlock()
		lines += line + "\n"
	}
	granted, err := access.New(o)
	if err != nil {
		t.Fatal(err)
	}
	eng, err := engine.Open(t.Context(), engine.Options{
		Engine: "embedded", Root: parts.engine, DaemonCommand: []string{parts.program, "engine", "run"},
		Getenv: func(name string) string {
			return map[string]string{"PATH": os.Getenv("PATH"), "HOME": parts.engine}[name]
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	ssh := `--mount=type=secret,id=lpipe-known-hosts,target=/etc/ssh/ssh_known_hosts,required=true --mount=type=ssh,required=true`
	if len(granted.Hosts()) == 0 {
		ssh = ""
	}
	text := `FROM base AS step
RUN --mount=type=tmpfs,target=/tmp \
    --mount=type=secret,id=lpipe-git,required=true \
    --mount=type=secret,id=lpipe-repositories,required=true ` + ssh + ` <<'EOF'
set -eu
mkdir /out
exec 3>&2 >/out/report 2>&1 9>&1
. /run/secrets/lpipe-git
` + script + `
EOF
FROM scratch AS ` + dockerfile.StageLambda + `
COPY --from=step /out/ /
`
	display, err := progress.Start(t.Context(), progress.Options{Out: out, Mode: "plain"})
	if err != nil {
		t.Fatal(err)
	}
	result, err := solve.Run(t.Context(), eng.Client(), solve.Request{
		Jobs: []*solve.Job{{
			Label: "step", Dockerfile: []byte(text), Stage: dockerfile.StageLambda, Files: []string{"report"}, Contexts: map[string]solve.Context{dockerfile.Skeleton: empty{none}},
			Base: &solve.Layout{Dir: base, Digest: index.Manifests[0].Digest}, SharedKey: t.Name(),
		}},
		NoCache: true, Session: granted.Session(), Hidden: granted.Hidden,
	}, display)
	display.Wait()
	if err == nil {
		err = result.Outcomes[0].Err
	}
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	report = string(result.Outcomes[0].Files["report"])
	t.Logf("report:\n%slines:\n%s", report, lines)
	return report, lines
}

// repository is one that the server has, as a plan would name it.
func repository(t *testing.T, s *testparts.SSHD, path string) plan.Repository {
	t.Helper()
	host, port, ok := strings.Cut(s.Addr, ":")
	if !ok {
		t.Fatal(s.Addr)
	}
	return plan.Repository{Scheme: "ssh", User: s.User, Host: host, Port: port, Path: path}
}

func TestOpenSSHInTheBuild(t *testing.T) {
	newProject(t) // builds the program
	root, key, other := t.TempDir(), newKey(t), newKey(t)
	testparts.Repository(t, root, "org/one.git", map[string]string{"a": "b"})
	serve := func(keys ...crypto.Signer) *testparts.SSHD {
		return testparts.NewSSHD(t, testparts.SSHDOptions{HostKeys: keys, AuthorizedKeys: []ssh.PublicKey{key.public}, GitRoot: root})
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	servers := map[string]*testparts.SSHD{"ed25519": serve(), "ecdsa": serve(p256), "rsa": serve(rsa2048)}
	unpinned := serve()

	o := access.Options{
		Config: &config.Config{SSH: config.SSH{Mode: "strict", Keys: []string{key.fingerprint()}}},
		Env:    map[string]string{"SSH_AUTH_SOCK": strings.TrimPrefix(agent(t, other, key), "SSH_AUTH_SOCK=")},
	}
	known, script := "", ""
	for name, s := range servers {
		known += s.KnownHosts()
		o.Repositories = append(o.Repositories, repository(t, s, "org/one"))
		script += fmt.Sprintf("git ls-remote %s >/dev/null && echo fetched by %s\n", s.URL("org/one.git"), name)
	}
	authority := newKey(t)
	byCertificate := plan.Repository{Scheme: "ssh", User: unpinned.User, Host: "127.0.0.1", Port: certified(t, root, key.public, authority), Path: "org/one"}
	o.Repositories = append(o.Repositories, byCertificate)
	known += "@cert-authority [127.0.0.1]:" + byCertificate.Port + " " + string(ssh.MarshalAuthorizedKey(authority.public))
	script += "git ls-remote " + byCertificate.String() + " >/dev/null && echo fetched by certificate\n"
	o.Config.SSH.KnownHosts = []string{filepath.Join(t.TempDir(), "known_hosts")}
	if err := os.WriteFile(o.Config.SSH.KnownHosts[0], []byte(known), 0o600); err != nil {
		t.Fatal(err)
	}
	port := func(s *testparts.SSHD) string { return strings.TrimPrefix(s.Addr, "127.0.0.1:") }
	script += strings.NewReplacer("%USER%", unpinned.User, "%UNPINNED%", port(unpinned), "%PINNED%", port(servers["rsa"])).Replace(`
ssh-add -l
ssh-add -L >/tmp/key.pub
tried() { what=$1; shift; if "$@" </dev/null >/tmp/said 2>&1; then echo "could: $what"; else echo "could not: $what"; fi; }
echo text >/tmp/text
tried sign ssh-keygen -Y sign -n file -f /tmp/key.pub /tmp/text
tried remove ssh-add -D
tried "log in elsewhere" ssh -F /dev/null -o StrictHostKeyChecking=no -o BatchMode=yes -p %UNPINNED% %USER%@127.0.0.1 "git-upload-pack '/org/one.git'"
tried "log in as another" ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes -p %PINNED% other@127.0.0.1 id
`)
	report, lines := step(t, o, script)
	for _, want := range []string{
		"fetched by ed25519", "fetched by ecdsa", "fetched by rsa", "fetched by certificate", key.fingerprint(),
		"could not: sign", "could not: remove", "could not: log in elsewhere", "could not: log in as another",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("the step does not say %q", want)
		}
	}
	if strings.Contains(report, other.fingerprint()) {
		t.Error("an identity that is not wanted is listed")
	}
	for _, want := range []string{
		"(pinned ED25519 ", "(pinned ECDSA ", "(pinned RSA ",
		"the host key is pinned for no allowed host: ED25519 " + ssh.FingerprintSHA256(unpinned.HostKeys[0]),
		"signing files and commits is refused", "refused removing all identities",
	} {
		if !strings.Contains(lines, want) {
			t.Errorf("lpipe does not say %q", want)
		}
	}
}

// Without git in the base image cargo's own git logs in, which does not bind the login to a host.
func TestCargosOwnGitNeedsUserauth(t *testing.T) {
	key := newKey(t)
	p := private(t, key)
	var script strings.Builder
	script.WriteString("unset CARGO_NET_GIT_FETCH_WITH_CLI\nmkdir -p /src/src && cd /src && : >src/lib.rs\n")
	for _, name := range []string{"Cargo.toml", "Cargo.lock"} {
		text, err := os.ReadFile(filepath.Join(p.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&script, "cat >%s <<'END'\n%sEND\n", name, text)
	}
	script.WriteString("cargo fetch --locked && echo fetched || echo not fetched\n")
	for _, test := range []struct{ mode, want, line string }{
		{"userauth", "\nfetched\n", "(the host is not verified)"},
		{"strict", "\nnot fetched\n", "is not bound to a host"},
	} {
		t.Run(test.mode, func(t *testing.T) {
			o := access.Options{
				Config:       &config.Config{SSH: config.SSH{Mode: test.mode, KnownHosts: []string{filepath.Join(p.dir, "known_hosts")}}},
				Env:          map[string]string{"SSH_AUTH_SOCK": strings.TrimPrefix(agent(t, key), "SSH_AUTH_SOCK=")},
				Repositories: []plan.Repository{repository(t, p.sshd, "org/one"), repository(t, p.sshd, "org/two")},
			}
			report, lines := step(t, o, script.String())
			if !strings.Contains(report, test.want) || !strings.Contains(lines, test.line) {
				t.Errorf("the step should say %q and lpipe %q", strings.TrimSpace(test.want), test.line)
			}
		})
	}
}
