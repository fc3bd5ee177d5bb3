package cargo

import (
	"fmt"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
)

func TestProjects(t *testing.T) {
	tree := fstest.MapFS{}
	for _, name := range []string{
		"b/Cargo.toml", "b/member/Cargo.toml", "a/deep/er/Cargo.toml", ".git/x/Cargo.toml", "target/x/Cargo.toml", "a/node_modules/x/Cargo.toml",
		"vendor/x/Cargo.toml", "vendor/x/.cargo-checksum.json", "c/Cargo.toml/x", "docs/README.md",
	} {
		tree[name] = &fstest.MapFile{}
	}
	for dir, want := range map[string][]string{".": {"a/deep/er", "b"}, "a": {"a/deep/er"}, "b": {"b"}, "docs": nil} {
		if got, err := Projects(tree, dir); err != nil || !slices.Equal(got, want) {
			t.Errorf("below %s: %q, %v, want %q", dir, got, err, want)
		}
	}
	for dir, want := range map[string]bool{".": false, "b": true, "b/member/src": true, "a/deep": false, "gone": false} {
		if got := InProject(disk.Disk{FS: tree}, dir); got != want {
			t.Errorf("%s lies in a project: %v", dir, got)
		}
	}
	if _, err := Projects(tree, "gone"); fault.Worst(err) != fault.Usage {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestTheSearchForProjectsEnds(t *testing.T) {
	_, err := Projects(crowd{}, ".")
	if fault.Worst(err) != fault.Usage {
		t.Errorf("too many folders: %v", err)
	}
}

// crowd is a folder with more empty ones than are looked through.
type crowd struct{}

func (crowd) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (crowd) Stat(name string) (fs.FileInfo, error) {
	if name == "." {
		return folder("."), nil
	}
	return nil, fs.ErrNotExist
}

func (crowd) ReadDir(dir string) ([]fs.DirEntry, error) {
	if dir != "." {
		return nil, nil
	}
	all := make([]fs.DirEntry, maxFolders+1)
	for i := range all {
		all[i] = fs.FileInfoToDirEntry(folder(fmt.Sprint(i)))
	}
	return all, nil
}

type folder string

var _ fs.FileInfo = folder("")

func (f folder) Name() string       { return string(f) }
func (f folder) Size() int64        { return 0 }
func (f folder) Mode() fs.FileMode  { return fs.ModeDir | 0o755 }
func (f folder) ModTime() time.Time { return time.Time{} }
func (f folder) IsDir() bool        { return true }
func (f folder) Sys() any           { return nil }
