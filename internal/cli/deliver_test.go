package cli

import (
	"strings"
	"testing"
	"testing/fstest"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
)

// FuzzTests: whatever a test wrote where the count of the tests is, the count is one, or the build has failed.
func FuzzTests(f *testing.F) {
	for _, seed := range []string{
		`{"passed":8,"failed":0,"ignored":0}`, "", "null", "[]", `{"passed":-1}`, `{"passed":1e400}`, `{"passed":99999999999999999999}`,
		`{"passed":"8"}`, `{"PASSED":8}`, `{"passed":8}{"passed":9}`, "\xff", strings.Repeat("[", 100000),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tests, err := readTests(data)
		switch {
		case err != nil && (tests != nil || fault.Worst(err) != fault.Tests):
			t.Errorf("%q: %v, %v", data, tests, err)
		case err == nil && min(tests.Passed, tests.Failed, tests.Ignored) < 0:
			t.Errorf("%q: %+v", data, tests)
		}
	})
}

// TestIncludedSizes: files that are too large together are refused by what their sizes are, and those that exceed the
// limit are not read.
func TestIncludedSizes(t *testing.T) {
	disk := fstest.MapFS{}
	for _, name := range []string{"a", "b", "c"} {
		disk["p/assets/"+name] = &fstest.MapFile{Data: make([]byte, 100<<20)}
	}
	l := &plan.Lambda{Name: "p", Package: &cargo.Package{Dir: "p"}}
	l.Build.Include = []string{"assets/**"}
	p := &project{cfg: &config.Config{}, plan: &plan.Plan{Project: plan.Project{Workspace: &cargo.Workspace{FS: disk}}}}
	entries, err := p.included(l)
	if fault.Worst(err) != fault.Artifact || !strings.Contains(err.Error(), "300.0 MiB") || len(entries) != 2 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	delete(disk, "p/assets/c")
	if entries, err := p.included(l); err != nil || len(entries) != 2 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	// A file that is not what its size says is not taken.
	if _, err := readSized(disk, "p/assets/a", 10); err == nil || !strings.Contains(err.Error(), "grew") {
		t.Error(err)
	}
}
