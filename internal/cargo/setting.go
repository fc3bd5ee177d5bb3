package cargo

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Setting is a string that a file of the project gives to cargo or to a tool beside it.
type Setting struct {
	Key  []string // such as {"build", "rustflags"}; strings of an array share theirs
	Text string
	doc  *document
}

// At is file:line:column of its key, or of the closest one that is written down. Only messages need it.
func (s Setting) At() string { return s.doc.at(s.Key...) }

// Settings are the strings of cargo's configuration and of the profiles of the workspace's manifest, each file's in the
// order of their keys.
func (w *Workspace) Settings() []Setting {
	var all []Setting
	for _, f := range w.Config.files {
		all = settings(all, f.doc, f.doc.tree, nil)
	}
	return settings(all, w.Manifest.doc, w.Manifest.Tree["profile"], []string{"profile"})
}

// WhereTrue says where cargo's configuration, or what the workspace's manifest has of profiles, sets a key to true.
func (w *Workspace) WhereTrue(key ...string) (places []string) {
	var docs []*document
	for _, f := range w.Config.files {
		docs = append(docs, f.doc)
	}
	if key[0] == "profile" {
		docs = append(docs, w.Manifest.doc)
	}
	for _, d := range docs {
		if d.get(key...) == true {
			places = append(places, d.at(key...)+": "+strings.Join(key, "."))
		}
	}
	return places
}

// Profile returns the tables of a profile, the one that wins first: those of cargo's configuration, and that of the workspace's
// manifest.
func (w *Workspace) Profile(name string) (tables []map[string]any) {
	for _, tree := range w.profiles() {
		if t := asTable(tree[name]); t != nil {
			tables = append(tables, t)
		}
	}
	return tables
}

