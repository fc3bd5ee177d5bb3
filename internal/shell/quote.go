// Package shell writes text for a POSIX shell.
package shell

import "strings"

// Quote makes one word of s, in which nothing is expanded.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
