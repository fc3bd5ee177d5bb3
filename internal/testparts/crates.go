package testparts

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// CrateRegistry is a registry of crates that tests publish: it serves them over the network, packed, with checksums.
type CrateRegistry struct {
	// IndexURL is how cargo is told of it: sparse+http://127.0.0.1:PORT/
	IndexURL string

	mu     sync.Mutex
	crates map[string][]*crate // by name in lower case
}

// NewCrateRegistry serves what [CrateRegistry.Publish] is given.
func NewCrateRegistry(t testing.TB) *CrateRegistry {
	t.Helper()
	r := &CrateRegistry{crates: map[string][]*crate{}}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	r.IndexURL = "sparse+" + server.URL + "/"
	mux.HandleFunc("GET /config.json", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"dl":%q}`, server.URL+"/crates")
	})
	mux.HandleFunc("GET /crates/{name}/{version}/download", r.serveCrate)
	mux.HandleFunc("GET /", r.serveIndex)
	return r
}

// Publish adds the crate in the folder dir. One of the same name and version is replaced, which no real registry does.
func (r *CrateRegistry) Publish(t testing.TB, dir string) {
	t.Helper()
	var files []file
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		files = append(files, file{path: name, data: data})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCrate(files)
	if err != nil {
		t.Fatalf("reading %s: %v", dir, err)
	}
	name := strings.ToLower(c.release.Name)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.crates[name] = append(slices.DeleteFunc(slices.Clone(r.crates[name]), func(old *crate) bool {
		return old.release.Version == c.release.Version
	}), c)
}

// versions are those of the crate.
func (r *CrateRegistry) versions(name string) []*crate {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.crates[strings.ToLower(name)]
}

// Config is the .cargo/config.toml with which cargo takes crates from here and not from crates.io.
func (r *CrateRegistry) Config() string {
	return fmt.Sprintf("[source.crates-io]\nreplace-with = \"loopback\"\n\n[source.loopback]\nregistry = %q\n", r.IndexURL)
}

var lockedChecksum = regexp.MustCompile(`(name = "([^"]+)"\nversion = "([^"]+)"\nsource = "(?:registry|sparse)\+[^"]+"\nchecksum = )"[^"]*"`)

// Relock gives the Cargo.lock in dir the checksums that hold here.
func (r *CrateRegistry) Relock(t testing.TB, dir string) {
	t.Helper()
	name := filepath.Join(dir, "Cargo.lock")
	lock, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lock = lockedChecksum.ReplaceAllFunc(lock, func(entry []byte) []byte {
		locked := lockedChecksum.FindSubmatch(entry)
		p, err := r.find(string(locked[2]), string(locked[3]))
		if err != nil {
			t.Fatalf("locking %s: %v", dir, err)
		}
		return fmt.Appendf(nil, "%s%q", locked[1], p.checksum)
	})
	if err := os.WriteFile(name, lock, 0o644); err != nil {
		t.Fatal(err)
	}
}

// find is a crate as cargo downloads it.
func (r *CrateRegistry) find(name, version string) (packed, error) {
	for _, c := range r.versions(name) {
		if c.release.Version == version {
			return c.pack()
		}
	}
	return packed{}, fmt.Errorf("there is no %s %s", name, version)
}

// serveIndex answers with a line for each version. The last part of an index path is the crate's name in lower case.
// https://doc.rust-lang.org/cargo/reference/registry-index.html#index-files
func (r *CrateRegistry) serveIndex(w http.ResponseWriter, request *http.Request) {
	crates := r.versions(path.Base(request.URL.Path))
	if crates == nil {
		http.NotFound(w, request)
		return
	}
	lines := json.NewEncoder(w)
	for _, c := range crates {
		p, err := c.pack()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		line := *c.release
		line.Checksum = p.checksum
		_ = lines.Encode(line) // fails only when cargo has gone
	}
}

func (r *CrateRegistry) serveCrate(w http.ResponseWriter, request *http.Request) {
	p, err := r.find(request.PathValue("name"), request.PathValue("version"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	_, _ = w.Write(p.data)
}
