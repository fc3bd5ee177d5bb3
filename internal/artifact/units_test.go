package artifact

import (
	"slices"
	"strings"
	"testing"
)

const unitMessages = `{"reason":"compiler-artifact","package_id":"registry+https://github.com/rust-lang/crates.io-index#itoa@1.0.11","target":{"kind":["lib"]},"features":["b","a"],"filenames":["/target/x/release/deps/libitoa.rlib"],"executable":null}
{"reason":"compiler-artifact","package_id":"registry+https://github.com/rust-lang/crates.io-index#itoa@1.0.11","target":{"kind":["lib"]},"features":["c"],"executable":null}
{"reason":"compiler-message","package_id":"path+file:///src/echo#0.1.0"}
{"reason":"compiler-artifact","package_id":"echo 0.1.0 (path+file:///src/echo)","target":{"kind":["bin"]},"executable":"/target/x/release/echo"}
`

func TestReadUnits(t *testing.T) {
	units, err := ReadUnits([]byte(unitMessages))
	if err != nil || len(units) != 2 {
		t.Fatalf("%+v, %v", units, err)
	}
	if u := units[1]; u.Name != "itoa" || u.Version != "1.0.11" || !slices.Equal(u.Features, []string{"a", "b", "c"}) {
		t.Errorf("%+v", u)
	}
	if u := units[0]; u.Name != "echo" || u.Version != "0.1.0" {
		t.Errorf("%+v", u)
	}
	for _, bad := range []string{"", "x\n", strings.Repeat("{", 10), `{"reason":"build-finished"}`} {
		if units, err := ReadUnits([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, units)
		}
	}
}

// FuzzReadUnits: whatever a build writes, each unit is there once and has an ID.
func FuzzReadUnits(f *testing.F) {
	f.Add(unitMessages)
	f.Add(`{"reason":"compiler-artifact","package_id":"#@"}`)
	f.Fuzz(func(t *testing.T, messages string) {
		units, err := ReadUnits([]byte(messages))
		ids := map[string]bool{}
		for _, u := range units {
			if err != nil || u.ID == "" || ids[u.ID] || !slices.IsSorted(u.Features) {
				t.Errorf("%+v, %v", u, err)
			}
			ids[u.ID] = true
		}
	})
}
