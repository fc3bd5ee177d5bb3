// Package pattern has regular expressions that are compiled when they are first used.
//
// Most of lpipe's are about what goes wrong, or about settings that few projects have. Compiling all of them as the program
// starts takes a millisecond, which is noticed in a build that has nothing to do.
package pattern

import (
	"regexp"
	"sync"
)

// Of returns a function that compiles the expression at its first call. It panics there if the expression is not valid, as
// [regexp.MustCompile] does.
func Of(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// maxParts is how many parts a key of TOML has at most: readers take a time that grows with their square.
const maxParts = 1000

// LongKey reports that a text of TOML has, in a line, more words with dots between them than a key of a person has.
func LongKey(data []byte) bool {
	parts, word := 0, false
	for _, c := range data {
		switch {
		case c == '.':
			if parts++; !word {
				parts = 0
			}
			word = false
		case c == '_' || c == '-' || c == '"' || c == '\'' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0x80:
			word = true
		case c != ' ' && c != '\t':
			parts, word = 0, false
		}
		if parts >= maxParts {
			return true
		}
	}
	return false
}
