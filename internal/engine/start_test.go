package engine

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"lpipe/internal/engine/enginetest"
)

// embeddedOptions are for an embedded engine of the test's own, which is stopped when the test ends.
func embeddedOptions(t *testing.T) Options {
	t.Helper()
	err := thisHost{}.embeddable(Options{Getenv: os.Getenv})
	enginetest.Need(t, "what the embedded engine needs", err == nil)
	o := Options{
		Engine:        "embedded",
		Getenv:        os.Getenv,
		Log:           func(notice string) { t.Log("notice:", notice) },
		Root:          t.TempDir(),
		Runtime:       filepath.Join(t.TempDir(), "run"),
		DaemonCommand: []string{os.Args[0], "engine-run"},
	}
	t.Cleanup(func() {
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
