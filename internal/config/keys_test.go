package config

import (
	"strings"
	"testing"
)

func TestReferenceHasEveryKey(t *testing.T) {
	got := Reference()
	rows := strings.Count(got, "\n| `")
	if rows != len(table) {
		t.Errorf("%d rows for %d keys:\n%s", rows, len(table), got)
	}
	for _, want := range []string{
		"### `[build]`\n",
		"### `[registry.\"HOST\"]`\n",
		"| `arch` | a string or a list of strings: x86_64, arm64 | `x86_64` | `LPIPE_ARCH` | the architecture as Lambda names it, or both |\n",
		"| `test-env.NAME` | a string |  |  | environment of the tests alone; no secrets |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
}

func TestEveryDefaultIsValid(t *testing.T) {
	for _, k := range table {
		if k.doc == "" {
			t.Errorf("%s has no doc", k.name)
		}
		for _, v := range k.defaults {
			if k.kind == boolean {
				continue
			}
			if why, _ := k.refuse("", v); why != "" {
				t.Errorf("%s: the default %q is refused: %s", k.name, v, why)
			}
		}
	}
}

func TestSecrets(t *testing.T) {
	for name, want := range map[string]bool{
		"GITHUB_TOKEN": true, "token": true, "MY_SECRETS": true, "PGPASSWORD": true, "DB_PASSWD": true, "AWS_ACCESS_KEY_ID": true,
		"APIKEY": true, "API_KEY": true, "SSH_PRIVATE_KEY_FILE": true, "GOOGLE_APPLICATION_CREDENTIALS": true, "KEY_PASSPHRASE": true,
		"TOKENIZERS_PARALLELISM": false, "SQLX_OFFLINE": false, "KEYBOARD": false, "MONKEYS": false, "PWD": false, "AUTHOR": false,
	} {
		if got := SecretName(name); got != want {
			t.Errorf("SecretName(%q) = %v", name, got)
		}
	}
	for value, want := range map[string]bool{
		"AKIAIOSFODNN7EXAMPLE": true, "ghp_16C7e42F292c6912E7710c838347Ae178B4a": true, "github_pat_11A": true,
		"glpat-x": true, "-----BEGIN RSA PRIVATE KEY-----": true, "https://user:word@example.com/x": true,
		"https://example.com/a:b@c": false, "ssh://git@github.com/org/repo": false, "true": false, "/usr/lib": false, "AKIA": false,
	} {
		if got := secretValue(value); got != want {
			t.Errorf("secretValue(%q) = %v", value, got)
		}
	}
}

func TestParseLayout(t *testing.T) {
	const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for base, want := range map[string]Layout{
		"oci-layout://a":                  {Dir: "a"},
		"oci-layout:///x/y:tag":           {Dir: "/x/y", Tag: "tag"},
		"oci-layout://../y@" + digest:     {Dir: "../y", Digest: digest},
		"oci-layout://a/b:1.2@" + digest:  {Dir: "a/b", Tag: "1.2", Digest: digest},
		"oci-layout:///c:1/d":             {Dir: "/c:1/d"},
		"oci-layout://":                   {},
		"oci-layout://a@sha256:too-short": {Dir: "a@sha256", Tag: "too-short"},
	} {
		got, ok := ParseLayout(base)
		if !ok || got != want {
			t.Errorf("%s: got %+v", base, got)
		}
		if got.String() != base {
			t.Errorf("%s becomes %s", base, got)
		}
	}
	if _, ok := ParseLayout("docker.io/library/rust"); ok {
		t.Error("a reference is taken for a layout")
	}
}
