package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"lpipe/internal/fault"
	"lpipe/internal/shell"
)

// View is what of the disk one project may use. Names are as in the [Disk], slash-separated and relative to its root.
// What lies outside the bound, or in a folder of git's own, where CI systems keep a token, is refused with an
// [*OutsideError], whether it exists or not; what is neither a regular file nor a folder can be looked at and not opened.
// Reading is safe for concurrent use, changing the bound is not.
type View struct {
	disk       Disk
	start      string // the folder that the user asked for, resolved
	project    fs.FileInfo
	repository string   // resolved; "" without one
	git        string   // where git keeps the repository, resolved; "" where that is not known
	bound      []string // resolved; without what is allowed
	allowed    []string // resolved

	folders sync.Map // those that were resolved: name -> folder
	lists   sync.Map // what [View.List] found in folders: name -> []fs.DirEntry
}

var (
	_ fs.StatFS     = (*View)(nil)
	_ fs.ReadDirFS  = (*View)(nil)
	_ fs.ReadLinkFS = (*View)(nil)
)

// View returns the view of the project that the folder dir belongs to. Its bound is the repository of dir. Without one
// it is dir, until [View.Settle] sets it. The error is a usage fault when another user made that repository.
func (d Disk) View(dir string) (*View, error) {
	v := &View{disk: d}
	var err error
	v.start, v.project, err = v.follow(dir)
	v.repository = d.repository(v.start, v.project, err)
	v.bound = []string{v.start}
	for _, name := range d.Allow {
		real, _, _ := resolve(d.FS, name)
		v.allowed = append(v.allowed, real)
	}
	if v.repository == "" {
		return v, nil
	}
	v.bound, v.git = []string{v.repository}, d.gitFolder(v.repository)
	if err := v.Trust(path.Join(v.repository, ".git")); err != nil {
		return nil, &fault.Error{
			Kind: fault.Usage, What: "/" + v.repository + " is the git repository of another user", Err: err,
			Fix: "run lpipe as that user, make the folder your own with chown, or make the project a repository of its own with `git init`",
		}
	}
	return v, nil
}

// Repository is the root of the repository, resolved, "" without one.
func (v *View) Repository() string { return v.repository }

// Settle sets the bound of a project without a repository: these folders. With one it changes nothing.
func (v *View) Settle(folders ...string) {
	if v.repository != "" {
		return
	}
	v.bound = nil
	for _, dir := range folders {
		v.Join(dir)
	}
}

// Join adds a folder to the bound of a project without a repository. With one it changes nothing.
func (v *View) Join(dir string) {
	if v.repository == "" {
		real, _, _ := resolve(v.disk.FS, dir)
		v.bound = append(v.bound, real)
	}
}

// Holds reports whether name lies inside the bound; it needs not exist.
func (v *View) Holds(name string) bool { return v.Check(name) == nil }

// Check returns the [*OutsideError] of a name that lies outside the bound, nil for all others.
func (v *View) Check(name string) error {
	_, _, err := v.resolve("look at", name)
	if Outside(err) == nil {
		return nil
	}
	return err
}

// Owns is Holds without what the user allows: a file that the project could have brought along.
func (v *View) Owns(name string) bool {
	if !v.Holds(name) {
		return false
	}
	real, _, _ := v.follow(name)
	return slices.ContainsFunc(v.bound, func(dir string) bool { return within(dir, real) })
}

// Up returns dir and the folders above it, up to the bound.
func (v *View) Up(dir string) []string {
	var all []string
	for at := dir; v.Holds(at); at = path.Dir(at) {
		all = append(all, at)
		if at == "." {
			break
		}
	}
	return all
}

