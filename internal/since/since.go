// Package since tells which lambdas differ between a git revision and the work tree.
//
// Package git reads the files of the revision; what a lambda depends on is decided by the packages that plan the build,
// applied to both sides. What a lambda depends on is its settings, its sources and its dependencies, and of each what
// makes the difference is named. The files that differ are found first, so that only the contexts of lambdas which one of
// these may concern are made and compared.
package since

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"lpipe/internal/fault"
	"lpipe/internal/git"
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
