package testparts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"lpipe/internal/testparts/require"
)

// BaseImage is the folder of the offline base image, an OCI layout: LPIPE_TEST_BASE, or where scripts/base-image puts it.
func BaseImage(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("LPIPE_TEST_BASE")
	if dir == "" {
		cache, err := os.UserCacheDir()
		require.Part(t, err == nil, "a cache folder", "set HOME")
		dir = filepath.Join(cache, "lpipe", "base")
	}
	_, err := os.Stat(filepath.Join(dir, ocispec.ImageIndexFile))
	require.Part(t, err == nil, "the offline base image in "+dir, "run scripts/base-image")
	return dir
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
	dir := t.TempDir()
	if err := l.extend(dir, make([]byte, 1024)); err != nil { // with a layer that has no files
		t.Fatal(err)
	}
	return dir
}
