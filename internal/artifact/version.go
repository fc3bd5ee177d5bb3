package artifact

import (
	"fmt"
	"strconv"
	"strings"
)

// version is a glibc release, such as 2.34. Point releases count for old symbols only (GLIBC_2.2.5).
type version [2]int

func (v version) String() string { return fmt.Sprintf("%d.%d", v[0], v[1]) }

func (v version) newer(than version) bool {
	return v[0] > than[0] || v[0] == than[0] && v[1] > than[1]
}

// glibcVersion reads the name of a version that a program needs of a library, such as "GLIBC_2.34". ok is false
// for names that say nothing about glibc's release.
func glibcVersion(name string) (v version, ok bool) {
	rest, ok := strings.CutPrefix(name, "GLIBC_")
	if !ok {
		return version{}, false
	}
	// Markers of the file format, the first of which, DT_RELR, came with 2.36: sourceware.org/bugzilla 27923.
	if strings.HasPrefix(rest, "ABI_") {
		return version{2, 36}, true
	}
	parts := strings.Split(rest, ".")
	if len(parts) < 2 {
		return version{}, false
	}
	for i := range v {
		n, err := strconv.ParseUint(parts[i], 10, 16)
		if err != nil {
			return version{}, false
		}
		v[i] = int(n)
	}
	return v, true
}
