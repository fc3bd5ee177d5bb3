package project

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"lpipe/internal/disk"
	"lpipe/internal/git"
)

func TestPathsAreShownAsShortAsTheyWork(t *testing.T) {
	here := &Here{Dir: "/mono/users"}
	for file, want := range map[string]string{
		"/mono/users/target/x": "target/x", "/mono/users": ".", "/mono/orders": "/mono/orders", "/mono/users..": "/mono/users..", "/mono/users/..x": "..x", "": "",
	} {
		if got := here.Show(file); got != want {
			t.Errorf("%q is shown as %q, want %q", file, got, want)
		}
	}
}

// TestARepositoryIsAskedOnce: each question is a process.
func TestARepositoryIsAskedOnce(t *testing.T) {
	top := t.TempDir()
	for _, dir := range []string{"orders", "users"} {
		if err := os.Mkdir(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("git", "-C", top, "init", "--quiet", "--initial-branch=topic").CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	here := &Here{Dir: top, Env: map[string]string{"PATH": os.Getenv("PATH")}, Disk: disk.Disk{FS: os.DirFS("/")}}
	one, err := here.Repository(t.Context(), filepath.Join(top, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(top, ".git", "objects")); err != nil { // git would refuse it from now on
		t.Fatal(err)
	}
	if two, err := here.Repository(t.Context(), filepath.Join(top, "users")); err != nil || two != one {
		t.Errorf("it was opened again: %v", err)
	}
	elsewhere := t.TempDir()
	if _, err := here.Repository(t.Context(), elsewhere); !errors.Is(err, git.ErrNone) {
		t.Errorf("a folder without a repository: %v", err)
	}
	if at := here.Checkout(t.Context(), elsewhere); at.Branch != "" || at.Main != "main" || at.Unread == nil {
		t.Errorf("%+v", at)
	}
}
