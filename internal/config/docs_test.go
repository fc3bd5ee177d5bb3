package config

import (
	"testing"

	"lpipe/internal/testparts/golden"
)

// TestDocsListEveryKey keeps docs/config.md equal to the table of keys; -update rewrites it.
func TestDocsListEveryKey(t *testing.T) {
	golden.Check(t, "../../docs/config.md", "# lpipe.toml\n\nWritten by `go test ./internal/config -update`.\n\n"+Reference())
}
