package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lpipe/internal/testparts"
	"lpipe/internal/testparts/require"
)

// company is the network of a company: nothing is reached but a proxy, which asks for a login and opens what is encrypted.
type company struct {
	*project
	island *testparts.Island
	proxy  *testparts.Proxy
	engine string // its root
	one    string // revision of the repository
}

const (
	proxyPort     = 3128
	proxyPassword = "canary p@ss" // in an address it is written with codes
	proxyWritten  = "canary%20p%40ss"
)

// newCompany makes a project in such a network, with a dependency in git and one of crates.io. Of the servers git and the
// registry of images are the company's, and the rest are the real ones.
func newCompany(t *testing.T) *company {
	t.Helper()
	c := &company{project: newProject(t), island: testparts.NewIsland(t), engine: t.TempDir()}
	c.proxy = testparts.NewProxy(t, c.island.Listen(t, proxyPort), "me", proxyPassword)
	c.proxy.Hosts["git.corp.example"] = testparts.GitServer(t, c.repo)
	c.proxy.Hosts["images.corp.example"] = testparts.ServeLayout(t, testparts.PlainBaseImage(t))
	c.one = testparts.Repository(t, c.repo, "org/one.git", map[string]string{
		"Cargo.toml": "[package]\nname = \"one\"\nversion = \"0.3.0\"\nedition = \"2021\"\n", "src/lib.rs": "pub fn name() -> &'static str { \"one\" }\n",
	})
	c.files(map[string]string{
		"Cargo.toml": "[package]\nname = \"greet\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\nitoa = \"1\"\none = { git = \"https://git.corp.example/org/one.git\" }\n",
		"Cargo.lock": "version = 4\n\n[[package]]\nname = \"greet\"\nversion = \"0.1.0\"\ndependencies = [\n \"itoa\",\n \"one\",\n]\n" +
			"\n[[package]]\nname = \"itoa\"\nversion = \"1.0.19\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"3bd1574e617a9a6c1f8f8181bd7e841e1f20e4277607ef28945765188d6284d4\"\n" +
			"\n[[package]]\nname = \"one\"\nversion = \"0.3.0\"\nsource = \"git+https://git.corp.example/org/one.git#" + c.one + "\"\n",
		"src/main.rs": "fn main() { println!(\"{}{}\", one::name(), itoa::Buffer::new().format(1u8)) }\n",
		"lpipe.toml":  "[build]\npackages = [\"tree\"]\n",
	})
	c.env = append(c.env, "LPIPE_BASE=images.corp.example/rust:1", "LPIPE_ENGINE_ROOT="+c.engine)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		stop := exec.CommandContext(ctx, parts.program, "engine", "stop")
		stop.Env = append(os.Environ(), "LPIPE_ENGINE_ROOT="+c.engine)
		if out, err := stop.CombinedOutput(); err != nil {
			t.Errorf("stopping the engine: %v\n%s", err, out)
		}
	})
	return c
}

// api adds a lambda with a hundred crates, and the same repository among its dependencies.
func (c *company) api() {
	c.t.Helper()
	dir := filepath.Join(c.dir, "api")
	if err := testparts.CopySources(dir, "../../testdata/lambdas/api"); err != nil {
		c.t.Fatal(err)
	}
	add := func(name, after, text string) {
		c.t.Helper()
		old, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			c.t.Fatal(err)
		}
		changed := strings.Replace(string(old), after, after+text, 1)
		if changed == string(old) {
			c.t.Fatalf("%s has no %q", name, after)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(changed), 0o644); err != nil {
			c.t.Fatal(err)
		}
	}
	add("Cargo.toml", "[dependencies]\n", "one = { git = \"https://git.corp.example/org/one.git\" }\n")
	add("Cargo.lock", " \"lambda_http\",\n", " \"one\",\n")
	onceCell := "checksum = \"9f7c3e4beb33f85d45ae3e3a1792185706c8e16d043238c593331cc7cd313b50\"\n" // the one before by name
	add("Cargo.lock", onceCell, "\n[[package]]\nname = \"one\"\nversion = \"0.3.0\"\nsource = \"git+https://git.corp.example/org/one.git#"+c.one+"\"\n")
}

func proxyAddress(password string) string {
	return fmt.Sprintf("http://me:%s@127.0.0.1:%d", password, proxyPort)
}

