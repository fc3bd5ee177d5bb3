package git

import (
	"context"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/testparts"
)

func TestAddressesOfRepositories(t *testing.T) {
	for text, want := range map[string]string{
		"gh:org/repo":                    "https://github.com/org/repo",
		"https://example.com/a/b.git":    "https://example.com/a/b.git",
		"git@example.com:org/repo.git":   "ssh://git@example.com/org/repo.git",
		"ssh://git@example.com:2222/x/y": "ssh://git@example.com:2222/x/y",
		"./folder":                       "",
		"a:b":                            "",
		"-x":                             "",
	} {
		r, ok, err := ParseURL(text, "v1")
		if err != nil || ok != (want != "") || r.URL != want || r.SSH != strings.HasPrefix(want, "ssh") {
			t.Errorf("%s is %+v, %v, %v", text, r, ok, err)
		}
	}
	for text, why := range map[string]string{
		"http://example.com/x":            `nothing is fetched over "http"`,
		"file:///etc":                     "is no address",
		"ext::sh://x":                     "is no address",
		"git://example.com/x":             `nothing is fetched over "git"`,
		"https://me:secret@example.com/x": "a user or a password in it",
		"ssh://-oProxyCommand=touch/x":    "is no address",
		"ssh://-oProxyCommand=x@host/x":   "is no address",
		"ssh://%2DoProxyCommand@host/x":   "is no address",
		"-oProxyCommand@host:x":           "is no address",
		"https://example.com/x?y#z":       "is no address",
		"https:///x":                      "is no address",
		"https://example.com/":            "is no address",
		"https://me:secret@example.com":   "is no address",
		"https://me:secret@a b/x":         "is no address",
		"gh:org":                          `"gh:org" is no address`,
		"gh:../..":                        "is no address",
		"gh:org/repo%2f..":                "is no address",
		"gh:org/":                         "is no address",
		"gh:org/repo/tree/main":           "is no address",
	} {
		if _, _, err := ParseURL(text, ""); err == nil || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s is taken: %v", text, err)
		}
	}
	for _, rev := range []string{"-x", "a:b", "+a", "*", "a b", "a\n"} {
		if _, _, err := ParseURL("gh:org/repo", rev); err == nil {
			t.Errorf("the revision %q is taken", rev)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	f.Add("gh:org/repo", "v1")
	f.Add("git@example.com:x", "")
	f.Add("ssh://-oProxyCommand=x/y", "-x")
	f.Fuzz(func(t *testing.T, text, rev string) {
		r, ok, err := ParseURL(text, rev)
		if err != nil || !ok {
			return
		}
		if !strings.HasPrefix(r.URL, "https://") && !strings.HasPrefix(r.URL, "ssh://") || strings.HasPrefix(r.Rev, "-") || strings.HasPrefix(r.Host, "-") {
			t.Errorf("%q at %q is %+v", text, rev, r)
		}
	})
}

// TestOneCommitIsFetched: what a repository holds is fetched over TLS, and nothing in it is run.
func TestOneCommitIsFetched(t *testing.T) {
	root := t.TempDir()
	first := testparts.Repository(t, root, "org/template.git", map[string]string{"Cargo.toml.tmpl": "first", ".gitattributes": "* filter=evil\n"})
	second := testparts.Repository(t, root, "org/template.git", map[string]string{"Cargo.toml.tmpl": "second"})
	must(t, filepath.Join(root, "org/template.git"), "tag", "v1", first)
	server := httptest.NewTLSServer(testparts.GitServer(t, root))
	t.Cleanup(server.Close)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	env := nobody(t)
	witness := filepath.Join(t.TempDir(), "ran")
	write(t, filepath.Join(env["HOME"], ".gitconfig"), "[filter \"evil\"]\n\tsmudge = touch "+witness+"\n[http]\n\tsslCAInfo = "+authority+"\n")

	fetch := func(rev string) (string, string, error) {
		remote, _, err := ParseURL(server.URL+"/org/template.git", rev)
		if err != nil {
			t.Fatal(err)
		}
		repository, hash, err := Fetch(context.Background(), remote, t.TempDir(), env, "false")
		if err != nil {
			return "", "", err
		}
		tree, err := repository.Files(context.Background(), hash)
		if err != nil {
			t.Fatal(err)
		}
		defer tree.Close()
		f, err := tree.Open("Cargo.toml.tmpl")
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, 100)
		n, _ := f.Read(data)
		return hash, string(data[:n]), nil
	}
	for rev, want := range map[string][2]string{"": {second, "second"}, "main": {second, "second"}, "v1": {first, "first"}, second: {second, "second"}} {
		hash, text, err := fetch(rev)
		if err != nil || hash != want[0] || text != want[1] {
			t.Errorf("at %q there is %s with %q: %v", rev, hash, text, err)
		}
	}
	if _, _, err := fetch("nowhere"); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a revision that is not there: %v", err)
	}
	if _, err := os.Stat(witness); err == nil {
		t.Error("a filter ran")
	}
}
