package cargo

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"

	"lpipe/internal/fault"
)

// locals reads the members and every package they reach by path.
func (l *loader) locals(w *Workspace) {
	for _, dir := range l.memberDirs {
		l.load(dir, true)
	}
	l.overrides(w)
	for _, dir := range l.defaults(l.memberDirs) {
		if p := l.packages[dir]; p != nil {
			p.Default = true
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(l.packages)) {
		if p := l.packages[dir]; p != nil {
			w.Packages = append(w.Packages, p)
			slices.SortFunc(p.Locals, func(a, b *Package) int { return cmp.Compare(a.Dir, b.Dir) })
			if m := p.Manifest; m.inherits() && p.root != nil && p.root != l.root && !slices.Contains(w.Foreign, p.root) {
				w.Foreign = append(w.Foreign, p.root)
			}
		}
	}
}

// load reads the package in dir and what it reaches by path; nil when it was reported.
func (l *loader) load(dir string, member bool) *Package {
	if p, ok := l.packages[dir]; ok {
		return p
	}
	l.packages[dir] = nil
	m := l.checked(l.manifest(dir))
	if m == nil || m.Package() == nil {
		return nil
	}
	p := &Package{Dir: dir, Member: member, Manifest: m, root: l.root}
	if !member {
		p.root = l.findRoot(m)
	}
	l.packages[dir] = p
	l.identity(p)
	l.targets(p)
	p.Features = l.features(m)
	for _, d := range m.Dependencies() {
		if !member && d.Kind == "dev-dependencies" {
			continue // cargo ignores those of packages outside the workspace
		}
		to, ok := l.folder(m, d)
		if !ok {
			continue
		}
		dep := l.load(to, l.isMember(to))
		if dep == nil {
			if l.absent(to) {
				l.report(fmt.Sprintf("%s: the path dependency %q does not exist", m.At(d.Key...), d.Name), "there is no Cargo.toml in "+l.show(to), "correct its path")
			}
			continue
		}
		if !slices.Contains(p.Locals, dep) && dep != p {
			p.Locals = append(p.Locals, dep)
		}
		if d.Kind == "build-dependencies" {
			p.BuildLocals = append(p.BuildLocals, dep)
		}
		if _, ok := d.Spec["artifact"]; ok {
			p.ArtifactLocals = append(p.ArtifactLocals, dep)
		}
	}
	return p
}

func (l *loader) isMember(dir string) bool { return slices.Contains(l.memberDirs, dir) }

// folder returns the folder of a dependency that has a path, inherited or not.
func (l *loader) folder(m *Manifest, d Dependency) (string, bool) {
	from, spec := m, d.Spec
	if asBool(spec["workspace"]) {
		root := l.findRoot(m)
		if root == nil {
			l.report(m.At(d.Key...)+" inherits from a workspace, but there is none", "", "write the dependency out")
			return "", false
		}
		inherited := get(root.Workspace(), "dependencies", d.Name)
		if inherited == nil {
			l.report(fmt.Sprintf("%s: the dependency %q is not in workspace.dependencies", m.At(d.Key...), d.Name), "", "add it to "+l.show(root.Path)+did(d.Name, asTable(root.Workspace()["dependencies"])))
			return "", false
		}
		from, spec = root, asTable(inherited)
	}
	p, ok := spec["path"].(string)
	if !ok {
		return "", false
	}
	if path.IsAbs(p) {
		l.report(fmt.Sprintf("%s: the path dependency %q has an absolute path", m.At(d.Key...), d.Name), "the build runs elsewhere, where "+p+" does not exist", "write it relative to the manifest")
		return "", false
	}
	dir := path.Join(from.dir, p)
	return dir, l.enter(dir, func() string { return fmt.Sprintf("%s: the path dependency %q", m.At(d.Key...), d.Name) })
}

// did returns the end of a fix that names the closest known key.
func did(name string, known table) string {
	if n := fault.Nearest(name, slices.Sorted(maps.Keys(known))); n != "" {
		return fmt.Sprintf(", or did you mean %q?", n)
	}
	return ""
}

func (l *loader) identity(p *Package) {
	m := p.Manifest
	t := m.Package()
	p.Name = asString(t["name"])
	switch {
	case p.Name == "":
		l.report(m.At("package")+" has no name", "", "add package.name")
	case !validName(p.Name, ""):
		l.report(fmt.Sprintf("%s: %s is no valid package name", m.At("package", "name"), fault.Quote(p.Name)), "cargo allows letters, digits, - and _", "rename the package")
	}
	p.Version = cmp.Or(l.inherited(p, "version"), "0.0.0")
	p.Edition = cmp.Or(l.inherited(p, "edition"), "2015")
	p.Links = asString(t["links"])
	p.DefaultRun = asString(t["default-run"])
	p.Readme, p.LicenseFile = l.describing(p, "readme"), l.describing(p, "license-file")
}

// describing returns the file that a key of [package] names, relative to the package's folder, as cargo gives it to the compiler.
func (l *loader) describing(p *Package, key string) string {
	v := p.Manifest.Package()[key]
	if s, ok := v.(string); ok {
		return s
	}
	if asBool(get(asTable(v), "workspace")) {
		if p.root == nil {
			return ""
		}
		s := asString(get(p.root.Workspace(), "package", key))
		if s == "" {
			return ""
		}
		return Rel(p.Dir, path.Join(p.root.dir, s))
	}
	if no := v == false; no || key != "readme" {
		return ""
	}
	for _, name := range []string{"README.md", "README.txt", "README"} { // as cargo looks for it
		if mode, err := l.fsys.Kind(path.Join(p.Dir, name)); err == nil && mode.IsRegular() {
			return name
		}
	}
	return ""
}

// inherited returns a string of [package], from the workspace where it says so.
func (l *loader) inherited(p *Package, key string) string {
	v := p.Manifest.Package()[key]
	if s, ok := v.(string); ok {
		return s
	}
	if !asBool(get(asTable(v), "workspace")) {
		return ""
	}
	var s string
	if p.root != nil {
		s = asString(get(p.root.Workspace(), "package", key))
	}
	if s == "" {
		l.report(fmt.Sprintf("%s: %s is inherited, but workspace.package has none", p.Manifest.At("package", key), key), "", "write it in the package, or in [workspace.package]")
	}
	return s
}

// features returns the declared features and those that optional dependencies imply.
func (l *loader) features(m *Manifest) map[string][]string {
	all := map[string][]string{}
	named := map[string]bool{}
	for name, v := range asTable(m.Tree["features"]) {
		if !validName(name, "+.") {
			l.report(fmt.Sprintf("%s: %s is no valid feature name", m.At("features", name), fault.Quote(name)), "cargo allows letters, digits, -, _, + and .", "rename the feature")
		}
		all[name] = asStrings(v)
		for _, f := range all[name] {
			if dep, ok := strings.CutPrefix(f, "dep:"); ok {
				named[dep] = true
			}
		}
	}
	for _, d := range m.Dependencies() {
		if _, declared := all[d.Name]; asBool(d.Spec["optional"]) && !declared && !named[d.Name] {
			all[d.Name] = []string{"dep:" + d.Name}
		}
	}
	return all
}

// validName follows cargo's rule for package and feature names: letters, digits, - and _, and what extra adds,
// with a letter, digit or _ first.
func validName(name, extra string) bool {
	for i, r := range name {
		if r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) {
			continue
		}
		if i == 0 || r != '-' && !strings.ContainsRune(extra, r) {
			return false
		}
	}
	return name != ""
}