func TestCompanyNetwork(t *testing.T) {
	if !require.Slow(t) { // it pulls the image anew, and asks the real crates.io and Debian
		return
	}
	c := newCompany(t)
	through := func(password string) []string {
		return []string{"HTTP_PROXY=" + proxyAddress(password), "HTTPS_PROXY=" + proxyAddress(password)}
	}
	trusting := append(through(proxyWritten), "SSL_CERT_FILE="+c.proxy.CAFile)
	layout := []string{"LPIPE_BASE=oci-layout://" + testparts.PlainBaseImage(t)}

	leave := c.island.Enter(t)
	c.fails(1, []string{"the base image of greet could not be read", "ca in [network]", "SSL_CERT_FILE"}, through(proxyWritten), "build")
	c.fails(1, []string{"the base image of greet could not be read", "HTTPS_PROXY"}, append(through("wrong"), "SSL_CERT_FILE="+c.proxy.CAFile), "build")
	out := c.succeeds(trusting, "build")
	if got := c.run(); got != "one1\n" {
		t.Errorf("the program says %q", got)
	}
	c.api()
	if said := c.succeeds(trusting, "build", "api/"); !strings.Contains(said, "4 tests passed") {
		t.Error("the tests of api did not pass")
	}
	leave()
	for _, host := range []string{"images.corp.example", "git.corp.example", "index.crates.io"} {
		if !c.proxy.Asked(host) {
			t.Errorf("%s was not asked for anything", host)
		}
	}
	c.heldBack(out)

	// What a step may say of a network that it cannot use, with the image at hand.
	leave = c.island.Enter(t)
	defer leave()
	c.files(map[string]string{"lpipe.toml": ""})
	c.fails(1, []string{"a certificate that nobody vouches for", "ca in [network]", "SSL_CERT_FILE"}, append(through(proxyWritten), layout...), "build", "--no-cache")
	c.fails(1, []string{"the proxy wants a login", "http://***@127.0.0.1:3128"}, append(append(through("wrong"), layout...), "SSL_CERT_FILE="+c.proxy.CAFile), "build", "--no-cache")
	c.fails(1, []string{"if its network has a proxy, set HTTPS_PROXY"}, layout, "build", "--no-cache")
	// The same by lpipe.toml and by docker's configuration.
	docker := fmt.Sprintf("{\"proxies\":{\"default\":{\"httpProxy\":%q,\"httpsProxy\":%[1]q}}}", proxyAddress(proxyWritten))
	c.files(map[string]string{"lpipe.toml": fmt.Sprintf("[network]\nca = [%q]\n", c.proxy.CAFile)})
	if err := os.MkdirAll(filepath.Join(c.home, ".docker"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.home, ".docker", "config.json"), []byte(docker), 0o600); err != nil {
		t.Fatal(err)
	}
	c.heldBack(c.succeeds(nil, "build", "--no-cache"))
}

// heldBack looks for the login of the proxy, and for the authority's certificate, in an output and on the engine's disk.
func (c *company) heldBack(out string) {
	c.t.Helper()
	ca, err := os.ReadFile(c.proxy.CAFile)
	if err != nil {
		c.t.Fatal(err)
	}
	words := [][]byte{[]byte(proxyPassword), []byte(proxyWritten), bytes.Split(ca, []byte("\n"))[2]}
	for _, word := range words {
		if strings.Contains(out, string(word)) {
			c.t.Errorf("the output has %q", word)
		}
	}
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		c.t.Fatal(err)
	}
	for _, name := range processes { // the engine is one of them
		if text, err := os.ReadFile(name); err == nil && bytes.Contains(text, words[1]) {
			c.t.Errorf("%s has the login: %q", name, text)
		}
	}
	err = filepath.WalkDir(c.engine, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			err = eachPart(name, func(part []byte) {
				for _, word := range words {
					if bytes.Contains(part, word) {
						c.t.Errorf("%s has %q", name, word)
					}
				}
			})
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the engine is at work there, and removes what it no longer needs
		}
		return err
	})
	if err != nil {
		c.t.Error(err)
	}
}

// eachPart calls fn with the parts of a file, of which some are layers of images. Each begins with the end of the one before.
func eachPart(name string, fn func(part []byte)) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	pieces(file, make([]byte, 1<<20), fn)
	return nil
}
