package disk

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestFiles of a folder that a link leads to, with links in it.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for name, to := range map[string]string{"real/a": "", "real/sub/b": "", "real/c": "sub/b", "real/up": "..", "real/none": "nowhere", "link": "real", "file": "real/a"} {
		name = filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(name), 0o755)
		if err == nil && to == "" {
			err = os.WriteFile(name, nil, 0o644)
		} else if err == nil {
			err = os.Symlink(to, name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for at, want := range map[string][]string{"link": {"link/a", "link/c", "link/sub/b"}, "real/": {"real/a", "real/c", "real/sub/b"}, "file": {"file"}, "none": nil} {
		got, err := Files(filepath.Join(dir, at))
		for i := range want {
			want[i] = filepath.Join(dir, want[i])
		}
		if slices.Sort(got); !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%s: %q, %v; want %q", at, got, err, want)
		}
	}
}
