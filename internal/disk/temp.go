package disk

import (
	"crypto/rand"
	"strings"
)

const tempPrefix, tempSuffix = ".lpipe-", ".partial"

// Temp returns a name that no file has yet, for one that will be called name when it is complete.
func Temp(name string) string { return tempPrefix + name + "-" + rand.Text() + tempSuffix }

// IsTemp reports a name of [Temp]: that of a file which lpipe is writing, or was when it was killed, and no part of a project.
func IsTemp(name string) bool {
	return strings.HasPrefix(name, tempPrefix) && strings.HasSuffix(name, tempSuffix)
}
