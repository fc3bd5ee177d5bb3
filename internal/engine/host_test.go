package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/fault"
)

// programs makes a folder of empty programs and returns an environment where only those exist.
func programs(t *testing.T, names ...string) func(string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return func(name string) string {
		if name == "PATH" {
			return dir
		}
		return ""
	}
}

func TestRuncIsFound(t *testing.T) {
	for want, have := range map[string][]string{
		"runc":          {"runc", "crun"},
		"buildkit-runc": {"runc", "buildkit-runc"},
	} {
		path, err := findRunc(programs(t, have...), "")
		if err != nil || filepath.Base(path) != want {
			t.Errorf("of %v: %s, %v", have, path, err)
		}
	}
}

func TestMissingRuncNamesTheInstallCommand(t *testing.T) {
	for have, want := range map[string]string{
		"apt-get": "apt-get install runc",
		"dnf":     "dnf install runc",
		"apk":     "apk add runc",
		"pacman":  "pacman -S runc",
		"zypper":  "zypper install runc",
		"nothing": "install runc",
	} {
		_, err := findRunc(programs(t, have, "crun"), "")
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Engine || !strings.Contains(f.Fix, want) {
			t.Errorf("with %s: %#v", have, err)
		}
		if !strings.Contains(err.Error(), "crun is") {
			t.Errorf("with crun: %v", err)
		}
	}
}

func TestAFolderIsNoProgram(t *testing.T) {
	getenv := programs(t)
	if err := os.Mkdir(filepath.Join(getenv("PATH"), "runc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if path, err := findRunc(getenv, ""); err == nil {
		t.Errorf("found %s", path)
	}
}
