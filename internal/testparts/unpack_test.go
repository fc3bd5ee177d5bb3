package testparts_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"lpipe/internal/testparts/require"
)

// unpack puts the layers of the image in dir, an OCI layout, over one another with tar, and obeys whiteouts.
func unpack(t *testing.T, dir string) string {
	t.Helper()
	_, err := exec.LookPath("zstd")
	require.Part(t, err == nil, "zstd", "apt-get install zstd")
	blob := func(d string) string { return filepath.Join(dir, "blobs", "sha256", strings.TrimPrefix(d, "sha256:")) }
	var index ocispec.Index
	var manifest ocispec.Manifest
	decode(t, filepath.Join(dir, "index.json"), &index)
	decode(t, blob(index.Manifests[0].Digest.String()), &manifest)

	root := t.TempDir()
	for _, layer := range manifest.Layers {
		args := []string{"-C", root, "-xf", blob(layer.Digest.String())}
		if strings.HasSuffix(layer.MediaType, "+zstd") {
			args = append(args, "--zstd")
		}
		out, err := exec.Command("tar", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("unpacking: %v\n%s", err, out)
		}
		whiteouts, err := filepath.Glob(root + "/usr/share/cargo/.wh.*")
		if err != nil {
			t.Fatal(err)
		}
		for _, whiteout := range whiteouts {
			if err := os.RemoveAll(strings.ReplaceAll(whiteout, ".wh.", "")); err != nil {
				t.Fatal(err)
			}
		}
	}
	// cargo gives /dev/null to rustc. The layers have no devices: the engine makes them.
	if err := os.MkdirAll(root+"/dev", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mknod(root+"/dev/null", syscall.S_IFCHR|0o666, 1<<8|3); err != nil {
		t.Fatal(err)
	}
	return root
}

func decode(t *testing.T, path string, value any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, value); err != nil {
		t.Fatal(err)
	}
}
