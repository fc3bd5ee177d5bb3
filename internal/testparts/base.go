package testparts

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"lpipe/internal/testparts/mirror"
	"lpipe/internal/testparts/require"
)

// cargoHome is cargo's folder in the base image.
const cargoHome = "usr/local/cargo"

// crates is the mirror of crates.io for all tests of this process.
var crates = sync.OnceValues(func() (*mirror.Mirror, error) {
	dir, err := mirror.Folder()
	if err != nil {
		return nil, err
	}
	return mirror.New(dir)
})

// CratesIO is a mirror of crates.io, from which cargo in [BaseImage] takes crates.
func CratesIO(t testing.TB) *mirror.Mirror {
	t.Helper()
	m, err := crates()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// PlainBaseImage is the folder of the base image, an OCI layout: LPIPE_TEST_BASE, or where scripts/base-image puts it.
func PlainBaseImage(t testing.TB) string {
	t.Helper()
	dir := folder(t, "LPIPE_TEST_BASE", "base")
	_, err := os.Stat(filepath.Join(dir, ocispec.ImageIndexFile))
	require.Part(t, err == nil, "the base image in "+dir, "run scripts/base-image")
	return dir
}

// folder is where a script has put what it makes: in the folder that a variable names, or in this user's cache.
func folder(t testing.TB, variable, name string) string {
	t.Helper()
	if dir := os.Getenv(variable); dir != "" {
		return dir
	}
	cache, err := os.UserCacheDir()
	require.Part(t, err == nil, "a cache folder", "set HOME")
	return filepath.Join(cache, "lpipe", name)
}

// folderFor is a folder for the test, whose path has no characters with a meaning in an image's name.
func folderFor(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lpipe-base-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// BaseImage is [PlainBaseImage] with a configuration of cargo that names [CratesIO].
func BaseImage(t testing.TB) string {
	t.Helper()
	return with(t, PlainBaseImage(t), file{path: cargoHome + "/config.toml", data: []byte(CratesIO(t).Config())})
}

// with is the folder of an image with what the one in base has, and a file.
func with(t testing.TB, base string, more file) string {
	t.Helper()
	l, err := openLayout(base)
	if err != nil {
		t.Fatal(err)
	}
	layer, err := archive([]file{more})
	if err != nil {
		t.Fatal(err)
	}
	dir := folderFor(t)
	if err := l.extend(dir, layer); err != nil {
		t.Fatal(err)
	}
	return dir
}

// WithNextest is the folder of a base image with what the one in base has, and cargo-nextest.
func WithNextest(t testing.TB, base string) string {
	t.Helper()
	name, err := exec.LookPath("cargo-nextest")
	require.Part(t, err == nil, "cargo-nextest", "run LPIPE_TEST_ALL=yes scripts/parts")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return with(t, base, file{path: cargoHome + "/bin/cargo-nextest", data: data, program: true})
}

// WithoutRustup is the folder of a base image that has the compiler of the image in base, and not the rustup that installed
// it there.
func WithoutRustup(t testing.TB, base string) string {
	t.Helper()
	l, err := openLayout(base)
	if err != nil {
		t.Fatal(err)
	}
	toolchain := ""
	for _, setting := range l.config.Config.Env {
		if version, ok := strings.CutPrefix(setting, "RUST_VERSION="); ok {
			toolchain = "/usr/local/rustup/toolchains/" + version + "-x86_64-unknown-linux-gnu"
		}
	}
	if toolchain == "" {
		return base // which has none
	}
	l.config.Config.Env = []string{"PATH=" + toolchain + "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	dir := folderFor(t)
	if err := l.extend(dir, make([]byte, 1024)); err != nil { // with a layer that has no files
		t.Fatal(err)
	}
	return dir
}
