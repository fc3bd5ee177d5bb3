package build

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"

	"lpipe/internal/artifact"
	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/project"
	"lpipe/internal/skeleton"
)

// included reads the files that the lambda's include globs name, each once. They are relative to its package and may begin
// with "../": a file beyond the package has in the zip the path that follows, or the one that the item says. Links are followed
// inside the project. A glob that matches nothing is a mistake.
func included(t project.Target) ([]artifact.Entry, error) {
	l := t.Lambda
	if len(l.Build.Include) == 0 {
		return nil, nil
	}
	ws := t.Plan.Workspace
	pkg := path.Join(ws.Base, l.Package.Dir)
	in := &inclusion{
		fsys: ws.FS, at: t.Config.Origin(config.Key("lambda", l.Name, "include")).String(), files: map[string]string{},
		pkg: pkg, relative: "the package's folder /" + pkg, target: path.Join(ws.Base, ws.Root, "target"),
	}
	entries, err := in.read(l.Build.Include)
	if err != nil {
		return entries, err
	}
	return entries, artifact.CheckIncluded(entries, programPath(l))
}

// Included returns the digests of the files of the project that the zip of a lambda has beside the program, by their names in it,
// and of those that its layers have, by "layer NAME: " and theirs.
func Included(t project.Target) (map[string]string, error) {
	entries, err := included(t)
	layers, layersErr := layersOf(t)
	all := map[string]string{}
	add := func(prefix string, entries []artifact.Entry) {
		for _, e := range entries {
			all[prefix+e.Name] = fmt.Sprintf("%t %x", e.Executable, sha256.Sum256(e.Data))
		}
	}
	add("", entries)
	for _, l := range layers {
		add("layer "+l.Name+": ", l.Files)
	}
	return all, errors.Join(err, layersErr)
}

// inclusion collects the files of one lambda. Its paths are relative to fsys.
type inclusion struct {
	fsys     *disk.View
	at       string // where the globs are set, for messages
	pkg      string // the folder that the globs are relative to
	relative string // the same in words
	target   string // the folder that cargo writes, for which no pattern is meant
	entries  []artifact.Entry
	files    map[string]string // of each entry, the file that it is
	size     int64             // of all that were found, whether they were read or not
	mistakes fault.List
}

// read returns the files that all globs match.
func (in *inclusion) read(globs []string) ([]artifact.Entry, error) {
	for _, glob := range globs {
		in.glob(glob)
	}
	in.mistakes.Add(artifact.CheckUnpacked(in.size))
	return in.entries, in.mistakes.Err()
}

// glob adds the files that match one glob, in the place of the zip that the item may name.
func (in *inclusion) glob(item string) {
	glob, to := config.SplitInclude(item)
	dir, pattern := in.pkg, path.Clean(strings.TrimSpace(glob))
	for strings.HasPrefix(pattern, "../") {
		dir, pattern = path.Dir(dir), pattern[3:]
	}
	matcher, err := patternmatcher.New([]string{pattern})
	if err != nil {
		in.mistakes.Addf(fmt.Sprintf("%s: the include %q is no pattern", in.at, item), err.Error(), "write it as in .dockerignore: * within a folder, ** for folders")
		return
	}
	w := &walk{inclusion: in, dir: dir, from: literal(pattern), to: to, matches: func(name string) bool {
		ok, err := matcher.MatchesOrParentMatches(name)
		return pattern == "." || err == nil && ok
	}}
	w.visit(w.from, nil)
	if !w.found {
		in.mistakes.Addf(fmt.Sprintf("%s: the include %q matches no file", in.at, item), "it is relative to "+in.relative, in.instead(item, dir, pattern))
	}
}

