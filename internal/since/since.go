// Package since tells which lambdas differ between a git revision and the work tree.
//
// It asks git for the files of a revision and for nothing else; what a lambda depends on is decided by the
// packages that plan the build, applied to both sides. A fingerprint is all that one lambda's program depends
// on, in parts that a person can be told.
package since

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path"
	"slices"
	"strings"

	"lpipe/internal/cargo"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/skeleton"
)

// Repository returns the folder of the git repository that holds dir. The error is a usage fault when there is none, or
// no git; rev is for its message.
func Repository(ctx context.Context, dir, rev string) (string, error) {
	top, err := git(ctx, dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return "", refuse(rev, err)
	}
	return strings.TrimSpace(string(top)), nil
}

// Revision returns the disk as it would be with rev checked out in the repository at top: paths in the repository come
// from rev, all others from disk, which is rooted at "/". The error is a usage fault when rev is unknown.
func Revision(ctx context.Context, disk fs.FS, top, rev string) (fs.FS, error) {
	// What git takes for an option is no revision.
	commit, err := git(ctx, top, "rev-parse", "--verify", "--end-of-options", rev+"^{commit}")
	if err != nil {
		return nil, refuse(rev, err)
	}
	archive, err := git(ctx, top, "archive", "--format=zip", "-0", strings.TrimSpace(string(commit)))
	if err != nil {
		return nil, refuse(rev, err)
	}
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, fmt.Errorf("reading the files of %s: %w", rev, err)
	}
	return overlay{disk: disk, root: strings.TrimPrefix(top, "/"), files: files}, nil
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

// overlay has the files of a revision below root and those of the disk elsewhere.
type overlay struct {
	disk  fs.FS
	root  string
	files *zip.Reader
}

var _ fs.ReadLinkFS = overlay{}

// at returns the side that has name, and what it is called there.
func (o overlay) at(name string) (fs.FS, string) {
	// The repository itself stays, or the search for the project's root would go on above it.
	if name == o.root {
		return o.files, "."
	}
	if inside, ok := strings.CutPrefix(name, o.root+"/"); ok && inside != ".git" {
		return o.files, inside
	}
	return o.disk, name
}

func (o overlay) Open(name string) (fs.File, error) {
	side, name := o.at(name)
	return side.Open(name)
}

func (o overlay) Lstat(name string) (fs.FileInfo, error) {
	side, name := o.at(name)
	return fs.Lstat(side, name) // a zip has no links to follow: what it says of one is the link itself
}

func (o overlay) ReadLink(name string) (string, error) {
	side, name := o.at(name)
	if side != o.files {
		return fs.ReadLink(side, name)
	}
	target, err := fs.ReadFile(side, name)
	return string(target), err
}

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
