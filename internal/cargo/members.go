package cargo

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"lpipe/internal/fault"
)

// members returns the folders of the workspace's packages: the patterns of workspace.members without what
// exclude names, and the path dependencies of those that lie in the workspace's folder, transitively. A project
// without [workspace] has the one package.
func (l *loader) members(w *Workspace) []string {
	if l.root.Workspace() == nil {
		return []string{l.root.dir}
	}
	var members []string
	listed, strays := l.expand("members")
	w.Strays = strays
	l.readAhead(listed)
	for _, dir := range listed {
		members = l.addMember(members, dir, false)
	}
	if l.root.Package() != nil {
		members = l.addMember(members, l.root.dir, false)
	}
	return members
}

func (l *loader) addMember(members []string, dir string, dependency bool) []string {
	if l.root.excludes(dir) {
		return members // whatever is in its manifest
	}
	m := l.checked(l.manifest(dir))
	switch {
	case m == nil || slices.Contains(members, dir):
		return members // a missing one is reported where it is named
	case dependency && !Within(l.root.dir, dir) && l.findRoot(m) != l.root:
		return members
	case m.Package() == nil:
		return members
	}
	members = append(members, dir)
	for _, d := range m.Dependencies() {
		if to, ok := l.folder(m, d); ok {
			members = l.addMember(members, to, true)
		}
	}
	return members
}

// expand returns the folders with a package that the patterns of workspace.<key> name, and the others.
func (l *loader) expand(key string) (packages, strays []string) {
	for _, pattern := range asStrings(l.root.Workspace()[key]) {
		at := path.Join(l.root.dir, pattern)
		names := func(member string) func() string {
			return func() string { return l.root.At("workspace", key) + ": the member " + fault.Quote(member) }
		}
		if literal, isPattern := literalFolder(at); isPattern {
			if l.fsys.Repository() != "" && !l.enter(literal, names(pattern)) {
				continue
			}
		} else {
			if !l.enter(at, names(pattern)) {
				continue
			}
			if l.absent(at) && key == "members" {
				l.report(l.root.At("workspace", key)+" names "+fault.Quote(pattern)+", which is no package", "there is no Cargo.toml in that folder", "correct or remove the entry")
			}
			packages = append(packages, at)
			continue
		}
		for _, dir := range glob(l.disk.FS, at) {
			switch {
			case isManifest(l.disk.FS, dir):
				if l.enter(dir, names(Rel(l.root.dir, dir))) {
					packages = append(packages, dir)
				}
			case !slices.Contains(strays, dir):
				strays = append(strays, dir)
			}
		}
	}
	return packages, strays
}

// defaults returns the folders of the packages that cargo builds at the root without -p.
func (l *loader) defaults(members []string) []string {
	if _, ok := l.root.Workspace()["default-members"]; ok {
		packages, _ := l.expand("default-members")
		for _, dir := range packages {
			if !slices.Contains(members, dir) && !l.root.excludes(dir) {
				l.report(l.root.At("workspace", "default-members")+" names "+fault.Quote(Rel(l.root.dir, dir))+", which is no member", "", "correct or remove the entry")
			}
		}
		return packages
	}
	if l.root.Package() != nil {
		return []string{l.root.dir}
	}
	return members
}

// literalFolder returns the folder down to which a pattern has no wildcard; ok is false when it has none at all.
func literalFolder(pattern string) (dir string, ok bool) {
	for dir = pattern; strings.ContainsAny(dir, "*?["); dir = path.Dir(dir) {
		ok = true
	}
	return dir, ok
}

// glob returns the folders that match the pattern, sorted. "**" matches any number of folders; a star matches
// names with a leading dot too, as in cargo.
func glob(fsys fs.FS, pattern string) []string {
	found := map[string]bool{}
	var walk func(dir string, parts []string)
	walk = func(dir string, parts []string) {
		if len(parts) == 0 {
			found[dir] = true
			return
		}
		part, rest := strings.ReplaceAll(parts[0], "[!", "[^"), parts[1:]
		if !strings.ContainsAny(part, "*?[") {
			if info, err := fs.Stat(fsys, path.Join(dir, part)); err == nil && info.IsDir() {
				walk(path.Join(dir, part), rest)
			}
			return
		}
		entries, _ := fs.ReadDir(fsys, dir)
		if part == "**" {
			walk(dir, rest)
		}
		for _, e := range entries {
			name := path.Join(dir, e.Name())
			if part == "**" {
				if e.IsDir() { // links could go round for ever
					walk(name, parts)
				}
			} else if ok, _ := path.Match(part, e.Name()); ok && isFolder(fsys, name, e) {
				walk(name, rest)
			}
		}
	}
	if !path.IsAbs(pattern) {
		walk(".", strings.Split(pattern, "/"))
	}
	var all []string
	for dir := range found {
		all = append(all, dir)
	}
	slices.Sort(all)
	return all
}

// isFolder follows a symbolic link.
func isFolder(fsys fs.FS, name string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := fs.Stat(fsys, name)
	return err == nil && info.IsDir()
}
