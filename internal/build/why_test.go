package build

import (
	"reflect"
	"testing"

	"lpipe/internal/since"
)

func TestWhatDiffersFromARecord(t *testing.T) {
	was := record{
		kindSettings: {"profile": "1", "env": "2"}, kindSources: {"a.rs": "1", "gone.rs": "1"},
		kindDependencies: {"itoa": "1.0.0 aa", "ryu": "1.0.0 bb, 2.0.0 cc"}, kindImage: {"rust:1": "sha256:1"},
	}
	if got := was.differ(was); got != nil {
		t.Errorf("it differs from itself: %v", got)
	}
	now := record{
		kindSettings: {"profile": "2", "env": "2"}, kindSources: {"a.rs": "2", "new.rs": "1"},
		kindDependencies: {"itoa": "1.0.1 aa", "ryu": "1.0.0 bb", "serde": "1.0.0 dd"}, kindImage: {"rust:1": "sha256:2"},
	}
	want := []since.Change{
		{Kind: kindSettings, Names: []string{"profile"}},
		{Kind: kindSources, Names: []string{"a.rs", "gone.rs", "new.rs"}},
		{Kind: kindDependencies, Names: []string{"itoa 1.0.0 to 1.0.1", "ryu 1.0.0 and 2.0.0 to 1.0.0", "serde none to 1.0.0"}},
		{Kind: kindImage, Names: []string{"rust:1"}},
	}
	if got := was.differ(now); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
