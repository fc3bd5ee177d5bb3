package daemon

import (
	"testing"

	"github.com/moby/buildkit/util/disk"
)

func TestTheCacheHasABoundOfTheDisk(t *testing.T) {
	for total, want := range map[int64]int64{0: 10e9, 32e9: 10e9, 512e9: 51.2e9, 4e12: 100e9} {
		all := rules(disk.DiskStat{Total: total}, []string{"type==source.local"})
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
