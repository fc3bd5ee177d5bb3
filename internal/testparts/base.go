package testparts

import (
	"os"
	"path/filepath"
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
