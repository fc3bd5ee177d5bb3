package skeleton

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"

	"lpipe/internal/cargo"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/parallel"
	"lpipe/internal/reach"
)

// modTime is the time of everything, in nanoseconds: 2001-09-09 01:46:40 UTC. It lies in the past, so that cargo never
// takes a source for newer than what was compiled from it. It tells nothing of the content: BuildKit's receiver compares
// size, time and mode alone, and two contents with equal ones can always be found. So whoever sends a tree has the engine
// compare it with one of the same [Tree.Digest] only.
const modTime = 1_000_000_000_000_000_000

// Tree is a set of files. It is an [fsutil.FS], which BuildKit can be sent from. It does not change once made and is
// safe for concurrent use.
type Tree struct {
	files   *reach.Files
	entries map[string]*entry
	order   []*entry                 // as sent
	digest  string                   // set by hash
	reader  func(name string) string // what may read a file, "" for nothing; nil where all are in memory

	real func() map[string]string // as of Real

	mu  sync.Mutex
	err fault.List // files that changed while they were sent
}

var _ fsutil.FS = (*Tree)(nil)

type entry struct {
	path string
	mode fs.FileMode // 0644 or 0755, or that of a folder or link
	size int64
	data content // of a file that is made here
	made bool
	stub bool // made for a package that is not there
	link string
	sum  [sha256.Size]byte
}

// File is a file in memory.
type File struct {
	Path       string // one that ends in a slash is a folder
	Data       []byte
	Executable bool
}

// Made returns a tree of such files.
func Made(files []File) *Tree {
	t := newTree(nil)
	for _, f := range files {
		if dir, ok := strings.CutSuffix(f.Path, "/"); ok {
			t.add(&entry{path: dir, mode: fs.ModeDir | 0o755})
			continue
		}
		t.write(f.Path, f.Data)
		if f.Executable {
			t.entries[f.Path].mode = 0o755
		}
	}
	t.hash() // what is in memory can be read
	return t
}

func newTree(files *reach.Files) *Tree {
	t := &Tree{files: files, entries: map[string]*entry{}}
	t.real = sync.OnceValue(t.findReal)
	return t
}

// write adds a file that is made here, or replaces one.
func (t *Tree) write(name string, data []byte) {
	t.writePieces(name, content{data})
}

func (t *Tree) writePieces(name string, data content) {
	t.add(&entry{path: name, mode: 0o644, size: data.size(), data: data, made: true})
}

// writeStub is write for a file of a stub.
func (t *Tree) writeStub(name string, data []byte) {
	t.write(name, data)
	t.entries[name].stub = true
}

// Stub reports that the file is one of a stub, and nothing of the project.
func (t *Tree) Stub(name string) bool {
	e := t.entries[name]
	return e != nil && e.stub
}

// add adds an entry and the folders above it. A folder takes the place of a link, as a package that is reached
// through a link is sent in full.
func (t *Tree) add(e *entry) {
	if old := t.entries[e.path]; old != nil && old.mode.IsDir() {
		return
	}
	t.entries[e.path] = e
	t.order = nil
	for dir := path.Dir(e.path); dir != "."; dir = path.Dir(dir) {
		if old := t.entries[dir]; old != nil && old.mode.IsDir() {
			return
		}
		t.entries[dir] = &entry{path: dir, mode: fs.ModeDir | 0o755}
	}
}

// remove takes out an entry and the folders above it that held nothing else.
func (t *Tree) remove(name string) {
	delete(t.entries, name)
	t.order = nil
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		for other := range t.entries {
			if other != dir && cargo.Within(dir, other) {
				return
			}
		}
		delete(t.entries, dir)
	}
}

// without takes out what base has too, but for folders above what is left.
func (t *Tree) without(base *Tree) {
	left := newTree(t.files)
	for name, e := range t.entries {
		if !e.mode.IsDir() && !e.equal(base.entries[name]) {
			left.add(e)
		}
	}
	t.entries, t.order = left.entries, nil
}

// equal reports that an entry of another tree of the same files, which may be nil, has the same content.
func (e *entry) equal(other *entry) bool {
	return other != nil && e.mode == other.mode && e.made == other.made && e.link == other.link && e.data.equal(other.data)
}

// Paths returns all files and links, sorted.
func (t *Tree) Paths() []string {
	var all []string
	for _, e := range t.entries {
		if !e.mode.IsDir() {
			all = append(all, e.path)
		}
	}
	slices.Sort(all)
	return all
}

