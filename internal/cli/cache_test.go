package cli

import (
	"strings"
	"testing"

	"lpipe/internal/build"
	"lpipe/internal/engine"
)

func TestWhatIsKeptIsListedByProject(t *testing.T) {
	var out strings.Builder
	a := &app{Streams: Streams{Out: &out}}
	warm := engine.Usage{Kind: "compiled dependencies kept for the next build", Count: 2, Size: 300 << 20, Removable: 300 << 20}
	sources := engine.Usage{Kind: "sources", Count: 12, Size: 5 << 10, Removable: 0}
	kept := engine.Kept{
		Total:    engine.Usage{Count: 27, Size: 2 << 30, Removable: 1 << 30},
		Shared:   []engine.Usage{{Kind: "base images", Count: 1, Size: 1 << 30, Removable: 1 << 30}},
		Projects: map[string][]engine.Usage{"ab": {warm, sources}, "cd": {sources}},
	}
	a.printKept(kept, []build.KeptProject{{Folder: "/home/me/shop", Kinds: kept.Projects["ab"]}, {Kinds: kept.Projects["cd"]}}, true)
	const want = `KIND                                             RECORDS        SIZE   REMOVABLE
/home/me/shop
  compiled dependencies kept for the next build        2   300.0 MiB   300.0 MiB
  sources                                             12       5 KiB         0 B
projects that were not built here
  sources                                             12       5 KiB         0 B
all projects
  base images                                          1     1.0 GiB     1.0 GiB
total                                                 27     2.0 GiB     1.0 GiB
`
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
	for line := range strings.Lines(want) {
		if len(line) > 81 {
			t.Errorf("does not fit on a terminal: %q", line)
		}
	}
}
