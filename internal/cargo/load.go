package cargo

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
)

// loader reads one project.
type loader struct {
	disk      disk.Disk
	fsys      *disk.View // of this project
	dir       string     // the folder asked for
	from      string     // the folder that paths in messages start at
	manifests map[string]*Manifest
	ahead     map[string]readManifest // what was read ahead, by folder
	packages  map[string]*Package
	reported  map[string]bool
	root      *Manifest
	errs      fault.List

	memberDirs []string
}

// Load reads the workspace that the package or workspace in dir belongs to. fsys is rooted high enough to see
// parents and siblings, usually os.DirFS("/"); dir is slash-separated and relative to it. As with cargo, dir may
// be a folder below the package's. All mistakes are reported at once, as usage faults, with paths that start at dir.
func Load(fsys fs.FS, dir string) (*Workspace, error) {
	return LoadFrom(disk.Disk{FS: fsys}, dir, dir)
}

// LoadFrom is [Load] for a person in the folder from: there paths in messages start.
func LoadFrom(d disk.Disk, dir, from string) (*Workspace, error) {
	l, current, err := locate(d, dir, from)
	if err != nil {
		return nil, err
	}
	w := &Workspace{FS: l.fsys, Base: ".", Dir: l.dir, Root: l.root.dir, Manifest: l.root, from: l.from}
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
	return w, nil
}

// Root returns the folder of the workspace that dir belongs to, dir itself where that is none.
func Root(d disk.Disk, dir string) string {
	l, _, err := locate(d, dir, dir)
	if err != nil {
		return dir
	}
	return l.root.dir
}

// WorkspaceFor returns the root of the workspace that a package in dir, which needs not be there, would be a member of; "" where
// there is none, or it excludes the folder.
func WorkspaceFor(d disk.Disk, dir string) string {
	above := path.Dir(path.Clean(dir))
	if !InProject(d, above) {
		return ""
	}
	l, _, err := locate(d, above, above)
	if err != nil || l.root.Workspace() == nil || l.root.excludes(path.Clean(dir)) {
		return ""
	}
	return l.root.dir
}

// locate finds the manifest of the package that dir lies in, and the root of its workspace. From there on the loader
// sees no more of the disk than the project may use.
func locate(d disk.Disk, dir, from string) (l *loader, current *Manifest, err error) {
	l = &loader{
		disk: d, dir: path.Clean(dir), from: path.Clean(from), manifests: map[string]*Manifest{},
		packages: map[string]*Package{}, reported: map[string]bool{},
	}
	if l.fsys, err = search(d, l.dir); err != nil {
		return nil, nil, err
	}
	current = l.nearest()
	if current == nil {
		if err := l.errs.Err(); err != nil {
			return nil, nil, err
		}
		return nil, nil, l.noManifest()
	}
	if l.root = l.findRoot(current); l.root == nil {
		l.root = current
		l.claimed(current)
	}
	l.fsys.Settle(l.root.dir)
	// What was read in search of the root may turn out to lie beyond it.
	for dir, m := range l.manifests {
		if m != nil && !l.fsys.Holds(m.Path) {
			delete(l.manifests, dir)
		}
	}
	if l.manifest(l.root.dir) == nil {
		return nil, nil, l.errs.Err()
	}
	return l, current, nil
}

// search is the view in which the workspace of dir is looked for: without a repository, up to the topmost folder with a
// manifest, as cargo does.
func search(d disk.Disk, dir string) (*disk.View, error) {
	v, err := d.View(dir)
	if err != nil || v.Repository() != "" {
		return v, err
	}
	top := dir
	for at := dir; fs.ValidPath(at); at = path.Dir(at) {
		if isManifest(d.FS, at) {
			top = at
		}
		if at == "." {
			break
		}
	}
	v.Settle(top)
	return v, nil
}

// nearest returns the manifest in the folder asked for or in the closest one above it.
func (l *loader) nearest() *Manifest {
	for _, dir := range l.fsys.Up(l.dir) {
		if m := l.manifest(dir); m != nil || l.errs.Err() != nil {
			return l.checked(m)
		}
	}
	return nil
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
			if !l.enter(path.Join(dir, to), func() string { return c.At("package", "workspace") + ": the workspace " + fault.Quote(to) }) {
				return nil
			}
			root := l.manifest(path.Join(dir, to))
			if root == nil || root.Workspace() == nil {
				l.report(c.At("package", "workspace")+" points to no workspace", "there is no [workspace] in "+path.Join(to, "Cargo.toml"), "correct package.workspace, or remove it")
				return nil
			}
			return root
		}
		if dir == "." || dir == ".." || !l.fsys.Holds(path.Dir(dir)) {
			break
		}
	}
	// A path dependency of a project without a repository may lie in a workspace of its own, from which it inherits.
	if l.fsys.Repository() != "" || !m.inherits() {
		return nil
	}
	if above := l.above(m); above != nil && l.enter(above.dir, func() string { return l.show(m.Path) + ": the workspace " + fault.Quote(l.show(above.dir)) }) {
		return l.manifest(above.dir)
	}
	return nil
}

