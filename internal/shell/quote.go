// Package shell writes text for a POSIX shell.
package shell

import "strings"

// Quote makes one word of s, in which nothing is expanded.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// Word returns the text as one word of a command: as it is where nothing in it means anything to a shell, else quoted.
func Word(s string) string {
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./,:@%+=", r)) {
			return Quote(s)
		}
	}
	if s == "" {
		return Quote(s)
	}
	return s
}
