package testparts_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"lpipe/internal/testparts"
	"lpipe/internal/testparts/require"
)

const hyperEcho = "../../testdata/lambdas/hyper-echo"

func TestCratesFillCargosHomeAsARegistryDoes(t *testing.T) {
	require.Part(t, os.Getuid() == 0, "root", "run the test as root")
	r := testparts.NewCrateRegistry(t, testparts.BaseImage(t))
	root := unpack(t, r.BaseImage(t))
	project := filepath.Join(root, "project")
	if err := os.CopyFS(project, os.DirFS(hyperEcho)); err != nil {
		t.Fatal(err)
	}
	cargo := func(args ...string) (string, error) {
		cmd := exec.Command("/usr/bin/cargo", args...)
		cmd.Dir = "/project"
		cmd.Env = []string{"PATH=/usr/bin", "CARGO_HOME=/usr/local/cargo", "CARGO_NET_RETRY=0"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}

	// With the checksums of the base image's folder the crates are not those that the lock means.
	if out, err := cargo("fetch", "--locked"); err == nil || !strings.Contains(out, "checksum") {
		t.Errorf("fetching with other checksums: %v\n%s", err, out)
	}
	r.Relock(t, project)
	if out, err := cargo("fetch", "--locked", "--target", "x86_64-unknown-linux-gnu"); err != nil {
		t.Fatalf("fetching: %v\n%s", err, out)
	}
	downloads, err := filepath.Glob(root + "/usr/local/cargo/registry/cache/*/*.crate")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(downloads, func(path string) bool { return strings.HasPrefix(filepath.Base(path), "hyper-1.") }) {
		t.Errorf("cargo has downloaded %q", downloads)
	}
	if testing.Short() {
		return // ten seconds of rustc, for the proof that the features in the index are the right ones
	}
	if out, err := cargo("check", "--frozen"); err != nil {
		t.Errorf("checking without the network: %v\n%s", err, out)
	}
}

func TestCratesHaveAnIndex(t *testing.T) {
	r := testparts.NewCrateRegistry(t, testparts.BaseImage(t))
	url := strings.TrimPrefix(r.IndexURL, "sparse+")
	for path, want := range map[string]string{
		"config.json":                     `{"dl":"` + url + `crates"}`,
		"se/rd/serde":                     `"name":"serde_derive"`,
		"3/s/syn":                         `"name":"syn","vers":"1.`,
		"no/su/no-such-crate":             "404 page not found",
		"crates/serde/0.0.1/download":     "there is no serde 0.0.1",
		"crates/no-such/1.0.0/download":   "there is no no-such 1.0.0",
		"tokio/nothing/at/this/path/here": "404 page not found",
	} {
		response, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %q has no %q (%v)", path, body, want, err)
		}
	}
}
