// Package since tells which lambdas differ between a git revision and the work tree.
//
// Package git reads the files of the revision; what a lambda depends on is decided by the
// packages that plan the build, applied to both sides. A fingerprint is all that one lambda's program depends
// on, in parts that a person can be told.
package since

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"lpipe/internal/cargo"
	"lpipe/internal/fault"
	"lpipe/internal/git"
	"lpipe/internal/plan"
	"lpipe/internal/reach"
	"lpipe/internal/skeleton"
)

// revision is the disk as it would be with a revision checked out.
type revision struct {
	overlay
	rev string
}

// openRevision returns the disk as it would be with rev checked out in the repository: paths in the repository come from
// rev, all others from disk, which is rooted at "/". The error is a usage fault when rev is unknown. Close ends it.
func openRevision(ctx context.Context, disk fs.FS, repository *git.Repository, rev string) (*revision, error) {
	commit, err := repository.Commit(ctx, rev)
	var files *git.Tree
	if err == nil {
		files, err = repository.Files(ctx, commit)
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, refuse(rev, err)
	}
	return &revision{overlay{disk: disk, root: strings.Trim(filepath.ToSlash(repository.Top), "/"), files: files}, rev}, nil
}

// Close ends the reading.
func (r *revision) Close() { r.files.Close() }

// Err is a usage fault when files of the revision could not be read, so that what was found without them says nothing.
func (r *revision) Err() error {
	if err := r.files.Err(); err != nil {
		return refuse(r.rev, err)
	}
	return nil
}

func refuse(rev string, err error) error {
	return &fault.Error{
		Kind: fault.Usage, What: fmt.Sprintf("cannot compare with the revision %q", rev), Err: err,
		Fix: "name a commit, branch or tag of the project's git repository; a shallow clone may lack it: git fetch --unshallow;" +
			" a partial clone may lack its files: git fetch --refetch --no-filter",
	}
}

// overlay has the files of a revision below root and those of the disk elsewhere.
type overlay struct {
	disk  fs.FS
	root  string
	files *git.Tree
}

var (
	_ fs.ReadLinkFS = overlay{}
	_ fs.ReadDirFS  = overlay{}
	_ fs.StatFS     = overlay{}
)

// at returns the side that has name, and what it is called there.
func (o overlay) at(name string) (fs.FS, string) {
	inside, ok := strings.CutPrefix(name, o.root+"/")
	switch {
	case o.root == "":
		inside, ok = name, true
	case name == o.root:
		inside, ok = ".", true
	}
	// The repository itself stays, or the search for the project's root would go on above it.
	if ok && inside != ".git" {
		return o.files, inside
	}
	return o.disk, name
}

func (o overlay) Open(name string) (fs.File, error) {
	side, name := o.at(name)
	return side.Open(name)
}

func (o overlay) Stat(name string) (fs.FileInfo, error) {
	side, name := o.at(name)
	return fs.Stat(side, name)
}

func (o overlay) Lstat(name string) (fs.FileInfo, error) {
	side, name := o.at(name)
	return fs.Lstat(side, name)
}

func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	side, name := o.at(name)
	return fs.ReadDir(side, name)
}

func (o overlay) ReadLink(name string) (string, error) {
	side, name := o.at(name)
	return fs.ReadLink(side, name)
}

// fingerprint is what the program of one lambda depends on, each part a digest.
type fingerprint struct{ settings, sources, dependencies [sha256.Size]byte }

// fingerprintOf returns the fingerprint of a lambda of ws, in which found was found. dockerfile is its rendered Dockerfile, which holds all settings.
func fingerprintOf(ctx context.Context, ws *cargo.Workspace, found *reach.Findings, l *plan.Lambda, dockerfile []byte) (fingerprint, error) {
	tree, _, err := skeleton.Tests(ws, found, []*cargo.Package{l.Package}, skeleton.Options{})
	if err != nil {
		return fingerprint{}, err
	}
	closure := ws.Closure([]*cargo.Package{l.Package})
	f := fingerprint{settings: sha256.Sum256(fmt.Appendf(nil, "%s\x00%s %s %s\x00%+v", dockerfile, l.Kind, l.Bin, l.Arch, l.Build))}
	sources := sha256.New()
	err = tree.Walk(ctx, "", func(name string, entry fs.DirEntry, _ error) error {
		// Stubs of other packages and the lock file change for reasons that do not concern this lambda.
		if entry.IsDir() || name == path.Join(ws.Root, "Cargo.lock") || tree.Stub(name) {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		sum, err := tree.Sum(name)
		fmt.Fprintf(sources, "%q %s %x\n", name, info.Mode(), sum)
		return err
	})
	if err != nil {
		return fingerprint{}, err
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
func (f fingerprint) Changes(before fingerprint) []string {
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
