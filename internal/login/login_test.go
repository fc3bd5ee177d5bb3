package login_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/login"
)

// docker makes a configuration folder of Docker's, and returns logins that read it and the warnings they give.
func docker(t *testing.T, config string) (l *login.Logins, dir string, warnings *[]string) {
	t.Helper()
	dir, warnings = t.TempDir(), new([]string)
	write(t, filepath.Join(dir, "config.json"), config, 0o600)
	return login.New(login.Options{Dir: dir, Warn: func(line string) { *warnings = append(*warnings, line) }}), dir, warnings
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func config(host, user, password string) string {
	return fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
}

func want(t *testing.T, l *login.Logins, host, user, secret string) {
	t.Helper()
	gotUser, gotSecret, err := l.For(host)
	if gotUser != user || gotSecret != secret || err != nil {
		t.Errorf("%s: %q, %q, %v, want %q, %q", host, gotUser, gotSecret, err, user, secret)
	}
}

func TestForReadsDockersFile(t *testing.T) {
	l, _, _ := docker(t, config("registry.example.com", "ci", "first"))
	want(t, l, "registry.example.com", "ci", "first")
	want(t, l, "other.example.com", "", "")
}

func TestForKnowsDockerHubByItsOldName(t *testing.T) {
	l, _, _ := docker(t, config("https://index.docker.io/v1/", "me", "hub"))
	want(t, l, "registry-1.docker.io", "me", "hub")
}

func TestNoFileIsNoLogin(t *testing.T) {
	l := login.New(login.Options{Dir: filepath.Join(t.TempDir(), "none")})
	want(t, l, "registry.example.com", "", "")
}

func TestForgetReadsAgain(t *testing.T) {
	l, dir, _ := docker(t, config("registry.example.com", "ci", "first"))
	want(t, l, "registry.example.com", "ci", "first")
	write(t, filepath.Join(dir, "config.json"), config("registry.example.com", "ci", "second"), 0o600)
	want(t, l, "registry.example.com", "ci", "first")
	l.Forget("registry.example.com")
	want(t, l, "registry.example.com", "ci", "second")
}

func TestHelperIsAsked(t *testing.T) {
	bin := t.TempDir()
	write(t, filepath.Join(bin, "docker-credential-lpipe-test"),
		"#!/bin/sh\nread host\necho '{\"ServerURL\":\"'$host'\",\"Username\":\"helped\",\"Secret\":\"s\"}'\n", 0o755)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	l, _, _ := docker(t, `{"credHelpers":{"registry.example.com":"lpipe-test"}}`)
	want(t, l, "registry.example.com", "helped", "s")
}

func TestBrokenHelperIsNamedOnceAndStopsNobody(t *testing.T) {
	l, _, warnings := docker(t, `{"credsStore":"lpipe-no-such"}`)
	for range 2 {
		if user, secret, err := l.For("registry.example.com"); user != "" || secret != "" || err == nil {
			t.Errorf("%q, %q, %v", user, secret, err)
		}
	}
	if len(*warnings) != 1 || !strings.Contains((*warnings)[0], "docker-credential-lpipe-no-such") || !strings.Contains((*warnings)[0], "registry.example.com") {
		t.Errorf("warnings: %q", *warnings)
	}
}

func TestBrokenFileIsNamed(t *testing.T) {
	l, dir, warnings := docker(t, `{"auths":`)
	if _, _, err := l.For("registry.example.com"); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("%v", err)
	}
	if len(*warnings) != 1 {
		t.Errorf("warnings: %q", *warnings)
	}
}