// instead is what to do about an item that matches no file.
func (in *inclusion) instead(item, dir, pattern string) string {
	switch {
	case strings.ContainsAny(pattern, "{}"):
		return "braces stand for themselves: write an item for each file or pattern"
	case strings.HasPrefix(pattern, "!"):
		return "no item takes back what others name: write what is wanted, such as \"assets/*.json\""
	}
	var found []string
	for _, part := range strings.Split(pattern, "/") {
		entries, err := in.fsys.ReadDir(path.Join(append([]string{dir}, found...)...))
		names := []string{}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if err == nil && !slices.Contains(names, part) && !strings.ContainsAny(part, `*?[\`) {
			if near := fault.Nearest(part, names); near != "" {
				rest := strings.Split(pattern, "/")[len(found)+1:]
				return fmt.Sprintf("did you mean %q?", strings.Repeat("../", strings.Count(item, "../"))+path.Join(slices.Concat(found, []string{near}, rest)...))
			}
		}
		found = append(found, part)
	}
	if strings.Contains(item, ":") {
		return "correct it, or take it out; what follows \":\" is the place in the zip, and \"?\" stands for a colon in a name"
	}
	return "correct it, or take it out"
}

// literal are the folders at the beginning of a pattern that have no special characters.
func literal(pattern string) string {
	parts := strings.Split(pattern, "/")
	if i := slices.IndexFunc(parts, func(p string) bool { return strings.ContainsAny(p, `*?[!\`) }); i >= 0 {
		parts = parts[:i]
	}
	return path.Join(append([]string{"."}, parts...)...)
}

// walk is the search for the files of one glob.
type walk struct {
	*inclusion
	dir     string                 // what the glob is relative to
	from    string                 // the folder or file that it begins with, relative to dir
	to      string                 // the place of what matches in the zip, a folder where it ends with "/"; "" for its path
	matches func(name string) bool // name is relative to dir
	found   bool                   // something matches
}

// visit looks at what is at name, relative to the walk's folder, and below it. above are the folders on the way, as a link may
// lead back to one of them.
func (w *walk) visit(name string, above []fs.FileInfo) {
	at := path.Join(w.dir, name)
	info, err := w.fsys.Stat(at)
	switch {
	case err != nil:
		if out := disk.Outside(err); out != nil && (above == nil || w.matches(name)) {
			w.found = true
			w.mistakes.Addf("cannot include "+name, out.Error(), out.Fix())
		} else if w.gone(at) {
			return
		} else if above != nil && w.matches(name) {
			w.found = true
			w.mistakes.Addf("cannot include "+name, reason(err), "correct the link, or take it out of what "+w.at+" names")
		}
	case above != nil && disk.IsResult(at, func(name string) bool { _, err := w.fsys.Lstat(name); return err == nil }): // of a build before, by --out-dir
	case path.Base(at) == ".git": // a file in a worktree and in a submodule, with a path of this machine
	case info.IsDir():
		again := slices.ContainsFunc(above, func(dir fs.FileInfo) bool { return os.SameFile(dir, info) })
		if again || above != nil && (at == w.target || at == path.Join(w.pkg, "target")) {
			return
		}
		entries, err := w.fsys.ReadDir(at)
		if err != nil && !w.gone(at) {
			w.found = true
			w.mistakes.Addf("cannot include "+name, reason(err), "make it readable for the user who runs lpipe")
		}
		for _, e := range entries {
			w.visit(path.Join(name, e.Name()), append(slices.Clip(above), info))
		}
	case w.matches(name):
		w.found = w.file(at, name, info) || w.found
	}
}

// gone reports that a file was removed since its folder was listed: it counts as never there.
func (w *walk) gone(at string) bool {
	_, err := w.fsys.Lstat(at)
	return errors.Is(err, fs.ErrNotExist)
}

// file adds a file, which may have been found by another glob before. It reports whether the file is still there.
func (w *walk) file(at, name string, info fs.FileInfo) bool {
	named := name // as lpipe.toml names it
	name = w.place(at, name)
	switch known, ok := w.files[name]; {
	case ok && known == at:
		return true
	case ok:
		w.mistakes.Addf(fmt.Sprintf("two files would be %s in the zip", name), fmt.Sprintf("%s takes /%s and /%s", w.at, known, at), "rename one of them, or leave it out")
		return true
	case !info.Mode().IsRegular():
		w.mistakes.Addf("cannot include "+named, "it is "+disk.Kind(info.Mode()), "take it out of what "+w.at+" names")
		return true
	}
	w.files[name] = at
	if w.size += info.Size(); artifact.CheckUnpacked(w.size) != nil {
		return true // said once, of all files
	}
	data, err := disk.Read(w.fsys, at, info.Size()) // no more than was counted
	if err != nil && w.gone(at) {
		delete(w.files, name)
		w.size -= info.Size()
		return false
	}
	if err != nil {
		w.mistakes.Addf("cannot include "+named, reason(err), "make it readable for the user who runs lpipe, or take it out of what "+w.at+" names")
		return true
	}
	if skeleton.LFSPointer(data) {
		w.mistakes.Addf("cannot include "+named, "it is a pointer of Git LFS, and the file that it stands for is not in this checkout", "run git lfs pull; in CI, have the checkout fetch LFS files")
		return true
	}
	w.entries = append(w.entries, artifact.Entry{Name: name, Data: data, Executable: info.Mode()&0o100 != 0})
	return true
}

// place is the name in the zip of the file at, which is name relative to the walk's folder.
func (w *walk) place(at, name string) string {
	switch {
	case w.to == "" && cargo.Within(w.pkg, at):
		return cargo.Rel(w.pkg, at)
	case w.to == "":
		return name
	case name != w.from:
		return path.Join(w.to, cargo.Rel(w.from, name))
	case strings.HasSuffix(w.to, "/"):
		return path.Join(w.to, path.Base(name))
	}
	return path.Clean(w.to)
}

// reason is the cause of a file error without its path, which the message has already.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return err.Error()
}
