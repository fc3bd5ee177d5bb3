package artifact

import (
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// maxNameLength is the logarithm of how long a name may be: a short symbol can stand for one that fills the memory.
const maxNameLength = 13

// Demangle is a symbol as a person reads it, without the hash that rustc adds.
func Demangle(symbol string) string {
	text := demangle.Filter(symbol, demangle.NoClones, demangle.MaxLength(maxNameLength))
	if i := strings.LastIndex(text, "::h"); i > 0 && len(text) == i+len("::h0123456789abcdef") {
		text = text[:i]
	}
	return text
}
