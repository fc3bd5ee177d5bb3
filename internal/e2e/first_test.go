package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"lpipe/internal/testparts"
	"lpipe/internal/testparts/require"
)

// crateProxy stands before a registry of crates, and counts the downloads of each.
type crateProxy struct {
	url, behind string
	// before, if set, is called before a crate is sent, and reports whether it is.
	before func(crate string) bool

	mu        sync.Mutex
	downloads map[string]int // that were sent
}

func newCrateProxy(t *testing.T, index string) *crateProxy {
	t.Helper()
	p := &crateProxy{behind: strings.TrimSuffix(strings.TrimPrefix(index, "sparse+"), "/"), downloads: map[string]int{}}
	behind, err := url.Parse(p.behind)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(behind)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/config.json" {
			fmt.Fprintf(w, `{"dl":%q}`, p.url+"/crates")
			return
		}
		if strings.HasPrefix(r.URL.Path, "/crates/") {
			crate := strings.Split(r.URL.Path, "/")[2]
			if p.before != nil && !p.before(crate) {
				http.NotFound(w, r)
				return
			}
			p.mu.Lock()
			p.downloads[crate]++
			p.mu.Unlock()
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// sent is how often a crate was sent.
func (p *crateProxy) sent(crate string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.downloads[crate]
}

// needs makes the project's lambda depend on crates of the registry, at these paths of its index.
func (p *project) needs(proxy *crateProxy, indexPaths ...string) {
	p.t.Helper()
	manifest, lock, names := "[package]\nname = \"greet\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n", "", ""
	for _, at := range indexPaths {
		name, r := at[strings.LastIndex(at, "/")+1:], released(p.t, proxy.behind+at)
		names += fmt.Sprintf(" %q,\n", name)
		manifest += fmt.Sprintf("%s = { version = %q, registry = \"acme\" }\n", name, r.Version)
		lock += fmt.Sprintf("\n[[package]]\nname = %q\nversion = %q\nsource = \"sparse+%s/\"\nchecksum = %q\n", name, r.Version, proxy.url, r.Checksum)
	}
	p.files(map[string]string{
		".cargo/config.toml": fmt.Sprintf("[registries.acme]\nindex = \"sparse+%s/\"\n", proxy.url),
		"Cargo.toml":         manifest,
		"Cargo.lock":         "version = 4\n\n[[package]]\nname = \"greet\"\nversion = \"0.1.0\"\ndependencies = [\n" + names + "]\n" + lock,
		"src/main.rs":        "fn main() {}\n",
	})
}

// A download of crates that is cut is gone on with: each crate that arrived is downloaded once.
func TestADownloadOfCratesThatIsCutGoesOn(t *testing.T) {
	const all, good = 8, 5
	for name, interrupt := range map[string]bool{"by the registry": false, "by the user": true} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t)
			crates := testparts.NewCrateRegistry(t)
			var paths []string
			for i := range all {
				dir, crate := t.TempDir(), fmt.Sprintf("part-%d", i)
				source := &project{t: t, dir: dir}
				source.files(map[string]string{
					"Cargo.toml": fmt.Sprintf("[package]\nname = %q\nversion = \"1.0.0\"\nedition = \"2021\"\n", crate),
					"src/lib.rs": "// " + time.Now().String() + "\n", // no other test has it downloaded
				})
				crates.Publish(t, dir)
				paths = append(paths, "/pa/rt/"+crate)
			}
			proxy := newCrateProxy(t, crates.IndexURL)
			p.needs(proxy, paths...)
			var mu sync.Mutex
			asked, broken, late := 0, true, ""
			shown, over := make(chan struct{}), make(chan struct{})
			proxy.before = func(crate string) bool {
				mu.Lock()
				asked++
				n, refused := asked, broken && asked > good
				if n == good+1 && interrupt {
					late = crate
				}
				mu.Unlock()
				if refused {
					<-shown // so that the good ones have arrived
				}
				if n == good+1 && interrupt {
					return true
				}
				if refused && interrupt {
					<-over
				}
				return !refused
			}
			downloaded := func(n int) *regexp.Regexp {
				return regexp.MustCompile(fmt.Sprintf(`(?m)^lpipe: downloading crates, %d of at most 8, \d+ (B|KiB).*: \[fetch\] download the dependencies$`, n))
			}
			wait := downloaded(good)
			status, out := p.watched(func(out string, lpipe *os.Process) bool {
				switch {
				case !wait.MatchString(out):
					return false
				case !isClosed(shown):
					close(shown)
					wait = downloaded(good + 1) // those that were counted before are kept by then
					return !interrupt
				}
				_ = lpipe.Signal(syscall.SIGINT)
				return true
			}, "build")
			close(over)
			if want := map[bool]int{true: 130, false: 1}[interrupt]; status != want || !interrupt && !strings.Contains(out, "could not be downloaded") {
				t.Errorf("exit status %d", status)
			}
			mu.Lock()
			broken = false
			mu.Unlock()
			out = p.succeeds(nil, "build")
			if !strings.Contains(out, "the next build on this engine skips: ") || !strings.Contains(out, "8 crates, 8 compiled dependencies\n") {
				t.Error("the report does not say what was kept")
			}
			for i := range all {
				crate := fmt.Sprintf("part-%d", i)
				if n := proxy.sent(crate); n != 1 && crate != late {
					t.Errorf("%s was sent %d times", crate, n)
				}
			}
			if out := p.succeeds(nil, "build"); strings.Contains(out, "skips") {
				t.Error("nothing ran, and the report says what was kept")
			}
		})
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// watched runs the program, and calls a function with its output so far, again and again until it returns true.
func (p *project) watched(watch func(output string, lpipe *os.Process) bool, args ...string) (status int, output string) {
	p.t.Helper()
	var out said
	cmd := exec.CommandContext(p.t.Context(), parts.program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, &out, &out
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.home}, p.env...)
	out.said = func() bool { return watch(out.b.String(), cmd.Process) }
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	_ = cmd.Wait()
	p.t.Logf("lpipe %s\n%s", strings.Join(args, " "), out.b.String())
	if out.said != nil {
		p.t.Fatalf("lpipe %s never said what was waited for", strings.Join(args, " "))
	}
	return cmd.ProcessState.ExitCode(), out.b.String()
}

