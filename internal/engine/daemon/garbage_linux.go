package daemon

import (
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/disk"
)

// How much of a disk the cache may have, in bytes. Above most it shrinks; so it does where less than spare is free, but not
// below least. A laptop of 512 GB gives it 51 GB.
const (
	leastMost = 10e9
	mostMost  = 100e9 // as buildkitd
	least     = 5e9
	leftover  = 512e6 // what is quick to make again is kept for longer as long as the cache is no larger, as with buildkitd
)

var mounts = []string{"type==exec.cachemount"}

// gcPolicy is what is removed after builds, rule by rule, of what no build uses. What takes long to make, the compiled
// dependencies before all, goes last.
func gcPolicy(c Config) []client.PruneInfo {
	stat, _ := disk.GetDiskStat(c.Root) // zero when unknown
	return rules(stat, c.Quick)
}

func rules(stat disk.DiskStat, quick []string) []client.PruneInfo {
	const day = 24 * time.Hour
	most := min(max(stat.Total/10, leastMost), mostMost)
	spare := stat.Total / 10
	bounded := func(keep time.Duration, all bool, filter ...string) client.PruneInfo {
		return client.PruneInfo{Filter: filter, KeepDuration: keep, All: all, MaxUsedSpace: most, MinFreeSpace: spare, ReservedSpace: least}
	}
	return []client.PruneInfo{
		{Filter: quick, KeepDuration: 7 * day, MaxUsedSpace: leftover},
		{Filter: mounts, KeepDuration: 30 * day, MaxUsedSpace: leftover},
		bounded(day, false, quick...),
		bounded(60*day, false),
		bounded(0, false),
		bounded(0, true),
	}
}
