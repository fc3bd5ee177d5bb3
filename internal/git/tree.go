package git

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lpipe/internal/disk"
)

// Tree is the files of a commit, as they are stored: no attribute, filter or line ending changes what is read, and none
// leaves a file out. A file is read when it is asked for: from the work tree where its content has the hash that the
// commit names, and else from git, which takes longer. A submodule is an empty folder, and a symbolic link is not
// followed: opened, it is a file with the link's target. It is safe for concurrent use and ends with Close.
type Tree struct {
	nodes        map[string]*node
	checkout     fs.FS // the work tree
	sizes, blobs *blobs
}

var _ fs.ReadLinkFS = (*Tree)(nil)

// node is a file, folder or link of a tree.
type node struct {
	path     string
	mode     fs.FileMode
	hash     string // of a blob
	children []*node

	size atomic.Int64 // of a blob, and one more; 0 until it is known
}

// name is the last part of the path.
func (n *node) name() string { return path.Base(n.path) }

// Files returns the files of a commit, by its hash.
func (r *Repository) Files(ctx context.Context, hash string) (*Tree, error) {
	// They start while the files are listed.
	sizes, err := r.blobs(ctx, "--batch-check")
	if err != nil {
		return nil, err
	}
	contents, err := r.blobs(ctx, "--batch")
	if err != nil {
		sizes.close()
		return nil, err
	}
	t := &Tree{checkout: os.DirFS(r.Top), sizes: sizes, blobs: contents}
	list, err := r.run(ctx, "ls-tree", "-r", "-z", "--full-tree", hash)
	if err == nil {
		err = t.parse(list)
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// parse reads what ls-tree lists.
func (t *Tree) parse(list string) error {
	t.nodes = map[string]*node{".": {path: ".", mode: fs.ModeDir | 0o755}}
	for list != "" {
		var line string
		line, list, _ = strings.Cut(list, "\x00")
		if err := t.add(line); err != nil {
			return err
		}
	}
	for _, n := range t.nodes {
		slices.SortFunc(n.children, func(a, b *node) int { return strings.Compare(a.path, b.path) })
	}
	return nil
}

// Close ends the reading.
func (t *Tree) Close() {
	t.sizes.close()
	t.blobs.close()
}

// Err is why files could not be read: a partial clone lacks some.
func (t *Tree) Err() error { return errors.Join(t.sizes.err(), t.blobs.err()) }

// add adds an entry as ls-tree prints it: MODE TYPE HASH, a tab, PATH.
func (t *Tree) add(line string) error {
	about, name, _ := strings.Cut(line, "\t")
	words := strings.Fields(about)
	if len(words) != 3 || !commit().MatchString(words[2]) || !fs.ValidPath(name) || t.nodes[name] != nil || slices.ContainsFunc(strings.Split(name, "/"), disk.IsGit) {
		return fmt.Errorf("git lists %q, which no checkout has", line)
	}
	n := &node{path: name, hash: words[2]}
	switch words[0] {
	case "100755":
		n.mode = 0o755
	case "120000":
		n.mode = fs.ModeSymlink | 0o777
	case "160000":
		n.mode = fs.ModeDir | 0o755
	default:
		n.mode = 0o644
	}
	t.nodes[name] = n
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		parent, known := t.nodes[dir]
		if !known {
			parent = &node{path: dir, mode: fs.ModeDir | 0o755}
			t.nodes[dir] = parent
		}
		if !parent.mode.IsDir() {
			return fmt.Errorf("git lists %q below a file", line)
		}
		parent.children = append(parent.children, n)
		if known {
			return nil
		}
		n = parent
	}
}

// Write writes the files into an empty folder. Where two names are one on its disk, as those that differ in capitals alone may
// be, nothing is written through a link that leads out of it.
func (t *Tree) Write(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(t, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case d.IsDir():
			return root.MkdirAll(name, 0o777)
		case d.Type()&fs.ModeSymlink != 0:
			to, err := t.ReadLink(name)
			if err != nil {
				return err
			}
			return root.Symlink(to, name)
		}
		return t.writeFile(root, name)
	})
}

func (t *Tree) writeFile(root *os.Root, name string) error {
	n, err := t.find("open", name)
	if err != nil {
		return err
	}
	data, err := t.read(n)
	if err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666|n.mode.Perm())
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func (t *Tree) find(op, name string) (*node, error) {
	n := t.nodes[name]
	if n == nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n, nil
}

// Open implements [fs.FS].
func (t *Tree) Open(name string) (fs.File, error) {
	n, err := t.find("open", name)
	if err != nil {
		return nil, err
	}
	return &file{tree: t, node: n}, nil
}

// Lstat implements [fs.ReadLinkFS].
func (t *Tree) Lstat(name string) (fs.FileInfo, error) {
	n, err := t.find("lstat", name)
	if err != nil {
		return nil, err
	}
	return t.stat(n)
}

// Stat implements [fs.StatFS].
func (t *Tree) Stat(name string) (fs.FileInfo, error) { return t.Lstat(name) }

// ReadLink implements [fs.ReadLinkFS].
func (t *Tree) ReadLink(name string) (string, error) {
	n, err := t.find("readlink", name)
	if err == nil && n.mode&fs.ModeSymlink == 0 {
		err = &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return "", err
	}
	data, err := t.read(n)
	return string(data), err
}

// maxCheckout bounds what is read of a file of the work tree to compare it, in bytes. Of a larger one git tells the size
// without its content.
const maxCheckout = 4 << 20

