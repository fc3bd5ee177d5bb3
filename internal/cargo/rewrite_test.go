package cargo

import (
	"maps"
	"strings"
	"testing"
)

func TestInsteadOf(t *testing.T) {
	for config, want := range map[string]map[int]string{
		"": {},
		"[url \"git@example.com:\"]\n\tinsteadOf = https://example.com/\n":    {2: "https://example.com/"},
		"[URL \"x\"]\nINSTEADOF=\"https://a/\"\n[core]\ninsteadOf = no\n":     {2: "https://a/"},
		"[url \"x\"]\n; insteadOf = https://a/\npushInsteadOf = https://a/\n": {},
		"[url \"x\"]\ninsteadOf =\ninsteadOf\n":                               {},
		"[url \"x\"] insteadOf = https://a/ # all\n":                          {1: "https://a/"},
		"[url \"x\"]\ninsteadOf = https://a/;b\nInsteadOf=\"a;\" ; c \n":      {2: "https://a/", 3: "a;"},
		"[url \"x\"]\ninsteadOf = \"https://a/ \"\ninsteadOf = #\n":           {2: "https://a/ "},
		"[url \"x]\"]\ninsteadOf = a\\\\b c\t\n[url]\ninsteadOf = d":          {2: "a\\b c"},
		"[urls \"x\"]\ninsteadOf = https://a/\n":                              {},
	} {
		if got := insteadOf(config); !maps.Equal(got, want) {
			t.Errorf("%q: %v, want %v", config, got, want)
		}
	}
}

func FuzzInsteadOf(f *testing.F) {
	f.Add("[url \"git@example.com:\"]\n\tinsteadOf = https://example.com/ # all\n")
	f.Add("[url \"x\"] insteadOf = y\n[url\n=\n[")
	f.Fuzz(func(t *testing.T, config string) {
		lines := strings.Split(config, "\n")
		for line, address := range insteadOf(config) {
			if address == "" || line < 1 || line > len(lines) || len(address) > len(lines[line-1]) {
				t.Errorf("line %d has no %q", line, address)
			}
		}
	})
}
