package testparts

import (
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"lpipe/internal/testparts/require"
)

// Unpack writes the files of a txtar archive below dir. A file that opens with #! is executable.
func Unpack(t testing.TB, dir, archive string) {
	t.Helper()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		name := filepath.Join(dir, f.Name)
		mode := os.FileMode(0o644)
		if bytes.HasPrefix(f.Data, []byte("#!/")) {
			mode = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, mode); err != nil {
			t.Fatal(err)
		}
	}
}

// Project writes the files of a txtar archive into a new folder and returns it.
func Project(t testing.TB, archive string) string {
	t.Helper()
	dir := t.TempDir()
	Unpack(t, dir, archive)
	return dir
}

// Files returns a file system with the files of a txtar archive below dir.
func Files(dir, archive string) fstest.MapFS {
	files := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		files[path.Join(dir, f.Name)] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
	}
	return files
}

// Keys reads the lines "key: value" of an archive's comment.
func Keys(archive string) map[string]string {
	keys := map[string]string{}
	for line := range strings.Lines(string(txtar.Parse([]byte(archive)).Comment)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			keys[k] = v
		}
	}
	return keys
}

// Vendor turns the folder vendor in dir, if there is one, into what "cargo vendor" makes: every crate in it is one
// that cargo takes for published.
func Vendor(t testing.TB, dir string) {
	t.Helper()
	crates, _ := filepath.Glob(filepath.Join(dir, "vendor/*"))
	if len(crates) == 0 {
		return
	}
	for _, c := range crates {
		if err := os.WriteFile(filepath.Join(c, ".cargo-checksum.json"), []byte(`{"files":{}}`), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(dir, ".cargo/config.toml")
	old, _ := os.ReadFile(name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	text := string(old) + "\n[source.crates-io]\nreplace-with = \"vendored\"\n[source.vendored]\ndirectory = \"vendor\"\n"
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Lock makes the lock file of the project in dir with this machine's cargo, or brings it up to date.
func Lock(t testing.TB, dir string) {
	t.Helper()
	_, err := exec.LookPath("cargo")
	require.Part(t, err == nil, "cargo", "apt-get install cargo, or https://rustup.rs")
	cmd := exec.Command("cargo", "generate-lockfile")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CARGO_NET_OFFLINE=true")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cargo generate-lockfile: %s", out)
	}
}
