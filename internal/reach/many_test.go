package reach

import (
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"testing"
)

// TestManyPackages: what is found does not depend on how many processors look for it.
func TestManyPackages(t *testing.T) {
	archive := "-- Cargo.toml --\n[workspace]\nmembers = [\"m/*\"]\n-- Cargo.lock --\nversion = 4\n-- shared/schema.json --\n{}\n-- .cargo/config.toml --\n[env]\nOF_CONFIG = \"a\"\n"
	for i := range 5 * fewPackages {
		source := "fn main() {}\n"
		switch i % 5 {
		case 1:
			source = "const S: &str = include_str!(\"../../../shared/schema.json\");\n" + source
		case 2:
			source = "const S: &str = env!(\"OF_CONFIG\");\n" + source
		case 3:
			source = "const S: &str = include_str!(concat!(\"../../\", env!(\"NAME\")));\n" + source
		}
		archive += fmt.Sprintf("-- m/%02d/Cargo.toml --\n[package]\nname = \"m%02d\"\nedition = \"2021\"\n-- m/%02d/src/main.rs --\n%s", i, i, i, source)
	}
	type result struct {
		packages map[string]Package
		beyond   []string
		sums     map[string]content
	}
	look := func(processors int) result {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		w, found := find(t, archive, "p")
		r := result{map[string]Package{}, found.Beyond, map[string]content{}}
		for _, p := range w.Packages {
			r.packages[p.Dir] = found.Packages[p]
		}
		found.Files.sums.Range(func(name, is any) bool {
			r.sums[name.(string)] = is.(*known).content
			return true
		})
		return r
	}
	want := look(1)
	if len(want.packages) != 5*fewPackages || len(want.sums) == 0 {
		t.Fatalf("found %d packages and %d files", len(want.packages), len(want.sums))
	}
	if got := look(4); !reflect.DeepEqual(got, want) {
		for dir, p := range got.packages {
			if !reflect.DeepEqual(p, want.packages[dir]) {
				t.Errorf("%s: %+v, by one processor %+v", dir, p, want.packages[dir])
			}
		}
		t.Errorf("beyond %q, by one processor %q; the same files: %t", got.beyond, want.beyond, maps.Equal(got.sums, want.sums))
	}
}
