package solve

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tonistiigi/fsutil"

	"lpipe/internal/dockerfile"
)

// tree is a context that is told from others by its address.
type tree struct {
	fsutil.FS
	name string
}

func (t *tree) Paths() []string { return []string{t.name} }

func (t *tree) Digest() string { return t.name }

func (*tree) Err() error { return nil }

func TestContextsAreSentOnce(t *testing.T) {
	skeleton, api, jobs := &tree{name: "skeleton"}, &tree{name: "api"}, &tree{name: "jobs"}
	job := func(label string, closure Context) *Job {
		return &Job{Label: label, Contexts: map[string]Context{dockerfile.Skeleton: skeleton, dockerfile.Closure: closure}}
	}
	// Two programs of one package have one closure; two lambdas must not be mistaken for each other by their labels.
	all := []*Job{job("api/arm64", api), job("api/x86_64", api), job("api-arm64", jobs)}
	mounts, stores, err := contexts(all)
	if err != nil {
		t.Fatal(err)
	}
	if len(mounts) != 3 || len(stores) != 0 {
		t.Errorf("contexts %q and %d stores, want three and none", slices.Sorted(maps.Keys(mounts)), len(stores))
	}
	for _, j := range all {
		for name, want := range j.Contexts {
			if got := mounts[j.mounts[name]]; got != want {
				t.Errorf("%s: the context %s is sent as %q, which is %v", j.Label, name, j.mounts[name], got)
			}
		}
	}
}

// sameTree is one context by several names.
func sameTree(c Context, names ...string) map[string]Context {
	all := map[string]Context{}
	for _, name := range names {
		all[name] = c
	}
	return all
}

func TestContextsKeepTheirNames(t *testing.T) {
	name := func() string {
		j := &Job{Label: "api", Contexts: sameTree(&tree{}, dockerfile.Closure, dockerfile.Tests)}
		if _, _, err := contexts([]*Job{j}); err != nil {
			t.Fatal(err)
		}
		return j.mounts[dockerfile.Closure]
	}
	first := name()
	for range 20 {
		if again := name(); first != again {
			t.Fatalf("the same context is called %q, then %q: the engine would be sent all of it again", first, again)
		}
	}
}

func TestBasesAreStoresByFolder(t *testing.T) {
	one, two := layout(t), layout(t)
	all := []*Job{{Label: "a", Base: &Layout{Dir: one}}, {Label: "b", Base: &Layout{Dir: two}}, {Label: "c", Base: &Layout{Dir: one}}, {Label: "d"}}
	_, stores, err := contexts(all)
	if err != nil {
		t.Fatal(err)
	}
	a, b, c, d := all[0].baseStore, all[1].baseStore, all[2].baseStore, all[3].baseStore
	if len(stores) != 2 || a != c || a == b || stores[a] == nil || stores[b] == nil || d != "" {
		t.Errorf("stores %q; the jobs have %q, %q, %q and %q", slices.Sorted(maps.Keys(stores)), a, b, c, d)
	}
}

// layout is a folder that can be opened as an OCI layout.
func layout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
