package artifact

import (
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// Demangle is a symbol as a person reads it, without the hash that rustc adds.
func Demangle(symbol string) string {
	text := demangle.Filter(symbol, demangle.NoClones)
	if i := strings.LastIndex(text, "::h"); i > 0 && len(text) == i+len("::h0123456789abcdef") {
		text = text[:i]
	}
	return text
}
