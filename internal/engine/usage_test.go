package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
)

func TestUsageIsSummedByKind(t *testing.T) {
	kinds, total := usage([]*client.UsageInfo{
		{Size: 5, RecordType: client.UsageRecordTypeCacheMount, Description: "cached mount /downloads from exec /bin/sh -c x"},
		{Size: 3, InUse: true, Description: "mount / from exec /bin/sh -c set -eu # strata-2\ncd /src"},
		{Size: 2, RecordType: client.UsageRecordTypeRegular, Description: "mount / from exec /bin/sh -c y"},
		{Size: 7, RecordType: client.UsageRecordTypeCacheMount, InUse: true, Description: "cached mount /downloads from exec /bin/sh -c x"},
		{Size: 4, RecordType: client.UsageRecordTypeRegular, Description: "pulled from docker.io/library/rust:1"},
		{Size: 1, RecordType: client.UsageRecordTypeLocalSource, Description: "local source for closure"},
		{Size: 1, RecordType: client.UsageRecordTypeRegular, Description: "local source for skeleton-api"},
		{Size: 1, Description: "[lambda 1/1] LINK COPY --link --from=test /out/ /"},
		{Size: 1, Description: "mount / from exec /bin/sh -c set -eu # build\ncd /src"},
		{Size: 1, Description: "[other 1/1] COPY a b"},
		{Size: 1, Description: "[lambda-stated 1/1] COPY --link"},
	})
	want := []Usage{
		{Kind: "downloaded crates", Count: 2, Size: 12, Removable: 5},
		{Kind: "base images", Count: 1, Size: 4, Removable: 4},
		{Kind: "compiled dependencies", Count: 1, Size: 3},
		{Kind: "other steps", Count: 2, Size: 3, Removable: 3},
		{Kind: "programs", Count: 3, Size: 3, Removable: 3},
		{Kind: "sources of projects", Count: 2, Size: 2, Removable: 2},
	}
	if !slices.Equal(kinds, want) || total != (Usage{Count: 11, Size: 27, Removable: 17}) {
		t.Errorf("%+v, %+v", kinds, total)
	}
}

func TestPrunable(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	record := func(size int64, ago time.Duration, change func(*client.UsageInfo)) *client.UsageInfo {
		at := now.Add(-ago)
		r := &client.UsageInfo{Size: size, LastUsedAt: &at}
		if change != nil {
			change(r)
		}
		return r
	}
	records := []*client.UsageInfo{
		record(1, time.Hour, nil),
		record(2, 72*time.Hour, nil),
		record(4, 24*time.Hour, func(r *client.UsageInfo) { r.RecordType = client.UsageRecordTypeCacheMount }),
		record(8, 90*time.Hour, func(r *client.UsageInfo) { r.InUse = true }),
		record(16, 0, func(r *client.UsageInfo) { r.LastUsedAt, r.CreatedAt = nil, now.Add(-96*time.Hour) }),
	}
	for _, c := range []struct {
		p    Prune
		want int64
	}{
		{Prune{}, 23},
		{Prune{MountsOnly: true}, 4},
		{Prune{Keep: 30 * time.Hour}, 18},
		{Prune{KeepBytes: 31}, 0},
		{Prune{KeepBytes: 20}, 16},
		{Prune{KeepBytes: 14}, 18},
		{Prune{KeepBytes: 1}, 23},
		{Prune{Keep: 30 * time.Hour, KeepBytes: 1}, 18},
	} {
		if _, total := usage(prunable(records, c.p, now)); total.Size != c.want {
			t.Errorf("%+v: %d bytes, want %d", c.p, total.Size, c.want)
		}
	}
}
