//go:build unix

package userkey

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestOneKeyForAllRuns(t *testing.T) {
	env := map[string]string{"HOME": t.TempDir()}
	var keys [8]Key
	var wait sync.WaitGroup
	for i := range keys {
		wait.Go(func() {
			k, err := Load(env)
			if err != nil {
				t.Error(err)
			}
			keys[i] = k
		})
	}
	wait.Wait()
	for _, k := range keys {
		if k != keys[0] || !k.Lasting() {
			t.Errorf("runs at the same time have different keys")
		}
	}
	other, _ := Load(map[string]string{"HOME": t.TempDir()})
	if bytes.Equal(other.Derive("times", "a"), keys[0].Derive("times", "a")) {
		t.Error("two users have one key")
	}
	if bytes.Equal(keys[0].Derive("times", "a", "b"), keys[0].Derive("times", "ab")) {
		t.Error("what is derived for a and b is derived for ab too")
	}
	info, err := os.Stat(filepath.Join(env["HOME"], ".cache/lpipe/user.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v %v", info, err)
	}
}

func TestKeysThatAreNotTaken(t *testing.T) {
	for name, test := range map[string]struct {
		set  func(t *testing.T, home, project string) map[string]string
		want string
	}{
		"nowhere to keep it": {func(*testing.T, string, string) map[string]string { return nil }, "neither HOME nor XDG_CACHE_HOME"},
		"in the project": {func(_ *testing.T, _, project string) map[string]string {
			return map[string]string{"XDG_CACHE_HOME": filepath.Join(project, "cache")}
		}, "lies in the project"},
		"a project that is the home folder": {func(_ *testing.T, _, project string) map[string]string {
			return map[string]string{"HOME": project}
		}, "lies in the project"},
		"in the project by a link": {func(t *testing.T, home, project string) map[string]string {
			must(t, os.MkdirAll(filepath.Join(project, "cache"), 0o700))
			must(t, os.Symlink(filepath.Join(project, "cache"), filepath.Join(home, ".cache")))
			return map[string]string{"HOME": home}
		}, "lies in the project"},
		"writable for others": {func(t *testing.T, home, _ string) map[string]string {
			must(t, os.MkdirAll(filepath.Join(home, ".cache/lpipe"), 0o700))
			must(t, os.Chmod(filepath.Join(home, ".cache"), 0o777))
			return map[string]string{"HOME": home}
		}, "every user may write it"},
		"readable for others": {func(t *testing.T, home, _ string) map[string]string {
			must(t, os.MkdirAll(filepath.Join(home, ".cache/lpipe"), 0o700))
			must(t, os.WriteFile(filepath.Join(home, ".cache/lpipe/user.key"), make([]byte, size), 0o644))
			return map[string]string{"HOME": home}
		}, "others may read it"},
		"a link": {func(t *testing.T, home, project string) map[string]string {
			must(t, os.MkdirAll(filepath.Join(home, ".cache/lpipe"), 0o700))
			must(t, os.WriteFile(filepath.Join(project, "key"), make([]byte, size), 0o600))
			must(t, os.Symlink(filepath.Join(project, "key"), filepath.Join(home, ".cache/lpipe/user.key")))
			return map[string]string{"HOME": home}
		}, "not a file"},
		"too long": {func(t *testing.T, home, _ string) map[string]string {
			must(t, os.MkdirAll(filepath.Join(home, ".cache/lpipe"), 0o700))
			must(t, os.WriteFile(filepath.Join(home, ".cache/lpipe/user.key"), make([]byte, size+1), 0o600))
			return map[string]string{"HOME": home}
		}, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			home, project := t.TempDir(), t.TempDir()
			env := test.set(t, home, project)
			a, err := Load(env, project)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("the error is %v, want one with %q", err, test.want)
			}
			b, _ := Load(env, project)
			if a.Lasting() || a == b || a == (Key{}) {
				t.Error("a key that is not kept is used twice")
			}
			if name == "in the project" {
				if _, err := os.Stat(filepath.Join(project, "cache")); err == nil {
					t.Error("something was made in the project")
				}
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
