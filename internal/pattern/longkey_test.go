package pattern

import (
	"strings"
	"testing"
)

func TestLongKey(t *testing.T) {
	for text, want := range map[string]bool{
		"x" + strings.Repeat(".x", 1000) + " = 1":                     true,
		"[x" + strings.Repeat(" . \"y z\"", 1000) + "]":               true,
		"a = {x" + strings.Repeat(".ä", 1000) + " = 1}":               true,
		"x" + strings.Repeat(".x", 900) + " = 1":                      false,
		strings.Repeat("a.b.c = 1\n", 1000):                           false,
		"# " + strings.Repeat(".", 5000):                              false,
		"x = [" + strings.Repeat("\"a.b\", ", 1000) + "]":             false,
		"source = \"" + strings.Repeat("https://x.y/z/", 1000) + "\"": false,
	} {
		if LongKey([]byte(text)) != want {
			t.Errorf("%.60s: %v", text, !want)
		}
	}
}