// read returns the content of a blob.
func (t *Tree) read(n *node) ([]byte, error) {
	if n.mode.IsRegular() {
		if data, err := disk.Read(t.checkout, n.path, maxCheckout); err == nil && blobHash(data, len(n.hash)) == n.hash {
			n.size.Store(int64(len(data)) + 1)
			return data, nil
		}
	}
	data, err := t.blobs.read(n.hash)
	if err == nil {
		n.size.Store(int64(len(data)) + 1)
	}
	return data, err
}

// blobHash returns the name that git gives to a content, in a repository whose names have so many letters. One that was made
// to have the SHA-1 of another is none that git would store.
func blobHash(data []byte, letters int) string {
	h := sha1.New()
	if letters > 2*sha1.Size {
		h = sha256.New()
	}
	fmt.Fprintf(h, "blob %d\x00", len(data))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}

// ReadDir implements [fs.ReadDirFS].
func (t *Tree) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := t.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if !n.mode.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	return t.entries(n.children), nil
}

func (t *Tree) entries(nodes []*node) []fs.DirEntry {
	all := make([]fs.DirEntry, len(nodes))
	for i, n := range nodes {
		all[i] = dirEntry{t, n}
	}
	return all
}

func (t *Tree) stat(n *node) (fs.FileInfo, error) {
	if n.mode.IsDir() {
		return info{n, 0}, nil
	}
	if size := n.size.Load(); size > 0 {
		return info{n, size - 1}, nil
	}
	if found, err := fs.Stat(t.checkout, n.path); err == nil && n.mode.IsRegular() && found.Size() <= maxCheckout {
		data, err := t.read(n)
		return info{n, int64(len(data))}, err
	}
	size, err := t.sizes.size(n.hash)
	if err == nil {
		n.size.Store(size + 1)
	}
	return info{n, size}, err
}

type info struct {
	*node
	size int64
}

func (i info) Name() string       { return i.name() }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

type dirEntry struct {
	tree *Tree
	*node
}

func (e dirEntry) Name() string               { return e.name() }
func (e dirEntry) IsDir() bool                { return e.mode.IsDir() }
func (e dirEntry) Type() fs.FileMode          { return e.mode.Type() }
func (e dirEntry) Info() (fs.FileInfo, error) { return e.tree.stat(e.node) }

// file is an open file or folder.
type file struct {
	tree *Tree
	node *node
	data io.Reader // nil until something is read
	next int       // the child that ReadDir goes on with
}

var _ fs.ReadDirFile = (*file)(nil)

func (f *file) Stat() (fs.FileInfo, error) { return f.tree.stat(f.node) }
func (f *file) Close() error               { return nil }

func (f *file) Read(b []byte) (int, error) {
	if f.node.mode.IsDir() {
		return 0, &fs.PathError{Op: "read", Path: f.node.path, Err: errors.New("is a directory")}
	}
	if f.data == nil {
		data, err := f.tree.read(f.node)
		if err != nil {
			return 0, &fs.PathError{Op: "read", Path: f.node.path, Err: err}
		}
		f.data = bytes.NewReader(data)
	}
	return f.data.Read(b)
}

func (f *file) ReadDir(count int) ([]fs.DirEntry, error) {
	if !f.node.mode.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: f.node.path, Err: errors.New("not a directory")}
	}
	left := f.node.children[f.next:]
	if count > 0 && len(left) == 0 {
		return nil, io.EOF
	}
	if count > 0 {
		left = left[:min(count, len(left))]
	}
	f.next += len(left)
	return f.tree.entries(left), nil
}

// blobs is a git that is asked for one blob after the other.
type blobs struct {
	mu     sync.Mutex
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *bytes.Buffer
	wait   func() error
	failed error // the first failure; nothing is asked after it
}

func (r *Repository) blobs(ctx context.Context, mode string) (*blobs, error) {
	cmd := r.command(ctx, "cat-file", mode)
	b := &blobs{stderr: &bytes.Buffer{}, wait: cmd.Wait}
	cmd.Stderr = b.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	b.out = bufio.NewReader(out)
	if b.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return b, cmd.Start()
}

func (b *blobs) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.end() // nothing more is asked of it
}

// end returns how git ended. It reads what is left, so that git can write it.
func (b *blobs) end() error {
	if b.wait == nil {
		return nil
	}
	b.in.Close()
	_, _ = io.Copy(io.Discard, b.out)
	err := b.wait()
	b.wait = nil
	return err
}

func (b *blobs) err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}

// size returns the size of a blob.
func (b *blobs) size(hash string) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ask(hash)
}

// read returns the content of a blob, of a git that was started with --batch.
func (b *blobs) read(hash string) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	size, err := b.ask(hash)
	if err != nil {
		return nil, err
	}
	// The size is what the object says of itself; a line end follows.
	data, err := io.ReadAll(io.LimitReader(b.out, size+1))
	if err == nil && int64(len(data)) <= size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, b.fail(err)
	}
	return data[:size], nil
}

// ask reads git's answer about a blob: HASH, "blob" and SIZE.
func (b *blobs) ask(hash string) (int64, error) {
	if b.failed != nil {
		return 0, b.failed
	}
	if _, err := fmt.Fprintln(b.in, hash); err != nil {
		return 0, b.fail(err)
	}
	line, err := b.out.ReadString('\n')
	if err != nil {
		return 0, b.fail(err)
	}
	words := strings.Fields(line)
	if len(words) == 3 && words[0] == hash && words[1] == "blob" {
		if size, err := strconv.ParseInt(words[2], 10, 64); err == nil && size >= 0 && size < math.MaxInt64 {
			return size, nil
		}
	}
	return 0, b.fail(fmt.Errorf("git says %q", strings.TrimSpace(line)))
}

func (b *blobs) fail(err error) error {
	if ended := b.end(); ended != nil {
		err = said(ended, b.stderr.String())
	}
	b.failed = err
	return err
}