// ReadFile returns a file's content; of a link, it is where it points to.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	e := t.entries[name]
	if e != nil && e.mode&fs.ModeSymlink != 0 {
		return []byte(e.link), nil
	}
	if e == nil || !e.mode.IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	if e.made {
		return e.data.bytes(), nil
	}
	return fs.ReadFile(t.files.FS(), e.path)
}

// Sum returns the SHA-256 of what [Tree.ReadFile] returned when the tree was made, without reading it again.
func (t *Tree) Sum(name string) ([sha256.Size]byte, error) {
	e := t.entries[name]
	switch {
	case e == nil || e.mode.IsDir():
		return [sha256.Size]byte{}, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	case e.mode.IsRegular():
		return e.sum, nil
	default:
		return sha256.Sum256([]byte(e.link)), nil
	}
}

// Real are the files and links that are no stub's, by their names: the mode of each and the digest of what it holds, in words.
// A build with many lambdas asks for those of what closures are laid over once for each, and they are few there.
func (t *Tree) Real() map[string]string { return t.real() }

func (t *Tree) findReal() map[string]string {
	all := map[string]string{}
	for name, e := range t.entries {
		if sum, err := t.Sum(name); err == nil && !e.stub {
			all[name] = fmt.Sprintf("%s %x", e.mode, sum)
		}
	}
	return all
}

// Size returns the sum of the sizes of all files in bytes.
func (t *Tree) Size() int64 {
	var n int64
	for _, e := range t.entries {
		n += e.size
	}
	return n
}

// Folder is a folder and the size in bytes of all files below it.
type Folder struct {
	Path string
	Size int64
}

// Largest returns up to n of the largest folders. One whose weight is all in one folder below it gives way to
// that one.
func (t *Tree) Largest(n int) []Folder {
	sizes := map[string]int64{}
	for _, e := range t.entries {
		for dir := path.Dir(e.path); !e.mode.IsDir() && dir != "."; dir = path.Dir(dir) {
			sizes[dir] += e.size
		}
		if !e.mode.IsDir() && path.Dir(e.path) == "." {
			sizes[e.path] += e.size // a file at the top stands for itself
		}
	}
	child := map[string]int64{}
	for dir, size := range sizes {
		child[path.Dir(dir)] = max(child[path.Dir(dir)], size)
	}
	var all []Folder
	for dir, size := range sizes {
		if size > 0 && child[dir] < size-size/10 {
			all = append(all, Folder{dir, size})
		}
	}
	slices.SortFunc(all, func(a, b Folder) int {
		if a.Size != b.Size {
			return int(min(max(b.Size-a.Size, -1), 1))
		}
		return strings.Compare(a.Path, b.Path)
	})
	return all[:min(n, len(all))]
}

// Digest returns a hash of all that is sent: paths, modes, links and contents.
func (t *Tree) Digest() string { return t.digest }

// hash reads every file once, several at a time, sets the digest, and returns the files that cannot be read.
func (t *Tree) hash() []problem {
	var (
		mu  sync.Mutex
		bad []problem
	)
	entries := t.sorted()
	parallel.Each(parallel.Workers(len(entries), 1), len(entries), func(_, i int) {
		e, err := entries[i], error(nil)
		switch {
		case !e.mode.IsRegular():
		case e.made:
			e.sum = e.data.sum()
		default:
			e.sum, e.size, err = t.files.Sum(e.path)
		}
		if err != nil {
			mu.Lock()
			bad = append(bad, unreadable(e.path, err))
			mu.Unlock()
		}
	})
	var all []byte
	for _, e := range entries {
		all = strconv.AppendQuote(all, e.path)
		all = strconv.AppendUint(all, uint64(e.mode), 8)
		all = strconv.AppendQuote(all, e.link)
		all = append(all, e.sum[:]...)
	}
	digest := sha256.Sum256(all)
	t.digest = hex.EncodeToString(digest[:])
	return bad
}

func unreadable(name string, err error) problem {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	if out := disk.Outside(err); out != nil {
		return problem{name: name, why: err.Error(), fix: out.Fix() + "; or exclude it in .lpipeignore"}
	}
	const fix = "make them readable for the user who runs lpipe, or exclude them in .lpipeignore"
	return problem{name: name, why: err.Error(), fix: fix, gone: errors.Is(err, fs.ErrNotExist)}
}

