package solve

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"

	"lpipe/internal/dockerfile"
)

// inFolder is a context as it is sent: below [dockerfile.Folder].
type inFolder struct{ Context }

// Walk calls fn for the folder and all that is in it, whatever the target: nothing of lpipe asks for less.
func (c inFolder) Walk(ctx context.Context, _ string, fn fs.WalkDirFunc) error {
	top := &types.Stat{Path: dockerfile.Folder, Mode: uint32(fs.ModeDir | 0o755)}
	if err := fn(top.Path, &fsutil.DirEntryInfo{Stat: top}, nil); err != nil {
		if errors.Is(err, fs.SkipDir) || errors.Is(err, fs.SkipAll) {
			return nil
		}
		return err
	}
	return c.Context.Walk(ctx, "", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		stat, ok := info.Sys().(*types.Stat)
		if !ok {
			return &fs.PathError{Op: "send", Path: name, Err: errors.ErrUnsupported}
		}
		below := stat.Clone()
		below.Path = path.Join(dockerfile.Folder, name)
		return fn(below.Path, &fsutil.DirEntryInfo{Stat: below}, nil)
	})
}

// Open opens a file of the folder.
func (c inFolder) Open(name string) (io.ReadCloser, error) {
	below, ok := strings.CutPrefix(name, dockerfile.Folder+"/")
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return c.Context.Open(below)
}
