package solve

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"

	"lpipe/internal/dockerfile"
)

// tree is a context that is told from others by its address.
type tree struct {
	fsutil.FS
	name string
}

func (t *tree) Paths() []string { return []string{t.name} }

// Walk has one file, of the tree's name.
func (t *tree) Walk(_ context.Context, _ string, fn fs.WalkDirFunc) error {
	return fn(t.name, &fsutil.DirEntryInfo{Stat: &types.Stat{Path: t.name, Mode: 0o644}}, nil)
}

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
			if got := walked(t, mounts[j.mounts[name]]); !slices.Equal(got, []string{"files", "files/" + want.Digest()}) {
				t.Errorf("%s: the context %s is sent as %q, which has %q", j.Label, name, j.mounts[name], got)
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

// walked are the paths of what is sent.
func walked(t *testing.T, sent fsutil.FS) (paths []string) {
	t.Helper()
	err := sent.Walk(t.Context(), "/", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if stat := info.Sys().(*types.Stat); stat.Path != name || stat.Mode != uint32(info.Mode()) {
			t.Errorf("%s is sent as %q with the mode %v, which is %v", name, stat.Path, stat.Mode, info.Mode())
		}
		paths = append(paths, name)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return paths
}

// onDisk is a context of files that are there.
type onDisk struct{ fsutil.FS }

func (*onDisk) Paths() []string { return nil }
func (*onDisk) Digest() string  { return "" }
func (*onDisk) Err() error      { return nil }

func TestContextsAreSentInAFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "src"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "src", "main.rs"), []byte("fn main() {}"), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := fsutil.NewFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	sent, err := inFolder(&onDisk{files})
	if err != nil {
		t.Fatal(err)
	}
	if paths, want := walked(t, sent), []string{"files", "files/src", "files/src/main.rs"}; !slices.Equal(paths, want) {
		t.Errorf("sent %q, want %q", paths, want)
	}
	file, err := sent.Open("files/src/main.rs")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(file)
	if err := errors.Join(err, file.Close()); err != nil || string(text) != "fn main() {}" {
		t.Errorf("read %q, %v", text, err)
	}
	if _, err := sent.Open("src/main.rs"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file beside the folder: %v", err)
	}
}
