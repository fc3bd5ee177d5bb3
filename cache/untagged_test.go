package cache

import "testing"

func TestUntagged(t *testing.T) {
	for option, want := range map[string]bool{
		"registry.example.com:5000/app/cache":      true,
		"registry.example.com:5000/app/cache:main": false,
		"type=registry,ref=a/b":                    true,
		"type=gha,scope=x":                         false,
	} {
		e, err := ParseImport(option)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Untagged(); got != want {
			t.Errorf("%s: %v", option, got)
		}
	}
}
