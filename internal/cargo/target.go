package cargo

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"lpipe/internal/fault"
)

// targets finds what the package builds, by cargo's rules for discovery.
func (l *loader) targets(p *Package) {
	m := p.Manifest
	t := m.Package()
	l.library(p)
	var bins []Target
	if l.isFile(path.Join(p.Dir, "src/main.rs")) {
		bins = append(bins, Target{Name: p.Name, Path: "src/main.rs"})
	}
	bins = append(bins, l.discover(p.Dir, "src/bin")...)
	p.Bins = l.declared(p, "bin", "autobins", bins)
	p.Examples = l.declared(p, "example", "autoexamples", l.discover(p.Dir, "examples"))
	p.Tests = l.declared(p, "test", "autotests", l.discover(p.Dir, "tests"))
	p.Benches = l.declared(p, "bench", "autobenches", l.discover(p.Dir, "benches"))
	switch b := t["build"].(type) {
	case nil:
		if l.isFile(path.Join(p.Dir, "build.rs")) {
			p.Build = "build.rs"
		}
	case bool:
		if b {
			p.Build = "build.rs"
		}
	case string:
		p.Build = path.Clean(b)
		l.isFile(path.Join(p.Dir, p.Build)) // reports one outside of the project
	}
	if p.Lib == nil && len(p.Bins) == 0 && len(p.Examples) == 0 && len(p.Tests) == 0 && len(p.Benches) == 0 {
		l.report(l.show(m.Path)+" has nothing to build", "there is no src/lib.rs, no src/main.rs and no [lib] or [[bin]]", "add src/main.rs")
	}
}

func (l *loader) library(p *Package) {
	m := p.Manifest
	lib, declared := m.Tree["lib"].(table)
	auto, ok := m.Package()["autolib"].(bool)
	found := l.isFile(path.Join(p.Dir, "src/lib.rs"))
	if !declared && (!found || ok && !auto) {
		return
	}
	name := cmp.Or(asString(lib["name"]), strings.ReplaceAll(p.Name, "-", "_"))
	if asString(lib["name"]) != "" && !validName(name, "") {
		l.report(fmt.Sprintf("%s: %s is no valid library name", m.At("lib", "name"), fault.Quote(name)), "cargo allows letters, digits and _", "rename it")
	}
	file := asString(lib["path"])
	if file == "" {
		file = "src/lib.rs"
		if old := "src/" + name + ".rs"; !found && p.Edition == "2015" && l.isFile(path.Join(p.Dir, old)) {
			file = old
		}
	}
	p.Lib = &Target{Name: name, Path: path.Clean(file)}
	if !l.isFile(path.Join(p.Dir, p.Lib.Path)) {
		l.report(fmt.Sprintf("%s: the library's source %s does not exist", m.At("lib", "path"), fault.Quote(p.Lib.Path)), "", "correct lib.path, or add the file")
	}
	p.ProcMacro = asBool(lib["proc-macro"]) || asBool(lib["proc_macro"]) || slices.Contains(asStrings(lib["crate-type"]), "proc-macro")
}

// discover returns the targets of a folder: NAME.rs and NAME/main.rs.
func (l *loader) discover(dir, folder string) []Target {
	if mode, err := l.fsys.Kind(path.Join(dir, folder)); err != nil || !mode.IsDir() {
		return nil
	}
	entries, err := l.fsys.List(path.Join(dir, folder))
	if err != nil {
		return nil
	}
	var found []Target
	for _, e := range entries {
		name := e.Name()
		stem, isRust := strings.CutSuffix(name, ".rs")
		switch file := path.Join(folder, name); {
		case strings.HasPrefix(name, "."):
		case isRust && l.isFile(path.Join(dir, file)):
			found = append(found, Target{Name: stem, Path: file})
		case l.isFile(path.Join(dir, file, "main.rs")):
			found = append(found, Target{Name: name, Path: path.Join(file, "main.rs")})
		}
	}
	return found
}

// declared joins the [[kind]] tables with the discovered targets, unless package.<auto> is false. With tables,
// edition 2015 discovers nothing more by itself.
func (l *loader) declared(p *Package, kind, auto string, discovered []Target) []Target {
	m := p.Manifest
	discover, set := m.Package()[auto].(bool)
	tables := asTables(m.Tree[kind])
	if !set {
		discover = len(tables) == 0 || p.Edition != "2015"
	}
	var all []Target
	for i, t := range tables {
		key := []string{kind, fmt.Sprintf("#%d", i)}
		name := asString(t["name"])
		if !validName(name, "") {
			l.report(fmt.Sprintf("%s: %s is no valid %s name", m.At(append(key, "name")...), fault.Quote(name), kind), "lpipe allows letters, digits, - and _", "rename it")
			continue
		}
		file := asString(t["path"])
		if file == "" {
			file = l.implied(p, kind, name, discovered)
		}
		if file == "" || !l.isFile(path.Join(p.Dir, file)) {
			l.report(fmt.Sprintf("%s: there is no source for the %s %s", m.At(append(key, "path")...), kind, fault.Quote(name)), "", "set its path, or add the file")
			continue
		}
		all = append(all, Target{Name: name, Path: path.Clean(file), RequiredFeatures: asStrings(t["required-features"]), Declared: true})
	}
	if !discover {
		return all
	}
	given := len(all)
	for _, d := range discovered {
		taken := slices.ContainsFunc(all[:given], func(t Target) bool { return t.Name == d.Name || t.Path == d.Path })
		if taken {
			continue
		}
		if d.Name != p.Name && !validName(d.Name, "") {
			l.report(fmt.Sprintf("%s: %s is no valid %s name", l.show(path.Join(p.Dir, d.Path)), fault.Quote(d.Name), kind), "lpipe allows letters, digits, - and _", "rename the file")
			continue
		}
		all = append(all, d)
	}
	return all
}

// implied returns the source of a [[kind]] table without a path.
func (l *loader) implied(p *Package, kind, name string, discovered []Target) string {
	for _, d := range discovered {
		if d.Name == name {
			return d.Path
		}
	}
	if kind != "bin" || p.Edition != "2015" {
		return ""
	}
	for _, old := range []string{"src/" + name + ".rs", "src/main.rs", "src/bin/main.rs"} {
		if l.isFile(path.Join(p.Dir, old)) && (old != "src/"+name+".rs" || p.Lib == nil) {
			return old
		}
	}
	return ""
}
