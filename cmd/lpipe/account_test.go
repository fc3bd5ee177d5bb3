package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestAWSIsReachedAsTheNetworkIs: [network] of lpipe.toml counts for the verbs that ask AWS, or a debuginfod server; lpipe deploy, which needs a build first, asks
// as lpipe status does. The proxy refuses what it is asked for.
func TestAWSIsReachedAsTheNetworkIs(t *testing.T) {
	t.Parallel()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var hosts []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		hosts = append(hosts, r.URL.Host)
		mu.Unlock()
		w.Header().Set("X-Amzn-ErrorType", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"message":"said the proxy"}`)
	}))
	defer proxy.Close()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Cargo.toml":                "[package]\nname = \"orders\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
		"Cargo.lock":                "version = 4\n\n[[package]]\nname = \"orders\"\nversion = \"0.1.0\"\n",
		"src/main.rs":               "fn main() {}\n",
		"lpipe.toml":                "[network]\nhttp-proxy = \"" + proxy.URL + "\"\n[deploy]\nalias = \"live\"\n",
		"statements/a.zip.cdx.json": `{"bomFormat":"CycloneDX","metadata":{"component":{"name":"a"}},"components":[{"name":"itoa","version":"1.0.4","purl":"pkg:cargo/itoa@1.0.4"}]}`,
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	lpipe := func(args ...string) (string, error) {
		cmd := exec.Command(filepath.Join(bin, "lpipe"), args...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=AKIATEST", "AWS_SECRET_ACCESS_KEY=secret-of-the-test"}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, verb := range []string{
		"status", "logs orders", "rollback", "invoke orders --remote -d {}", "verify --deployed orders", "inventory statements --deployed",
	} {
		out, err := lpipe(append(strings.Fields(verb), "--endpoint-url", "http://aws.test")...)
		if !slices.Equal(hosts, []string{"aws.test"}) || err == nil || !strings.Contains(out, "said the proxy") {
			t.Errorf("lpipe %s: the proxy was asked for %q; %v\n%s", verb, hosts, err, out)
		}
		hosts = nil
	}
	// A program of Debian, without symbols.
	if out, err := lpipe("symbolize", "--debuginfod", "http://debuginfod.test", "/bin/true", "lpipe.toml"); !slices.Equal(hosts, []string{"debuginfod.test"}) || err == nil {
		t.Errorf("lpipe symbolize: the proxy was asked for %q; %v\n%s", hosts, err, out)
	}
}
