package engine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"lpipe/internal/testparts/require"
)

// embeddedOptions are for an embedded engine of the test's own, which is stopped when the test ends.
func embeddedOptions(t *testing.T) Options {
	t.Helper()
	err := thisHost{}.embeddable(Options{Getenv: os.Getenv})
	require.Part(t, err == nil, "a machine for the embedded engine", fmt.Sprint(err))
	// Not t.TempDir, which has the test's name: a socket's path must be short.
	runtime, err := os.MkdirTemp("", "lpipe-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(runtime) })
	o := Options{
		Engine:        "embedded",
		Getenv:        os.Getenv,
		Log:           func(notice string) { t.Log("notice:", notice) },
		Root:          stateFolderOf(t),
		Runtime:       filepath.Join(runtime, "run"),
		DaemonCommand: []string{os.Args[0], "engine-run"},
	}
	t.Cleanup(func() { // before the folders go
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if _, err := Stop(ctx, o); err != nil {
			t.Error(err)
		}
		if text, _ := os.ReadFile(filepath.Join(o.Root, "daemon.log")); t.Failed() {
			t.Logf("the engine's log:\n%s", text)
		}
	})
	return o
}

// open opens an engine until the test ends.
func open(t *testing.T, o Options) *Engine {
	t.Helper()
	e, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// stateFolderOf makes a folder that is removed when the test ends. An ordinary user's daemon leaves files there that
// belong to other ids of his, so that only a daemon's like can remove them.
func stateFolderOf(t *testing.T) string {
	t.Helper()
	if os.Geteuid() == 0 {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("", "lpipe-state-")
	must(t, err)
	t.Cleanup(func() {
		remove := exec.Command("/bin/rm", "-rf", dir)
		if err := startDetached(remove); err != nil || remove.Wait() != nil {
			t.Errorf("removing %s: %v", dir, err)
		}
	})
	return dir
}
