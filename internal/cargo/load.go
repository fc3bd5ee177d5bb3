package cargo

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"lpipe/internal/fault"
)

// loader reads one project. Its paths are relative to fsys until place moves them to the base.
type loader struct {
	fsys      fs.FS
	dir       string // the folder asked for
	from      string // the folder that paths in messages start at
	manifests map[string]*Manifest
	packages  map[string]*Package
	reported  map[string]bool
	root      *Manifest
	errs      fault.List

	memberDirs []string
	later      []whole                      // packages found while reading that must stay whole
	sums       map[string][sha256.Size]byte // of files that were looked through
}

// Load reads the workspace that the package or workspace in dir belongs to. fsys is rooted high enough to see
// parents and siblings, usually os.DirFS("/"); dir is slash-separated and relative to it. As with cargo, dir may
// be a folder below the package's. All mistakes are reported at once, as usage faults, with paths that start at dir.
func Load(fsys fs.FS, dir string) (*Workspace, error) { return LoadFrom(fsys, dir, dir) }

// LoadFrom is [Load] for a person in the folder from: there paths in messages start.
func LoadFrom(fsys fs.FS, dir, from string) (*Workspace, error) {
	l := &loader{
		fsys: fsys, dir: path.Clean(dir), from: path.Clean(from), manifests: map[string]*Manifest{},
		packages: map[string]*Package{}, reported: map[string]bool{}, sums: map[string][sha256.Size]byte{},
	}
	current := l.nearest()
	if current == nil {
		if err := l.errs.Err(); err != nil {
			return nil, err
		}
		return nil, l.noManifest()
	}
	l.root = l.findRoot(current)
	if l.root == nil {
		l.root = current
	}
	w := &Workspace{FS: fsys, Dir: l.dir, Root: l.root.dir, Manifest: l.root}
	members := l.members(w)
	if l.errs.Err() == nil && len(members) == 0 {
		l.errs.Addf(l.show(l.root.Path)+" names no package", "the workspace has no members", "add the packages' folders to workspace.members")
	}
	if current.Package() != nil && l.errs.Err() == nil && !slices.Contains(members, current.dir) && !l.root.excludes(current.dir) {
		l.notMember(current)
	}
	w.Config = l.config(w.Root)
	w.Toolchain = l.toolchain(w.Root)
	l.memberDirs = members
	l.locals(w)
	w.Lock = l.lock(w)
	if err := l.errs.Err(); err != nil {
		return nil, err
	}
	l.place(w)
	return w, l.errs.Err()
}

// nearest returns the manifest in the folder asked for or in the closest one above it.
func (l *loader) nearest() *Manifest {
	for dir := l.dir; ; dir = path.Dir(dir) {
		m := l.manifest(dir)
		if m != nil || l.errs.Err() != nil {
			return l.checked(m)
		}
		if dir == "." {
			return nil
		}
	}
}

// checked refuses a manifest that is neither a package nor a workspace.
func (l *loader) checked(m *Manifest) *Manifest {
	if m == nil || m.Package() != nil || m.Workspace() != nil {
		return m
	}
	l.errs.Addf(l.show(m.Path)+" describes neither a package nor a workspace", "it has no [package] and no [workspace] table", "add a [package] table with a name")
	return nil
}

func (l *loader) noManifest() error {
	f := &fault.Error{
		Kind: fault.Usage, What: "no Cargo.toml here or in any folder above",
		Fix: "run lpipe in a cargo project, or name its folder",
	}
	if entries, err := fs.ReadDir(l.fsys, l.dir); err != nil {
		f.What, f.Why = "cannot read the project's folder", reason(err)
	} else {
		for _, e := range entries {
			if e.Name() == "cargo.toml" {
				f.Why, f.Fix = "there is a cargo.toml, but cargo reads only Cargo.toml", "rename it: mv cargo.toml Cargo.toml"
			}
		}
	}
	return f
}

// findRoot returns the manifest with the [workspace] that m belongs to, or nil: m itself, the one that
// package.workspace points to, or the closest one above that does not exclude m.
func (l *loader) findRoot(m *Manifest) *Manifest {
	for dir := m.dir; ; dir = path.Dir(dir) {
		switch c := l.manifest(dir); {
		case c == nil:
		case c.Workspace() != nil:
			if c == m || !c.excludes(m.dir) {
				return c
			}
		case asString(c.Package()["workspace"]) != "":
			to := asString(c.Package()["workspace"])
			root := l.manifest(path.Join(dir, to))
			if root == nil || root.Workspace() == nil {
				l.report(c.At("package", "workspace")+" points to no workspace", "there is no [workspace] in "+path.Join(to, "Cargo.toml"), "correct package.workspace, or remove it")
				return nil
			}
			return root
		}
		if dir == "." || dir == ".." {
			return nil
		}
	}
}

func (l *loader) notMember(m *Manifest) {
	folder := rel(l.root.dir, m.dir)
	l.errs.Addf(
		l.show(m.Path)+" believes it is in a workspace when it is not",
		"the workspace "+l.show(l.root.Path)+" does not list it",
		fmt.Sprintf("add %q to workspace.members there (or to workspace.exclude), or an empty [workspace] table to the package", folder))
}

// show returns a path as people read it.
func (l *loader) show(name string) string { return rel(l.from, name) }

// report adds a mistake once, however often it is met.
func (l *loader) report(what, why, fix string) {
	if !l.reported[what] {
		l.reported[what] = true
		l.errs.Addf(what, why, fix)
	}
}

func (l *loader) unreadable(name string, err error) {
	l.report("cannot read "+l.show(name), reason(err), "make it readable for the user who runs lpipe")
}

// reason is the cause of a file error without its path, which the message has already.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// isMissing reports that there is no such file: absent, outside the file system, or below a file.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) || strings.HasSuffix(err.Error(), "not a directory")
}

func (l *loader) isFile(name string) bool {
	info, err := fs.Stat(l.fsys, name)
	return err == nil && !info.IsDir()
}

func (l *loader) isDir(name string) bool {
	info, err := fs.Stat(l.fsys, name)
	return err == nil && info.IsDir()
}
