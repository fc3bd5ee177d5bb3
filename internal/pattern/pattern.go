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
