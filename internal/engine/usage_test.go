package engine

import (
	"slices"
	"testing"

	"github.com/moby/buildkit/client"
)

func TestUsageIsSummedByKind(t *testing.T) {
	kinds, total := usage([]*client.UsageInfo{
		{Size: 5, RecordType: client.UsageRecordTypeCacheMount},
		{Size: 3, InUse: true},
		{Size: 2, RecordType: client.UsageRecordTypeRegular},
		{Size: 7, RecordType: client.UsageRecordTypeCacheMount, InUse: true},
	})
	want := []Usage{{Kind: "exec cachemount", Count: 2, Size: 12, Removable: 5}, {Kind: "regular", Count: 2, Size: 5, Removable: 2}}
	if !slices.Equal(kinds, want) || total != (Usage{Count: 4, Size: 17, Removable: 7}) {
		t.Errorf("%+v, %+v", kinds, total)
	}
}
