// Package testparts starts the real parts that tests run against: a container registry, a registry of crates, an SSH
// server with git repositories, and the base image of scripts/base-image.
//
// It is imported by tests alone. What a part needs from the machine is asked for with [Need], so that the tests of a bare
// machine skip with the reason. Each part listens on loopback and is gone when its test ends.
package testparts

import (
	"os"
	"testing"
)

// require is the environment variable under which a missing part fails a test; scripts/test sets it to "require".
const require = "LPIPE_TEST_PARTS"

// Need ends the test when it cannot have what it needs: it skips, or fails where all parts are required.
// What is a noun ("runc"), how the way to get it ("apt-get install runc").
func Need(t testing.TB, ok bool, what, how string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv(require) == "require":
		t.Fatalf("needs %s: %s", what, how)
	default:
		t.Skipf("needs %s: %s", what, how)
	}
}