// claimed refuses a package whose workspace lies above the repository, as that of a submodule does: cargo would build
// it with the settings and the lock file of that workspace.
func (l *loader) claimed(m *Manifest) {
	if l.fsys.Repository() == "" {
		return
	}
	if above := l.above(m); above != nil {
		l.report(l.show(m.Path)+" belongs to a workspace above its repository",
			"cargo would take "+l.show(above.Path)+" for its root, and a build reads only the git repository /"+l.fsys.Repository(),
			"allow that folder on this machine: --allow-outside /"+above.dir+", or LPIPE_ALLOW_OUTSIDE; or add an empty [workspace] table to the package")
	}
}

// above is the closest manifest above that of a package, also beyond the bound, whose workspace does not exclude the
// package; nil without one. What another user put there counts for nothing.
func (l *loader) above(m *Manifest) *Manifest {
	for dir := m.dir; dir != "."; {
		dir = path.Dir(dir)
		name := path.Join(dir, "Cargo.toml")
		data, err := disk.Read(l.disk.FS, name, maxFile)
		if err != nil || l.fsys.Trust(name) != nil {
			continue
		}
		doc, err := parse(l.show(name), data, correctTOML)
		if err != nil {
			continue
		}
		if above := (&Manifest{Path: name, Tree: doc.tree, dir: dir, doc: doc}); above.Workspace() != nil && !above.excludes(m.dir) {
			return above
		}
	}
	return nil
}

// enter takes a folder that a manifest or the configuration names for a package. Without a repository it joins what the
// project may use, with one it must lie there; what says who names it.
func (l *loader) enter(dir string, what func() string) bool {
	if l.fsys.Repository() == "" && isManifest(l.disk.FS, dir) {
		l.fsys.Join(dir)
	}
	out := l.outsideOf(l.fsys.Check(dir))
	if out == nil {
		return true
	}
	l.report(what()+" is outside of the project", out.Error(), out.Fix())
	return false
}

// maxFile bounds what is read of manifests, lock files and configuration, in bytes. Cargo.lock is the largest of them,
// and that of a project with thousands of dependencies has a few MB.
const maxFile = 16 << 20

// read returns the content of a file that cargo would read. ok is false where there is none, and where it was reported:
// it cannot be read, or it lies above the folder asked for and another user can write it.
func (l *loader) read(name string) (data []byte, ok bool) {
	data, err := disk.Read(l.fsys, name, maxFile)
	return data, l.mayUse(name, err)
}

// mayUse reports that a file was read, with this error, and may be used.
func (l *loader) mayUse(name string, err error) bool {
	switch {
	case err != nil && l.isMissing(err):
		return false
	case err != nil:
		l.unreadable(name, err)
		return false
	}
	if err := l.fsys.Trust(name); err != nil {
		l.report(l.show(name)+" may come from another user", err.Error(), "remove it, or make it your own with chown and chmod")
		return false
	}
	return true
}

func (l *loader) notMember(m *Manifest) {
	folder := Rel(l.root.dir, m.dir)
	l.errs.Addf(
		l.show(m.Path)+" believes it is in a workspace when it is not",
		"the workspace "+l.show(l.root.Path)+" does not list it",
		fmt.Sprintf("add %q to workspace.members there (or to workspace.exclude), or an empty [workspace] table to the package", folder))
}

// show returns a path as people read it.
func (l *loader) show(name string) string { return Rel(l.from, name) }

// Show returns a path, relative to Base, as messages have it: relative to the folder of the person who runs lpipe.
func (w *Workspace) Show(name string) string { return Rel(w.from, path.Join(w.Base, name)) }

// report adds a mistake once, however often it is met.
func (l *loader) report(what, why, fix string) {
	if !l.reported[what] {
		l.reported[what] = true
		l.errs.Addf(what, why, fix)
	}
}

func (l *loader) unreadable(name string, err error) {
	if out := disk.Outside(err); out != nil {
		l.report(l.show(name)+" is outside of the project", out.Error(), out.Fix())
		return
	}
	l.report("cannot read "+l.show(name), reason(err), "make it a regular file that the user who runs lpipe can read")
}

// reason is the cause of a file error without its path, which the message has already.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// outsideOf returns the reason for which something outside of the project was refused. Without a repository, what does
// not exist there is missing and no more: it could be a package, which would then be a part of the project.
func (l *loader) outsideOf(err error) *disk.OutsideError {
	if out := disk.Outside(err); out != nil && (out.Info != nil || l.fsys.Repository() != "") {
		return out
	}
	return nil
}

// isMissing reports that there is no such file: absent, outside the file system, or below a file.
func (l *loader) isMissing(err error) bool {
	if disk.Outside(err) != nil {
		return l.outsideOf(err) == nil
	}
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) || strings.HasSuffix(err.Error(), "not a directory")
}

// isFile reports whether there is a file. One outside of the project is reported, and counts as there.
func (l *loader) isFile(name string) bool {
	mode, err := l.fsys.Kind(name)
	return l.isOutside(name, err) || err == nil && !mode.IsDir()
}

// isDir reports whether there is a folder. One outside of the project is reported, and counts as there.
func (l *loader) isDir(name string) bool {
	mode, err := l.fsys.Kind(name)
	return l.isOutside(name, err) || err == nil && mode.IsDir()
}

func (l *loader) isOutside(name string, err error) bool {
	if l.outsideOf(err) == nil {
		return false
	}
	l.unreadable(name, err)
	return true
}
