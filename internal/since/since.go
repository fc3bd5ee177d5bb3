// Package since tells which lambdas differ between a git revision and the work tree.
//
// It asks git for the files of a revision and for nothing else; what a lambda depends on is decided by the
// packages that plan the build, applied to both sides. A fingerprint is all that one lambda's program depends
// on, in parts that a person can be told.
package since

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing/fstest"

	"lpipe/internal/cargo"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/skeleton"
)

// Revision returns the disk as it would be with rev checked out in the repository that holds dir: paths in the
// repository come from rev, all others from disk, which is rooted at "/". The error is a usage fault when rev
// is unknown, dir is in no repository, or there is no git.
func Revision(ctx context.Context, disk fs.FS, dir, rev string) (fs.FS, error) {
	top, err := git(ctx, dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, refuse(rev, err)
	}
	// What git takes for an option is no revision.
	commit, err := git(ctx, dir, "rev-parse", "--verify", "--end-of-options", rev+"^{commit}")
	if err != nil {
		return nil, refuse(rev, err)
	}
	root := strings.TrimPrefix(strings.TrimSpace(string(top)), "/")
	archive, err := git(ctx, "/"+root, "archive", "--format=tar", strings.TrimSpace(string(commit)))
	if err != nil {
		return nil, refuse(rev, err)
	}
	files, err := unpack(root, archive)
	if err != nil {
		return nil, fmt.Errorf("reading the files of %s: %w", rev, err)
	}
	return overlay{disk: disk, root: root, files: files}, nil
}

func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		err = errors.New(strings.TrimSpace(string(exit.Stderr)))
	}
	return out, err
}

func refuse(rev string, err error) error {
	return &fault.Error{
		Kind: fault.Usage, What: fmt.Sprintf("cannot compare with the revision %q", rev), Err: err,
		Fix: "name a commit, branch or tag of the project's git repository; a shallow clone may lack it: git fetch --unshallow",
	}
}

func unpack(root string, archive []byte) (fstest.MapFS, error) {
	files := fstest.MapFS{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		file := &fstest.MapFile{Mode: h.FileInfo().Mode()}
		switch h.Typeflag {
		case tar.TypeReg:
			if file.Data, err = io.ReadAll(r); err != nil {
				return nil, err
			}
		case tar.TypeSymlink:
			file.Data = []byte(h.Linkname)
		default:
			continue
		}
		files[path.Join(root, h.Name)] = file
	}
}

// overlay has the files of a revision below root and those of the disk elsewhere.
type overlay struct {
	disk  fs.FS
	root  string
	files fstest.MapFS
}

var _ fs.ReadLinkFS = overlay{}

func (o overlay) at(name string) fs.FS {
	// The repository itself is there, or a search for the project's root would go on above it.
	if cargo.Within(o.root, name) && path.Base(name) != ".git" {
		return o.files
	}
	return o.disk
}

func (o overlay) Open(name string) (fs.File, error)          { return o.at(name).Open(name) }
func (o overlay) ReadLink(name string) (string, error)       { return fs.ReadLink(o.at(name), name) }
func (o overlay) Lstat(name string) (fs.FileInfo, error)     { return fs.Lstat(o.at(name), name) }
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(o.at(name), name) }
func (o overlay) Stat(name string) (fs.FileInfo, error)      { return fs.Stat(o.at(name), name) }

// Fingerprint is what the program of one lambda depends on, each part a digest.
type Fingerprint struct{ settings, sources, dependencies [sha256.Size]byte }

// Of returns the fingerprint of a lambda of ws. dockerfile is its rendered Dockerfile, which holds all settings.
func Of(ws *cargo.Workspace, l *plan.Lambda, dockerfile []byte) (Fingerprint, error) {
	tree, _, err := skeleton.Closure(ws, []*cargo.Package{l.Package}, skeleton.Options{})
	if err != nil {
		return Fingerprint{}, err
	}
	closure := ws.Closure([]*cargo.Package{l.Package})
	f := Fingerprint{settings: sha256.Sum256(fmt.Appendf(nil, "%s\x00%s %s %s\x00%+v", dockerfile, l.Kind, l.Bin, l.Arch, l.Build))}
	sources := sha256.New()
	for _, name := range tree.Paths() {
		owner := ws.Owner(name)
		// Stubs of other packages and the lock file change for reasons that do not concern this lambda.
		if name == path.Join(ws.Root, "Cargo.lock") || owner != nil && !slices.Contains(closure, owner) {
			continue
		}
		data, err := tree.ReadFile(name)
		if err != nil {
			return Fingerprint{}, err
		}
		fmt.Fprintf(sources, "%q %d\n%s", name, len(data), data)
	}
	sources.Sum(f.sources[:0])
	dependencies := sha256.New()
	for _, p := range ws.Lock.Reachable(closure) {
		fmt.Fprintf(dependencies, "%q %q %q\n", p.Name, p.Version, p.Checksum)
		if p.Source != nil {
			fmt.Fprintf(dependencies, "%q\n", *p.Source)
		}
	}
	dependencies.Sum(f.dependencies[:0])
	return f, nil
}

// Changes names the parts in which f differs from the fingerprint before: "settings", "sources",
// "dependencies".
func (f Fingerprint) Changes(before Fingerprint) []string {
	var changed []string
	if f.settings != before.settings {
		changed = append(changed, "settings")
	}
	if f.sources != before.sources {
		changed = append(changed, "sources")
	}
	if f.dependencies != before.dependencies {
		changed = append(changed, "dependencies")
	}
	return changed
}
