package main

import (
	"archive/zip"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v4"

	"lpipe/internal/testparts/require"
)

// made is a release with a small program for every platform, in a folder that all tests read.
func made(t *testing.T) release {
	t.Helper()
	once.Do(func() {
		dir, err := os.MkdirTemp("", "lpipe-release-")
		if err != nil {
			t.Fatal(err)
		}
		shared = inFolder(t, dir)
	})
	return shared
}

var (
	once   sync.Once
	shared release
)

func TestMain(m *testing.M) {
	status := m.Run()
	os.RemoveAll(shared.dir)
	os.Exit(status)
}

func inFolder(t *testing.T, dir string) release {
	t.Helper()
	r := release{Version: "1.2.3-rc.1", URL: "https://example.com/lpipe/releases", Time: 1754697600, dir: dir}
	source := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() { println(\"small\") }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	first := filepath.Join(r.dir, platforms[0].Name())
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", first, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range platforms[1:] {
		if err := r.write(p.Name(), data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheSameProgramsGiveTheSameFiles(t *testing.T) {
	one, other := made(t), inFolder(t, t.TempDir())
	files, err := os.ReadDir(one.dir)
	if err != nil || len(files) != len(platforms)*4+6 {
		t.Fatalf("%v: %v", err, files)
	}
	for _, f := range files {
		a, err := os.ReadFile(filepath.Join(one.dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(other.dir, f.Name())); err != nil || string(a) != string(b) {
			t.Errorf("%s differs: %v", f.Name(), err)
		}
	}
}

func TestInstall(t *testing.T) {
	r := made(t)
	this := program{OS: runtime.GOOS, Arch: runtime.GOARCH}.Name()
	server := httptest.NewServer(http.FileServer(http.Dir(r.dir)))
	defer server.Close()
	damaged := t.TempDir()
	mirror := httptest.NewServer(http.FileServer(http.Dir(damaged)))
	defer mirror.Close()
	if err := os.WriteFile(filepath.Join(damaged, this), []byte("#!/bin/sh\necho evil\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, from, fails string }{
		{"from a server", server.URL, ""},
		{"from a folder", r.dir, ""},
		{"another program", damaged, "install.sh: error: " + damaged + "/" + this + " is not that of lpipe 1.2.3-rc.1: its sha256 is "},
		{"another program on the server", mirror.URL, "install.sh: error: " + mirror.URL + "/" + this + " is not that of lpipe 1.2.3-rc.1: its sha256 is "},
		{"no program", t.TempDir(), "has no file " + this},
		{"no file on the server", server.URL + "/elsewhere", "was not downloaded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "bin")
			cmd := exec.CommandContext(t.Context(), "sh", filepath.Join(r.dir, "install.sh"), dir)
			cmd.Env = append(os.Environ(), "LPIPE_DOWNLOAD="+c.from)
			out, err := cmd.CombinedOutput()
			if c.fails != "" {
				left, _ := os.ReadDir(dir)
				if err == nil || !strings.Contains(string(out), c.fails) || !strings.Contains(string(out), "install.sh: fix:   ") || len(left) > 0 {
					t.Errorf("%v, left %v\n%s", err, left, out)
				}
				return
			}
			installed, readErr := os.ReadFile(filepath.Join(dir, "lpipe"))
			want, wantErr := os.ReadFile(filepath.Join(r.dir, this))
			if err != nil || readErr != nil || wantErr != nil || string(installed) != string(want) || !strings.Contains(string(out), "add "+dir+" to PATH") {
				t.Fatalf("%v, %v, %v\n%s", err, readErr, wantErr, out)
			}
			if info, err := os.Stat(filepath.Join(dir, "lpipe")); err != nil || info.Mode() != 0o755 {
				t.Errorf("%v %v", info.Mode(), err)
			}
		})
	}
}

// TestTheActionInstallsWhatItsSumNames: its first step, as GitHub's runner runs it.
func TestTheActionInstallsWhatItsSumNames(t *testing.T) {
	var action struct {
		Runs struct {
			Steps []struct{ Run string }
		}
	}
	data, err := os.ReadFile("../../action/action.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &action); err != nil || len(action.Runs.Steps) != 2 {
		t.Fatal(err, action)
	}
	r := made(t)
	server := httptest.NewServer(http.StripPrefix("/releases/download/v1.2.3-rc.1", http.FileServer(http.Dir(r.dir))))
	defer server.Close()
	script, err := os.ReadFile(filepath.Join(r.dir, "install.sh"))
	if err != nil {
		t.Fatal(err)
	}
	for want, digest := range map[bool]string{true: sum(script), false: sum(nil)} {
		dir := t.TempDir()
		paths := filepath.Join(dir, "path")
		cmd := exec.CommandContext(t.Context(), "bash", "-ec", action.Runs.Steps[0].Run)
		cmd.Env = append(os.Environ(), "RUNNER_TEMP="+dir, "GITHUB_PATH="+paths, "RELEASES="+server.URL+"/releases", "VERSION="+r.Version, "SHA256="+digest,
			"LPIPE_DOWNLOAD="+r.dir)
		out, err := cmd.CombinedOutput()
		_, missing := os.Stat(filepath.Join(dir, "lpipe/bin/lpipe"))
		if added, _ := os.ReadFile(paths); (err == nil) != want || (missing == nil) != want || (string(added) == dir+"/lpipe/bin\n") != want {
			t.Errorf("sum %s: %v, %v, %q\n%s", digest, err, missing, added, out)
		}
	}
}

// TestGitLabsComponentInstallsWhatItsSumNames: what it does before its script, as GitLab's runner runs it, and the script.
func TestGitLabsComponentInstallsWhatItsSumNames(t *testing.T) {
	data, err := os.ReadFile("../../docs/ci/gitlab-component.yml")
	if err != nil {
		t.Fatal(err)
	}
	var component map[string]struct {
		Before    []string `yaml:"before_script"`
		Script    []string
		Variables map[string]string
	}
	_, jobs, _ := strings.Cut(string(data), "\n---\n")
	if err := yaml.Unmarshal([]byte(jobs), &component); err != nil || len(component) != 1 {
		t.Fatal(err, component)
	}
	r := made(t)
	server := httptest.NewServer(http.StripPrefix("/releases/download/v1.2.3-rc.1", http.FileServer(http.Dir(r.dir))))
	defer server.Close()
	script, err := os.ReadFile(filepath.Join(r.dir, "install.sh"))
	if err != nil {
		t.Fatal(err)
	}
	for _, job := range component {
		for want, digest := range map[bool]string{true: sum(script), false: sum(nil)} {
			values := map[string]string{"releases": server.URL + "/releases", "version": r.Version, "sha256": digest, "args": "shop"}
			env := append(os.Environ(), "TMPDIR="+t.TempDir(), "LPIPE_DOWNLOAD="+r.dir)
			for name, value := range job.Variables {
				input := strings.TrimSuffix(strings.TrimPrefix(value, "$[[ inputs."), " ]]")
				env = append(env, name+"="+values[input])
			}
			lines := strings.Join(append(slices.Clone(job.Before), job.Script...), "\n")
			cmd := exec.CommandContext(t.Context(), "bash", "-ec", "set -o pipefail\n"+strings.ReplaceAll(lines, "lpipe build", "command -v lpipe; echo"))
			cmd.Dir, cmd.Env = t.TempDir(), env
			out, err := cmd.CombinedOutput()
			if (err == nil) != want || (strings.Contains(string(out), "/bin/lpipe\n") && strings.HasSuffix(string(out), " shop\n")) != want {
				t.Errorf("sum %s: %v\n%s", digest, err, out)
			}
		}
	}
}

// TestWheelsAreWhole: pip refuses one whose RECORD does not hold each file with its sum.
func TestWheelsAreWhole(t *testing.T) {
	r := made(t)
	z, err := zip.OpenReader(filepath.Join(r.dir, "lpipe-1.2.3rc1-py3-none-"+wheelTags["linux/amd64"]+".whl"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var want, record string
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f.Name, "/RECORD") {
			record, want = string(data), want+f.Name+",,\n"
			continue
		}
		digest := sha256.Sum256(data)
		want += f.Name + ",sha256=" + base64.RawURLEncoding.EncodeToString(digest[:]) + "," + strconv.Itoa(len(data)) + "\n"
		if mode := f.Mode(); strings.HasSuffix(f.Name, "/scripts/lpipe") && mode != 0o755 {
			t.Errorf("%s has mode %v", f.Name, mode)
		}
	}
	if record != want {
		t.Errorf("RECORD is\n%s\nwant\n%s", record, want)
	}
}

func TestWhatIsNoReleaseIsRefused(t *testing.T) {
	for _, r := range []release{
		{Version: "v1.2.3", URL: "https://example.com"},
		{Version: "1.2", URL: "https://example.com"},
		{Version: "", URL: "https://example.com"},
		{Version: "1.2.3", URL: "http://example.com"},
		{Version: "1.2.3", URL: "example.com"},
		{Version: "1.2.3", URL: ""},
	} {
		if err := r.check(); err == nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

// TestAReleaseStatesWhatItWasMadeFrom: the signature is checked as https://github.com/secure-systems-lab/dsse/blob/master/protocol.md says.
func TestAReleaseStatesWhatItWasMadeFrom(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	r := release{Version: "1.2.3", URL: "https://example.com", dir: t.TempDir()}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	sums := strings.Repeat("a", 64) + "  lpipe-linux-amd64\n" + strings.Repeat("b", 64) + "  lpipe.rb\n"
	if err := r.write("SHA256SUMS", []byte(sums), 0o644); err != nil {
		t.Fatal(err)
	}
	written := func(key string) []byte {
		t.Helper()
		if err := r.provenance(commit, key); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(r.dir, "lpipe.intoto.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var envelope struct {
		Payload     []byte
		PayloadType string
		Signatures  []struct{ Sig []byte }
	}
	if err := json.Unmarshal(written(key), &envelope); err != nil || len(envelope.Signatures) != 1 {
		t.Fatal(envelope, err)
	}
	signed := fmt.Sprintf("DSSEv1 %d %s %d %s", len(envelope.PayloadType), envelope.PayloadType, len(envelope.Payload), envelope.Payload)
	if !ed25519.Verify(public, []byte(signed), envelope.Signatures[0].Sig) {
		t.Error("the signature is not of the key")
	}
	if plain := written(""); string(plain) != string(envelope.Payload)+"\n" {
		t.Errorf("without a key\n%s\nwith one\n%s", plain, envelope.Payload)
	}
	var statement struct {
		Subject []struct {
			Name   string
			Digest map[string]string
		}
		PredicateType string
	}
	if err := json.Unmarshal(envelope.Payload, &statement); err != nil {
		t.Fatal(err)
	}
	names := ""
	for _, s := range statement.Subject {
		names += s.Name + " " + s.Digest["sha256"][:4] + "\n"
	}
	if want := "lpipe-linux-amd64 aaaa\nlpipe.rb bbbb\nSHA256SUMS " + sum([]byte(sums))[:4] + "\n"; names != want {
		t.Errorf("it is about\n%swant\n%s", names, want)
	}
	if statement.PredicateType != "https://slsa.dev/provenance/v1" || !strings.Contains(string(envelope.Payload), `"gitCommit":"`+commit+`"`) {
		t.Errorf("it says\n%s", envelope.Payload)
	}
	if err := r.provenance("HEAD", ""); err == nil {
		t.Error("a name is taken for a commit")
	}
}

// TestTwoReleasesOfATagAreEqual: by the script, in two clones in different folders, and what comes out is installed by the tools that
// it is for.
func TestTwoReleasesOfATagAreEqual(t *testing.T) {
	if !require.Slow(t) {
		return
	}
	dir := t.TempDir()
	run := func(in, name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Stderr = in, os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
		}
		return strings.TrimSpace(string(out))
	}
	var sums, statements []string
	dist := ""
	for _, name := range []string{"one", "another/further/down"} {
		clone := filepath.Join(dir, name)
		run(".", "git", "clone", "-q", "../..", clone)
		run(clone, "git", "-c", "user.name=a", "-c", "user.email=a@example.com", "tag", "-m", "1.2.3", "v1.2.3")
		dist = run(clone, "scripts/release", "https://example.com/releases")
		data, err := os.ReadFile(filepath.Join(dist, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, string(data))
		if data, err = os.ReadFile(filepath.Join(dist, provenanceName)); err != nil {
			t.Fatal(err)
		}
		statements = append(statements, string(data))
	}
	if sums[0] != sums[1] {
		t.Errorf("one\n%s\nthe other\n%s", sums[0], sums[1])
	}
	run(dist, "sha256sum", "-c", "--quiet", "SHA256SUMS")
	if statements[0] != statements[1] || !strings.Contains(statements[0], run(filepath.Join(dir, "one"), "git", "rev-parse", "HEAD")) {
		t.Errorf("one states\n%s\nthe other\n%s", statements[0], statements[1])
	}
	this := program{OS: "linux", Arch: runtime.GOARCH}
	version := run(dist, "./"+this.Name(), "version")
	if !strings.HasPrefix(version, "lpipe v1.2.3, BuildKit v") {
		t.Error(version)
	}
	for how, path := range map[string]func(string) string{
		"deb": func(to string) string {
			run(dist, "dpkg-deb", "-x", this.Name()+".deb", to)
			for _, file := range []string{"usr/share/man/man1/lpipe-build.1", "usr/share/bash-completion/completions/lpipe"} {
				if _, err := os.Stat(filepath.Join(to, file)); err != nil {
					t.Error(err)
				}
			}
			return "usr/bin/lpipe"
		},
		"pip": func(to string) string {
			run(dist, "python3", "-m", "venv", to)
			run(dist, filepath.Join(to, "bin/pip"), "install", "-q", "--no-index", "--find-links", dist, "lpipe")
			return "bin/lpipe"
		},
		"npm": func(to string) string {
			var all []string
			for _, name := range []string{"lpipe", this.npmName()} {
				all = append(all, filepath.Join(dist, "npm-"+name+"-1.2.3.tgz"))
			}
			run(dist, "npm", append([]string{"install", "--silent", "--offline", "--no-audit", "--no-fund", "--omit=optional", "--prefix", to}, all...)...)
			return "node_modules/.bin/lpipe"
		},
	} {
		to := filepath.Join(dir, how)
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		if got := run(dist, filepath.Join(to, path(to)), "version"); got != version {
			t.Errorf("installed by %s: %s", how, got)
		}
	}
	var doc struct{ Packages []struct{ Name string } }
	data, err := os.ReadFile(filepath.Join(dist, this.Name()+".spdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &doc); err != nil || !strings.Contains(string(data), "pkg:golang/github.com/moby/buildkit@v") {
		t.Errorf("%v: %d modules", err, len(doc.Packages))
	}
}