// Profiles are the names of those that the workspace declares, sorted; those of cargo itself need no table.
func (w *Workspace) Profiles() (names []string) {
	for _, tree := range w.profiles() {
		names = slices.AppendSeq(names, maps.Keys(tree))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (w *Workspace) profiles() (trees []table) {
	for _, f := range w.Config.files {
		trees = append(trees, asTable(f.doc.get("profile")))
	}
	return append(trees, asTable(w.Manifest.Tree["profile"]))
}

func settings(all []Setting, d *document, v any, key []string) []Setting {
	switch v := v.(type) {
	case table:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			all = settings(all, d, v[k], append(slices.Clip(key), k))
		}
	case []any:
		for i, e := range v {
			at := key
			if _, isTable := e.(table); isTable {
				at = append(slices.Clip(key), "#"+strconv.Itoa(i))
			}
			all = settings(all, d, e, at)
		}
	case string:
		all = append(all, Setting{key, v, d})
	}
	return all
}

// Applies reports whether cargo may read a [target.NAME] table of its configuration when it compiles for a target: the
// name is the target, or a condition that can hold for it.
func Applies(name, target string) bool {
	text, ok := strings.CutPrefix(name, "cfg(")
	if !ok {
		return name == target
	}
	if strings.Count(text, "(") > maxNesting {
		return true
	}
	may, _ := condition(text, target)
	return may.hold
}

// OtherLibc reports that a [target.NAME] table of cargo's configuration is for none of the targets of a build, and would be for
// one with the other C library: cargo on a machine of its user may well compile for that.
func OtherLibc(name string, targets []string) bool {
	return !slices.ContainsFunc(targets, func(t string) bool { return Applies(name, t) }) &&
		slices.ContainsFunc(targets, func(t string) bool {
			machine, musl := strings.CutSuffix(t, "-musl")
			if musl {
				return Applies(name, machine+"-gnu")
			}
			return Applies(name, strings.TrimSuffix(t, "-gnu")+"-musl")
		})
}

// maxNesting bounds how deep a condition is read; people write three levels at most.
const maxNesting = 100

// truth is what a condition can be, as far as it is known.
type truth struct{ hold, fail bool }

// condition reads the condition that text begins with, and returns what follows it: a comma, or a closing parenthesis.
// https://doc.rust-lang.org/reference/conditional-compilation.html
func condition(text, target string) (may truth, rest string) {
	i := strings.IndexAny(text, "(,)")
	if i < 0 {
		return fact(text, target), ""
	}
	if text[i] != '(' {
		return fact(text[:i], target), text[i:]
	}
	all, some := truth{hold: true}, truth{fail: true}
	for rest = text[i+1:]; rest != "" && rest[0] != ')'; rest = strings.TrimPrefix(rest, ",") {
		if strings.TrimSpace(rest) == "" || strings.TrimSpace(rest)[0] == ')' { // after a last comma
			rest = strings.TrimSpace(rest)
			break
		}
		may, rest = condition(rest, target)
		all = truth{all.hold && may.hold, all.fail || may.fail}
		some = truth{some.hold || may.hold, some.fail && may.fail}
	}
	rest = strings.TrimSpace(strings.TrimPrefix(rest, ")"))
	switch strings.TrimSpace(text[:i]) {
	case "all":
		return all, rest
	case "any":
		return some, rest
	case "not":
		return truth{all.fail, all.hold}, rest
	}
	return truth{true, true}, rest
}

// fact is what a condition without an operator is for a target of Lambda.
func fact(text, target string) truth {
	machine, system, _ := strings.Cut(target, "-")
	known := map[string]string{
		"target_os": "linux", "target_family": "unix", "target_arch": machine, "target_env": system[strings.LastIndex(system, "-")+1:],
		"target_vendor": "unknown", "target_pointer_width": "64", "target_endian": "little", "unix": "", "windows": "no",
	}
	name, value, _ := strings.Cut(text, "=")
	is, ok := known[strings.TrimSpace(name)]
	if !ok {
		return truth{true, true}
	}
	same := is == strings.Trim(strings.TrimSpace(value), `"`)
	return truth{same, !same}
}

// MemberConfig returns the configuration files between the folder that was asked for and the workspace's root: cargo
// reads them for who calls it there, and a build, which starts at the root, does not.
func (w *Workspace) MemberConfig() []string {
	return w.memberFiles(".cargo/config", ".cargo/config.toml")
}

// MemberToolchain returns the toolchain file that rustup would take there, "" for none.
func (w *Workspace) MemberToolchain() string {
	for _, name := range w.memberFiles("rust-toolchain", usualToolchain) {
		return name
	}
	return ""
}

// LambdaFiles returns the files of cargo-lambda's settings there, and in the workspace's root.
func (w *Workspace) LambdaFiles() []string {
	const name = "CargoLambda.toml"
	all := w.memberFiles(name)
	if name := path.Join(w.Root, name); w.HasFile(name) {
		all = append(all, name)
	}
	return all
}

// memberFiles are the first of the names that is there, in each folder from the one that was asked for to below the root.
func (w *Workspace) memberFiles(names ...string) (all []string) {
	for dir := w.Dir; dir != w.Root && Within(w.Root, dir); dir = path.Dir(dir) {
		for _, name := range names {
			if name = path.Join(dir, name); w.HasFile(name) {
				all = append(all, name)
				break
			}
		}
		if dir == "." {
			break
		}
	}
	return all
}

// HasFile reports whether the project has a file, relative to Base.
func (w *Workspace) HasFile(name string) bool { return isFile(w.FS, path.Join(w.Base, name)) }

func isFile(fsys fs.FS, name string) bool {
	info, err := fs.Stat(fsys, name)
	return err == nil && !info.IsDir()
}

// LambdaMetadata is what a manifest has for cargo-lambda, without texts; a key is such as
// {"package", "metadata", "lambda", "build", "include"}.
func LambdaMetadata(m *Manifest) (found []Setting) {
	for _, owner := range []string{"package", "workspace"} {
		tables := asTable(get(asTable(m.Tree[owner]), "metadata", "lambda"))
		for _, table := range slices.Sorted(maps.Keys(tables)) {
			at := []string{owner, "metadata", "lambda", table}
			for _, key := range slices.Sorted(maps.Keys(asTable(tables[table]))) {
				found = append(found, Setting{Key: append(slices.Clip(at), key), doc: m.doc})
			}
			if asTable(tables[table]) == nil {
				found = append(found, Setting{Key: at, doc: m.doc})
			}
		}
	}
	return found
}
