package skeleton

import (
	"bytes"
	"path"
	"slices"
)

// maxLFSPointer bounds the text of a pointer in bytes, and lfsVersion begins it:
// https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
const (
	maxLFSPointer = 1024
	lfsVersion    = "version https://git-lfs.github.com/spec/v1\n"
)

// LFSPointer reports that git put the text of a pointer of Git LFS in the place of a file.
func LFSPointer(data []byte) bool {
	return len(data) < maxLFSPointer && bytes.HasPrefix(data, []byte(lfsVersion))
}

// LFSPointers are the paths of the files that are pointers of Git LFS, sorted.
func (t *Tree) LFSPointers() []string {
	var all []string
	for _, e := range t.entries {
		source := path.Ext(e.path) == ".rs" || path.Ext(e.path) == ".toml"
		if e.made || source || !e.mode.IsRegular() || e.size <= int64(len(lfsVersion)) || e.size >= maxLFSPointer {
			continue
		}
		if data, err := t.ReadFile(e.path); err == nil && LFSPointer(data) {
			all = append(all, e.path)
		}
	}
	slices.Sort(all)
	return all
}