// said keeps what is written, and calls said after each piece until it returns true.
type said struct {
	b    bytes.Buffer
	said func() bool
}

func (s *said) Write(p []byte) (int, error) {
	n, err := s.b.Write(p)
	if s.said != nil && s.said() {
		s.said = nil
	}
	return n, err
}

// slowImages sends the layers of images, and cuts the first connection that sends so many bytes, and waits then.
type slowImages struct {
	cutAt int64
	shown chan struct{} // closed when what was sent is shown

	mu   sync.Mutex
	cut  bool
	sent int64
	size int64 // of the layers
}

func (s *slowImages) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			w = &slowAnswer{ResponseWriter: w, slowImages: s}
		}
		next.ServeHTTP(w, r)
	})
}

type slowAnswer struct {
	http.ResponseWriter
	*slowImages
	sent int64
}

func (a *slowAnswer) Write(p []byte) (int, error) {
	n, err := a.ResponseWriter.Write(p)
	a.sent += int64(n)
	a.mu.Lock()
	a.slowImages.sent += int64(n)
	cut := !a.cut && a.sent > a.cutAt
	a.cut = a.cut || cut
	isCut := a.cut
	a.mu.Unlock()
	if cut {
		panic(http.ErrAbortHandler)
	}
	if err == nil && isCut {
		<-a.shown
	}
	return n, err
}

// put pushes the image of a layout to a registry.
func (s *slowImages) put(t *testing.T, host, layout string) {
	t.Helper()
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(layout, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	blob := func(d ocispec.Descriptor) []byte { return read("blobs/sha256/" + d.Digest.Encoded()) }
	send := func(method, url, mediaType string, body []byte) *http.Response {
		request, err := http.NewRequest(method, url, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", mediaType)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode >= 300 {
			t.Fatalf("%s %s: %s", method, url, response.Status)
		}
		return response
	}
	var index ocispec.Index
	var manifest ocispec.Manifest
	if err := json.Unmarshal(read("index.json"), &index); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(blob(index.Manifests[0]), &manifest); err != nil {
		t.Fatal(err)
	}
	for _, d := range append(manifest.Layers, manifest.Config) {
		at := send("POST", "http://"+host+"/v2/base/blobs/uploads/", "", nil).Header.Get("Location")
		send("PUT", at+"&digest="+d.Digest.String(), "application/octet-stream", blob(d))
	}
	for _, d := range manifest.Layers {
		s.size += d.Size
	}
	send("PUT", "http://"+host+"/v2/base/manifests/1", index.Manifests[0].MediaType, blob(index.Manifests[0]))
}

// A first build tells how far the download of the image is, goes on where a connection is cut, and says what it keeps.
func TestAFirstBuildTellsWhatItDownloads(t *testing.T) {
	if !require.Slow(t) { // the image is large
		return
	}
	p := newProject(t)
	images := &slowImages{cutAt: 1 << 62, shown: make(chan struct{})}
	registry := testparts.NewRegistry(t, testparts.RegistryOptions{Wrap: images.wrap})
	images.put(t, registry.Host, testparts.BaseImage(t))
	images.cutAt = images.size / 2
	root, err := os.MkdirTemp("", "lpipe-first-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	p.env = append(p.env, "LPIPE_ENGINE_ROOT="+root, "LPIPE_BASE="+registry.Host+"/base:1")
	defer p.lpipe(nil, "engine", "stop")
	p.files(map[string]string{
		"Cargo.toml":  "[package]\nname = \"greet\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
		"Cargo.lock":  "version = 4\n\n[[package]]\nname = \"greet\"\nversion = \"0.1.0\"\n",
		"src/main.rs": "fn main() {}\n",
	})
	start := time.Now()
	line := regexp.MustCompile(`(?m)^lpipe: downloading \d+\.\d MiB of (at least )?\d+\.\d MiB, \d+\.\d MiB/s: \[toolchain 1/2\] FROM ` + regexp.QuoteMeta(registry.Host) + `/base:1`)
	status, out := p.watched(func(out string, _ *os.Process) bool {
		if !line.MatchString(out) {
			return false
		}
		close(images.shown)
		return true
	}, "build")
	if status != 0 {
		t.Fatalf("exit status %d", status)
	}
	most := 1 + int(time.Since(start)/(10*time.Second)) // a line each ten seconds
	if lines := line.FindAllString(out, -1); len(lines) == 0 || len(lines) > most || strings.Contains(out, "sha256:") && regexp.MustCompile(`(?m)^#\d+ sha256:`).MatchString(out) {
		t.Errorf("the download is told in %d lines", len(lines))
	}
	kept := fmt.Sprintf("the next build on this engine skips: base image (%.1f MiB)", float64(images.size)/(1<<20))
	if !strings.Contains(out, kept) {
		t.Errorf("the report does not say: %s", kept)
	}
	if limit := images.size + 8<<20; !images.cut || images.sent > limit {
		t.Errorf("cut: %t; %d bytes were sent, more than %d", images.cut, images.sent, limit)
	}
	if out := p.succeeds([]string{"LPIPE_PROGRESS=quiet"}, "build", "--no-cache"); strings.Contains(out, "skips") {
		t.Error("the quiet display says what was kept")
	}
}
