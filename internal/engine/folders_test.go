package engine

import (
	"os"
	"testing"
)

// TestFoldersOfAnOrdinaryUser: those of the XDG base directories, where they are set. Root has its own.
func TestFoldersOfAnOrdinaryUser(t *testing.T) {
	xdg := map[string]string{"XDG_DATA_HOME": "/home/me/data", "XDG_RUNTIME_DIR": "/run/user/7", "HOME": "/home/me"}
	for _, c := range []struct {
		uid            int
		env            map[string]string
		state, runtime string
	}{
		{7, xdg, "/home/me/data/lpipe", "/run/user/7/lpipe"},
		{7, map[string]string{"HOME": "/home/me", "XDG_DATA_HOME": "relative"}, "/home/me/.local/share/lpipe", os.TempDir() + "/lpipe-7"},
		{0, xdg, "/var/lib/lpipe", "/run/lpipe"},
	} {
		o := Options{Getenv: func(name string) string { return c.env[name] }}
		if state, runtime := commonFolderFor(c.uid, o), runtimeFolderFor(c.uid, o); state != c.state || runtime != c.runtime {
			t.Errorf("%d, %v: %s and %s, want %s and %s", c.uid, c.env, state, runtime, c.state, c.runtime)
		}
	}
}
