package serve

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"time"
)

// Files is the state of files and folders: what tells that one may have changed.
type Files map[string]state

type state struct {
	mode     fs.FileMode
	size     int64
	modified time.Time
}

// Look returns the state of the files and folders at these paths. One that is not there has a state too. Files that come or
// go change the folder that they are in.
func Look(paths []string) Files {
	files := Files{}
	for _, path := range paths {
		var s state
		if info, err := os.Lstat(path); err == nil {
			s = state{info.Mode(), info.Size(), info.ModTime()}
			if info.IsDir() {
				s.size = 0
			}
		}
		files[path] = s
	}
	return files
}

// interval is how often [Files.Wait] looks: no person notices a tenth of a second, and looking at a thousand files takes a
// few milliseconds.
const interval = 100 * time.Millisecond

// Wait returns when one of the files changed, and then nothing for an interval; or with the error of ctx.
func (f Files) Wait(ctx context.Context) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	paths := make([]string, 0, len(f))
	for path := range f {
		paths = append(paths, path)
	}
	before, changed := f, false
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		now := Look(paths)
		if same := maps.Equal(now, before); same && changed {
			return nil
		} else if !same {
			before, changed = now, true
		}
	}
}
