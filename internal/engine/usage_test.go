package engine

import (
	"reflect"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/pkg/filters"
	"github.com/moby/buildkit/client"

	"lpipe/internal/dockerfile"
)

func TestUsageIsSummedByKindAndProject(t *testing.T) {
	warm := func(owner string) string {
		return `cached mount /warm from exec /bin/sh -c set -eu # deps
cd /src # with id "no" with id "lpipe-warm-0f-` + owner + `"`
	}
	k := kept([]*client.UsageInfo{
		{Size: 5, RecordType: client.UsageRecordTypeCacheMount, Description: `cached mount /downloads from exec /bin/sh -c x with id "lpipe-downloads"`},
		{Size: 3, InUse: true, Description: "mount / from exec /bin/sh -c set -eu # strata\ncd /src"},
		{Size: 2, RecordType: client.UsageRecordTypeRegular, Description: "mount / from exec /bin/sh -c y"},
		{Size: 7, RecordType: client.UsageRecordTypeCacheMount, InUse: true, Description: `cached mount /downloads from exec /bin/sh -c x with id "lpipe-downloads"`},
		{Size: 4, RecordType: client.UsageRecordTypeRegular, Description: "pulled from docker.io/library/rust:1"},
		{Size: 1, RecordType: client.UsageRecordTypeLocalSource, Description: "local source for closure-api@ab"},
		{Size: 1, RecordType: client.UsageRecordTypeRegular, Description: "local source for skeleton-a:b@0c"},
		{Size: 1, Description: "[lambda 1/1] LINK COPY --link --from=test /lpipe/out/ /"},
		{Size: 1, Description: "mount / from exec /bin/sh -c set -eu # build\ncd /src"},
		{Size: 1, Description: "[other 1/1] COPY a b"},
		{Size: 1, Description: "[lambda-stated 1/1] COPY --link"},
		{Size: 8, RecordType: client.UsageRecordTypeCacheMount, Description: warm("ab")},
		{Size: 9, RecordType: client.UsageRecordTypeCacheMount, InUse: true, Description: warm("ab")},
	})
	sources := Usage{Kind: "sources", Count: 1, Size: 1, Removable: 1}
	shared := []Usage{
		{Kind: "downloaded crates", Count: 2, Size: 12, Removable: 5},
		{Kind: "base images", Count: 1, Size: 4, Removable: 4},
		{Kind: "compiled dependencies", Count: 1, Size: 3},
		{Kind: "other steps", Count: 2, Size: 3, Removable: 3},
		{Kind: "programs", Count: 3, Size: 3, Removable: 3},
	}
	compiled := Usage{Kind: "compiled dependencies kept for the next build", Count: 2, Size: 17, Removable: 8}
	want := Kept{
		Kinds:    append(append([]Usage{compiled}, shared...), Usage{Kind: "sources", Count: 2, Size: 2, Removable: 2}),
		Total:    Usage{Count: 13, Size: 44, Removable: 25},
		Shared:   shared,
		Projects: map[string][]Usage{"ab": {compiled, sources}, "0c": {sources}},
	}
	if !reflect.DeepEqual(k, want) {
		t.Errorf("%+v\nwant %+v", k, want)
	}
}

// TestEachStageHasAKind: what a step of any stage leaves is called by the table of stages.
func TestEachStageHasAKind(t *testing.T) {
	filter, err := filters.ParseAll(quick()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range dockerfile.Stages() {
		if s.Title == "" && s.Files == nil {
			continue // there is no step in it
		}
		for _, description := range []string{"mount / from exec /bin/sh -c " + dockerfile.StepMark + s.Name + "\ncd /src", "[" + s.Name + " 1/1] COPY"} {
			r := &client.UsageInfo{Description: description}
			if got := kind(r); got != s.Keeps || got == "" {
				t.Errorf("%q is %q, want %q", description, got, s.Keeps)
			}
			fits := filter.Match(filters.AdapterFunc(func(path []string) (string, bool) { return description, path[0] == "description" }))
			if fits != s.Quick {
				t.Errorf("%q: quick is %v", description, fits)
			}
		}
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
		if got := kept(prunable(records, c.p, now)).Total.Size; got != c.want {
			t.Errorf("%+v: %d bytes, want %d", c.p, got, c.want)
		}
	}
}

// TestWhatIsQuickToMakeIsCollectedFirst has the descriptions that BuildKit gives to records of lpipe's Dockerfile.
func TestWhatIsQuickToMakeIsCollectedFirst(t *testing.T) {
	const exec = "mount / from exec /bin/sh -c set -eu # "
	filter, err := filters.ParseAll(quick()...)
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
		{"regular", "[bootstrap 1/1] COPY --link --from=build /lpipe/out/ /", true},
		{"regular", "[lambda 1/1] LINK COPY --link --from=test /lpipe/out/ /", true},
		{"regular", exec + "deps\ncd /src", false},
		{"regular", exec + "deps-2\necho '# build' # test", false},
		{"regular", exec + "libs\ncd /src", false},
		{"regular", exec + "toolchain\n", false},
		{"regular", exec + "fetch\n", false},
		{"regular", "pulled from docker.io/library/rust:1", false},
		{"exec.cachemount", "cached mount /warm from exec /bin/sh -c set -eu # deps\ncd", false},
	} {
		got := filter.Match(filters.AdapterFunc(func(path []string) (string, bool) {
			return map[string]string{"type": c.kind, "description": c.description}[path[0]], true
		}))
		if got != c.want {
			t.Errorf("%s, %q: quick is %v", c.kind, c.description, got)
		}
	}
}

// TestWhatIsBesideTheEngineIsListedByItsSize: as what an engine keeps is, the largest first.
func TestWhatIsBesideTheEngineIsListedByItsSize(t *testing.T) {
	kept := Kept{Kinds: []Usage{{Kind: "programs", Count: 1, Size: 5, Removable: 5}}, Total: Usage{Count: 1, Size: 5, Removable: 5}}
	kept.AddShared(Usage{Kind: "images", Count: 2, Size: 7, Removable: 1})
	if len(kept.Kinds) != 2 || kept.Kinds[0].Kind != "images" || len(kept.Shared) != 1 || kept.Total != (Usage{Count: 3, Size: 12, Removable: 6}) {
		t.Errorf("%+v", kept)
	}
	if kept.AddShared(Usage{Kind: "nothing"}); len(kept.Kinds) != 2 {
		t.Errorf("%+v", kept)
	}
}
