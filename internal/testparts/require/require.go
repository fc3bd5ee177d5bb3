// Package require says what a test needs of the machine, and what it leaves out.
//
// It starts nothing and imports only the standard library, so that the tests of every package can use it.
package require

import (
	"os"
	"testing"
)

const (
	// parts is the environment variable under which a missing part fails a test; scripts/test sets it to "require".
	parts = "LPIPE_TEST_PARTS"
	// all is the environment variable under which slow tests run; scripts/test --all sets it.
	all = "LPIPE_TEST_ALL"
)

// LeftOut opens what a test says that was left out for being slow.
const LeftOut = "left out: "

// Part ends the test when it cannot have what it needs: it skips, or fails where all parts are required.
// What is a noun ("runc"), how the way to get it ("apt-get install runc").
func Part(t testing.TB, ok bool, what, how string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv(parts) == "require":
		t.Fatalf("needs %s: %s", what, how)
	default:
		t.Skipf("needs %s: %s", what, how)
	}
}

// Slow reports whether slow tests run. Where they do not, the test says so, and should return: that it was left out was
// asked for, other than a skip.
func Slow(t testing.TB) bool {
	t.Helper()
	if os.Getenv(all) != "" {
		return true
	}
	t.Log(LeftOut + "it takes long; scripts/test --all runs it")
	return false
}
