package reach

import (
	"crypto/sha256"
	"io"
	"io/fs"
	"sync"

	"lpipe/internal/disk"
)

// Files reads the files of a base and remembers their digests, so that a file is read once however many contexts
// hold it. It is safe for concurrent use.
type Files struct {
	fsys  fs.FS    // rooted at the base
	sums  sync.Map // path -> *known
	lists sync.Map // folder -> *list
}

// content is what a file held when it was read.
type content struct {
	sum  [sha256.Size]byte
	size int64
}

func contentOf(data []byte) content { return content{sha256.Sum256(data), int64(len(data))} }

type known struct {
	once sync.Once
	content
	err error
}

type list struct {
	once    sync.Once
	entries []fs.FileInfo
	err     error
}

// NewFiles returns the files of fsys.
func NewFiles(fsys fs.FS) *Files { return &Files{fsys: fsys} }

// Sum returns the SHA-256 and the size of the named file's content, as it was when the file was first read. Of one that
// grows meanwhile it is what was there at the beginning.
func (f *Files) Sum(name string) (sum [sha256.Size]byte, size int64, err error) {
	v, _ := f.sums.LoadOrStore(name, new(known))
	s := v.(*known)
	s.once.Do(func() {
		r, err := f.fsys.Open(name)
		if err != nil {
			s.err = err
			return
		}
		defer r.Close()
		h := sha256.New()
		info, err := r.Stat()
		if err == nil {
			s.size, err = io.Copy(h, io.LimitReader(r, info.Size()))
		}
		if s.err = err; err == nil {
			h.Sum(s.sum[:0])
		}
	})
	return s.sum, s.size, s.err
}

// maxFile bounds what is read of ignore files and of cargo's configuration, in bytes.
const maxFile = 16 << 20

// Read returns the content of a small file and remembers its digest.
func (f *Files) Read(name string) ([]byte, error) {
	data, err := disk.Read(f.fsys, name, maxFile)
	if err == nil {
		f.know(name, contentOf(data))
	}
	return data, err
}

// know remembers the content of a file that was read by other means.
func (f *Files) know(name string, is content) {
	v, _ := f.sums.LoadOrStore(name, new(known))
	s := v.(*known)
	s.once.Do(func() { s.content = is })
}

// List returns what is in a folder, sorted by name, links not followed. It is read once.
func (f *Files) List(dir string) ([]fs.FileInfo, error) {
	v, _ := f.lists.LoadOrStore(dir, new(list))
	l := v.(*list)
	l.once.Do(func() {
		entries, err := fs.ReadDir(f.fsys, dir)
		l.err = err
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				continue // removed meanwhile
			}
			l.entries = append(l.entries, info)
		}
	})
	return l.entries, l.err
}

// FS returns the file system that is rooted at the base.
func (f *Files) FS() fs.FS { return f.fsys }
