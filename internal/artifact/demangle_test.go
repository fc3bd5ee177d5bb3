package artifact

import (
	"strconv"
	"strings"
	"testing"
)

// TestShortSymbolsHaveNoEndlessNames: each type is made of the one before it, twice.
func TestShortSymbolsHaveNoEndlessNames(t *testing.T) {
	var cpp, rust strings.Builder
	cpp.WriteString("_Z1f1AIiiE")
	rust.WriteString("_RINvC1a1fTmmE")
	last := len("INvC1a1f")
	for i := range 60 {
		of := "S" + strings.ToUpper(strconv.FormatInt(int64(i), 36)) + "_"
		cpp.WriteString("S_I" + of + of + "E")
		back := "B" + base62(last-1) + "_"
		last = rust.Len() - len("_R")
		rust.WriteString("T" + back + back + "E")
	}
	rust.WriteString("E")
	for _, symbol := range []string{cpp.String(), rust.String()} {
		if name := Demangle(symbol); name == symbol || len(name) > 1<<maxNameLength {
			t.Errorf("a symbol of %d bytes has a name of %d: %.80s", len(symbol), len(name), name)
		}
	}
	if name := Demangle("_RNvC1a1f"); name != "a::f" {
		t.Errorf("a name is %q", name)
	}
}

// base62 writes a number as Rust's symbols have it.
func base62(n int) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	if n < len(digits) {
		return digits[n : n+1]
	}
	return base62(n/len(digits)) + digits[n%len(digits):n%len(digits)+1]
}
