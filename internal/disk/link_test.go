package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestLinksAreFollowedWithinAFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"inside": "folder", "nowhere": "none", "outside": "..", "absolute": dir} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	for name, want := range map[string]struct {
		to                    string
		there, missing, fails bool
	}{
		"inside":   {to: "folder", there: true},
		"nowhere":  {to: "none", missing: true, fails: true},
		"outside":  {to: "..", fails: true},
		"absolute": {to: dir, fails: true},
		"folder":   {fails: true},
		"none":     {missing: true, fails: true},
	} {
		to, info, err := Follow(folder, name)
		if to != want.to || (info != nil && info.IsDir()) != want.there || errors.Is(err, fs.ErrNotExist) != want.missing || (err != nil) != want.fails {
			t.Errorf("%s: %q, %v, %v", name, to, info, err)
		}
	}
}