// Trust refuses a file beside or above the folder that the user asked for when a user who cannot write that folder can
// write the file, a folder on the way to it, or what they lead to: somebody else put it there. The error says who.
func (v *View) Trust(name string) error {
	if v.disk.Foreign == nil || v.project == nil || within(v.start, name) {
		return nil
	}
	real, info, err := v.follow(name)
	if err != nil {
		return nil //nolint:nilerr // there is no such file
	}
	for at := name; !within(at, v.start); at = path.Dir(at) {
		info, err := fs.Lstat(v.disk.FS, at)
		if err != nil {
			return err
		}
		if why := v.disk.Foreign(v.project, info); why != "" {
			return fmt.Errorf("/%s: %s", at, why)
		}
	}
	if why := v.disk.Foreign(v.project, info); why != "" && !within(v.start, real) {
		return fmt.Errorf("/%s, which /%s leads to: %s", real, name, why)
	}
	return nil
}

// OutsideError says that a name leads out of the bound of its project.
type OutsideError struct {
	Name, Real string      // as given, and with all links followed
	Info       fs.FileInfo // what is there; nil for nothing
	View       *View
}

func (e *OutsideError) Error() string {
	leads := "it is /" + e.Real
	if e.Name != e.Real {
		leads = "it leads to /" + e.Real
	}
	if e.OfGit() {
		return leads + ", and a build reads nothing of git's own"
	}
	return leads + ", and a build reads only " + e.View.words()
}

// Fix is what the user can do about it.
func (e *OutsideError) Fix() string {
	if e.OfGit() {
		return "name another file: git's folder may hold a token"
	}
	return "move it into the project, or allow it on this machine: --allow-outside " + shell.Word("/"+e.Real) + ", or LPIPE_ALLOW_OUTSIDE"
}

// OfGit reports that what was refused is git's own, and inside the bound.
func (e *OutsideError) OfGit() bool {
	return slices.ContainsFunc(e.View.bound, func(dir string) bool { return within(dir, e.Real) })
}

// words describe the bound.
func (v *View) words() string {
	if v.repository != "" {
		return "the git repository /" + v.repository
	}
	return "the workspace /" + v.bound[0] + " and its path dependencies, as it lies in no git repository"
}

// Outside returns the reason for which a file outside the bound was refused, nil when that is not the reason.
func Outside(err error) *OutsideError {
	var e *OutsideError
	errors.As(err, &e)
	return e
}

