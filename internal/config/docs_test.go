package config

import (
	"os"
	"testing"
)

// TestDocsListEveryKey keeps docs/config.md equal to the table of keys; -update rewrites it.
func TestDocsListEveryKey(t *testing.T) {
	const file = "../../docs/config.md"
	want := "# lpipe.toml\n\nWritten by `go test ./internal/config -update`.\n\n" + Reference()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not up to date: run go test ./internal/config -update", file)
	}
}