// sorted returns the entries as BuildKit wants them: by path, a folder's content right after it.
func (t *Tree) sorted() []*entry {
	if t.order == nil {
		for _, e := range t.entries {
			t.order = append(t.order, e)
		}
		slices.SortFunc(t.order, func(a, b *entry) int { return fsutil.ComparePath(a.path, b.path) })
	}
	return t.order
}

// Walk calls fn for the entries at and below target, in the order in which BuildKit receives them. Their
// [fs.FileInfo] carries a [types.Stat] with owner 0.
func (t *Tree) Walk(ctx context.Context, target string, fn fs.WalkDirFunc) error {
	target = strings.TrimPrefix(path.Clean("/"+target), "/")
	if target == "" {
		target = "."
	}
	skip := ""
	for _, e := range t.sorted() {
		if !cargo.Within(target, e.path) || skip != "" && cargo.Within(skip, e.path) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		err := fn(e.path, &fsutil.DirEntryInfo{Stat: t.stat(e)}, nil)
		switch {
		case errors.Is(err, fs.SkipAll):
			return nil
		case errors.Is(err, fs.SkipDir) && e.mode.IsDir():
			skip = e.path
		case errors.Is(err, fs.SkipDir):
			skip = path.Dir(e.path)
			if skip == "." {
				return nil
			}
		case err != nil:
			return err
		}
	}
	return nil
}

func (t *Tree) stat(e *entry) *types.Stat {
	s := &types.Stat{Path: e.path, Mode: uint32(e.mode), ModTime: modTime, Linkname: e.link}
	if e.mode.IsRegular() {
		s.Size = e.size
	}
	return s
}

// Open opens a file for sending. One that has only grown since the tree was made, as a log does, is sent as it was. Any
// other that changed is sent as it is now, and [Tree.Err] reports it unless it is a passing one that nothing reads: fsutil sends a
// file that cannot be opened as an empty one, and waits for ever after an error while reading.
func (t *Tree) Open(name string) (io.ReadCloser, error) {
	e := t.entries[path.Clean(name)]
	if e == nil || !e.mode.IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if e.made {
		return io.NopCloser(e.data.reader()), nil
	}
	f, err := t.files.FS().Open(e.path)
	if err != nil {
		t.changed(e, err)
		return io.NopCloser(strings.NewReader("")), nil
	}
	bounded := struct {
		io.Reader
		io.Closer
	}{io.LimitReader(f, e.size), f}
	return &sending{ReadCloser: bounded, tree: t, entry: e, hash: sha256.New()}, nil
}

// Err returns the usage faults of files that changed while they were sent. What was built from them must not be
// used.
func (t *Tree) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err.Err()
}

func (t *Tree) changed(e *entry, cause error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if passing(path.Base(e.path)) && t.reader(e.path) == "" {
		return
	}
	why := "the sources must stay as they are until they are sent"
	if cause != nil {
		why = unreadable(e.path, cause).why
	}
	t.err.Addf(shown(e.path)+" was changed during the build", why, "run it again")
}

// passing reports the name of a file that editors and other tools write and remove while people work, by custom.
func passing(base string) bool {
	return strings.HasPrefix(base, ".") || strings.HasPrefix(base, "#") || strings.HasSuffix(base, "~") || base == "4913" || // a name that vim tries
		slices.Contains([]string{".bak", ".log", ".partial", ".pid", ".swp", ".temp", ".tmp"}, path.Ext(base)) || strings.Contains(base, "___jb_")
}

// sending reads a file and compares it with its digest at the end. The receiver keeps what it got under the digest of the
// tree; so that it never takes another file of the same size for the one expected, that is sent with a byte too many.
type sending struct {
	io.ReadCloser
	tree  *Tree
	entry *entry
	hash  hash.Hash
	size  int64
	over  bool
}

func (s *sending) Read(b []byte) (int, error) {
	if s.over {
		return 0, io.EOF
	}
	if len(b) == 0 {
		return 0, nil
	}
	n, err := s.ReadCloser.Read(b)
	s.hash.Write(b[:n])
	s.size += int64(n)
	if err == nil || n > 0 {
		return n, nil // the end comes with the next call
	}
	s.over = true
	if errors.Is(err, io.EOF) {
		if [sha256.Size]byte(s.hash.Sum(nil)) == s.entry.sum {
			return 0, io.EOF
		}
		err = nil
	}
	s.tree.changed(s.entry, err)
	if s.size == s.entry.size {
		b[0] = '\n'
		return 1, nil
	}
	return 0, io.EOF
}
