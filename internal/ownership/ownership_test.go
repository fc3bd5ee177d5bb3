//go:build unix

package ownership

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestForeign(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct {
		mode  os.FileMode
		owner int
		want  string
	}{
		"private":           {mode: 0o600, owner: -1},
		"readable for all":  {mode: 0o755, owner: -1},
		"sticky":            {mode: 0o777 | os.ModeSticky, owner: -1},
		"writable for all":  {mode: 0o777, owner: -1, want: "every user may write it (mode 0777)"},
		"of another user":   {mode: 0o600, owner: 12345, want: "it belongs to user 12345"},
		"of root, to users": {mode: 0o600, owner: 0},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, name)
			if err := os.Mkdir(file, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, test.mode); err != nil {
				t.Fatal(err)
			}
			if test.owner > 0 {
				if os.Getuid() != 0 {
					t.Skip("root alone can give files away")
				}
				if err := os.Chown(file, test.owner, -1); err != nil {
					t.Fatal(err)
				}
			}
			info, err := os.Lstat(file)
			if err != nil {
				t.Fatal(err)
			}
			got := Foreign(info)
			if test.want == "" && got != "" || !strings.Contains(got, test.want) {
				t.Errorf("Foreign says %q, want %q", got, test.want)
			}
		})
	}
}

// TestPath: a folder is this user's alone only if all those it lies in are.
func TestPath(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "open", "mine")
	link := filepath.Join(top, "link")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.Symlink(dir, link)); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{dir, link} {
		if err := Path(at); err != nil {
			t.Error(err)
		}
	}
	if err := os.Chmod(filepath.Dir(dir), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{dir, link} {
		if err := Path(at); err == nil || !strings.Contains(err.Error(), "open: every user may write it") {
			t.Error(err)
		}
	}
	if err := Path(filepath.Join(top, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
