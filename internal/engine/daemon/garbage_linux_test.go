package daemon

import (
	"testing"

	"github.com/containerd/containerd/v2/pkg/filters"
	"github.com/moby/buildkit/util/disk"
)

// TestWhatIsQuickToMakeIsCollectedFirst has the descriptions that BuildKit gives to records of lpipe's Dockerfile.
func TestWhatIsQuickToMakeIsCollectedFirst(t *testing.T) {
	const exec = "mount / from exec /bin/sh -c set -eu # "
	quick, err := filters.ParseAll(quick...)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind, description string
		want              bool
	}{
		{"source.local", "local source for closure-api", true},
		{"regular", "local source for skeleton-api", true},
		{"regular", exec + "build\ncd /src", true},
		{"regular", exec + "test\ncd /src", true},
		{"regular", exec + "smoke\ncp", true},
		{"regular", "[bootstrap 1/1] COPY --link --from=build /out/ /", true},
		{"regular", "[lambda 1/1] LINK COPY --link --from=test /out/ /", true},
		{"regular", exec + "deps\ncd /src", false},
		{"regular", exec + "deps-2\necho '# build' # test", false},
		{"regular", exec + "libs\ncd /src", false},
		{"regular", exec + "toolchain\n", false},
		{"regular", exec + "fetch\n", false},
		{"regular", "pulled from docker.io/library/rust:1", false},
		{"exec.cachemount", "cached mount /warm from exec /bin/sh -c set -eu # deps\ncd", false},
	} {
		got := quick.Match(filters.AdapterFunc(func(path []string) (string, bool) {
			return map[string]string{"type": c.kind, "description": c.description}[path[0]], true
		}))
		if got != c.want {
			t.Errorf("%s, %q: quick is %v", c.kind, c.description, got)
		}
	}
}

func TestTheCacheHasABoundOfTheDisk(t *testing.T) {
	for total, want := range map[int64]int64{0: 10e9, 32e9: 10e9, 512e9: 51.2e9, 4e12: 100e9} {
		all := rules(disk.DiskStat{Total: total})
		for i, r := range all[2:] {
			if r.MaxUsedSpace != want || r.ReservedSpace > r.MaxUsedSpace {
				t.Errorf("of a disk of %d bytes, rule %d is %+v", total, i+2, r)
			}
		}
		if last := all[len(all)-1]; last.Filter != nil || last.KeepDuration != 0 || !last.All {
			t.Errorf("the last rule leaves something out: %+v", last)
		}
	}
}