// resolve returns where name is, inside the bound, and what is there.
func (v *View) resolve(op, name string) (real string, info fs.FileInfo, err error) {
	if !fs.ValidPath(name) {
		return "", nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	real, info, err = v.follow(name)
	listed := op == "open" || op == "readdir"
	if !v.inside(real) || listed && info != nil && info.IsDir() && !v.inside(path.Join(real, "x")) {
		return "", nil, &fs.PathError{Op: op, Path: name, Err: &OutsideError{name, real, info, v}}
	}
	return real, info, err
}

// folder is where a folder is, and what was there when it was resolved.
type folder struct {
	real string
	info fs.FileInfo
}

// follow returns where name is, wherever that lies, and what is there. A folder is resolved once.
func (v *View) follow(name string) (real string, info fs.FileInfo, err error) {
	if known, ok := v.folders.Load(name); ok {
		f := known.(folder)
		return f.real, f.info, nil
	}
	dir, err := v.folder(path.Dir(name))
	if err != nil {
		return rooted(path.Join(dir, path.Base(name))), nil, err
	}
	real, info, err = resolveFrom(v.disk.FS, dir, path.Base(name))
	if err == nil && info.IsDir() {
		v.folders.Store(name, folder{real, info})
	}
	return real, info, err
}

// folder resolves a folder, wherever it lies.
func (v *View) folder(name string) (string, error) {
	if name == "." {
		return ".", nil
	}
	real, _, err := v.follow(name)
	return real, err
}

func (v *View) inside(real string) bool {
	holds := func(dir string) bool { return within(dir, real) }
	mine := func(dir string) bool { return holds(dir) && !v.ofGit(dir, real) }
	return slices.ContainsFunc(v.bound, mine) || slices.ContainsFunc(v.allowed, holds)
}

// ofGit reports that what is at real lies in a folder of git's own within dir.
func (v *View) ofGit(dir, real string) bool {
	if v.git != "" && v.git != real && within(v.git, real) && within(dir, v.git) {
		return true
	}
	if dir != "." {
		real = strings.TrimPrefix(real, dir)
	}
	for name, rest, below := strings.Cut(real, "/"); below; name, rest, below = strings.Cut(rest, "/") {
		if IsGit(name) {
			return true
		}
	}
	return false
}

// IsGit reports a name that git's folder has on some disk: there are disks that know no capitals, and those of Windows have short
// names and take off what is blank at the end.
func IsGit(name string) bool {
	name = strings.TrimRight(name, " .")
	return strings.EqualFold(name, ".git") || strings.EqualFold(name, "git~1")
}

// gitFolder is where git keeps the repository of a folder: its .git, or where that leads as a link or a file.
func (d Disk) gitFolder(repository string) string {
	name := path.Join(repository, ".git")
	real, info, err := resolve(d.FS, name)
	if err != nil {
		return ""
	}
	if info.IsDir() {
		return real
	}
	text, _ := Read(d.FS, name, MaxSmall)
	to, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir: ")
	if !ok {
		return ""
	}
	if !path.IsAbs(to) {
		to = path.Join(repository, to)
	}
	real, _, _ = resolve(d.FS, rooted(to))
	return real
}

// at resolves a name but for a link in its last part.
func (v *View) at(op, name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	dir, err := v.folder(path.Dir(name))
	real := rooted(path.Join(dir, path.Base(name)))
	if !v.inside(real) {
		err = &fs.PathError{Op: op, Path: name, Err: &OutsideError{Name: name, Real: real, View: v}}
	}
	return real, err
}

// Open opens a regular file or a folder.
func (v *View) Open(name string) (fs.File, error) {
	real, info, err := v.resolve("open", name)
	if err != nil {
		return nil, err
	}
	if err := openable(info); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f, err := v.disk.FS.Open(real)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil { // it may have been replaced
		err = openable(info)
	}
	if err != nil {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return f, nil
}

func openable(info fs.FileInfo) error {
	if info.IsDir() {
		return nil
	}
	return regular(info)
}

// Stat follows links.
func (v *View) Stat(name string) (fs.FileInfo, error) {
	_, info, err := v.resolve("stat", name)
	return info, err
}

// Lstat does not follow a link in the last part.
func (v *View) Lstat(name string) (fs.FileInfo, error) {
	real, err := v.at("lstat", name)
	if err != nil {
		return nil, err
	}
	return fs.Lstat(v.disk.FS, real)
}

// ReadLink returns where the link points to, as it is written.
func (v *View) ReadLink(name string) (string, error) {
	real, err := v.at("readlink", name)
	if err != nil {
		return "", err
	}
	return fs.ReadLink(v.disk.FS, real)
}

// List is [View.ReadDir] for who goes through a project once: a folder is read the first time alone, and what comes or goes
// after that is not noticed.
func (v *View) List(name string) ([]fs.DirEntry, error) {
	if list, ok := v.lists.Load(name); ok {
		return list.([]fs.DirEntry), nil
	}
	entries, err := v.ReadDir(name)
	if err == nil {
		v.lists.Store(name, entries)
	}
	return entries, err
}

// Kind returns what is at a name, links followed, as [View.Stat] does, by what [View.List] has of its folder: of many names that
// may be there, none takes a look at the disk of its own.
func (v *View) Kind(name string) (fs.FileMode, error) {
	folder, base := path.Dir(name), path.Base(name)
	if entries, err := v.List(folder); err == nil && name != "." {
		real, err := v.folder(folder)
		i, found := slices.BinarySearchFunc(entries, base, func(e fs.DirEntry, name string) int { return strings.Compare(e.Name(), name) })
		switch {
		case err != nil || !v.inside(path.Join(real, base)):
		case !found:
			return 0, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
		case entries[i].Type()&fs.ModeSymlink == 0:
			return entries[i].Type(), nil
		}
	}
	info, err := v.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Mode().Type(), nil
}

// ReadDir returns what is in a folder, sorted by name, links not followed.
func (v *View) ReadDir(name string) ([]fs.DirEntry, error) {
	real, _, err := v.resolve("readdir", name)
	if err != nil {
		return nil, err
	}
	return fs.ReadDir(v.disk.FS, real)
}
