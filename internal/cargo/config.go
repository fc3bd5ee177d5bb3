package cargo

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
)

// Config is what lpipe must know of cargo's configuration files: those in .cargo folders from the workspace's
// root up to the root of the repository. The one in the home folder is the person's, not the project's, and is
// not read.
type Config struct {
	Paths []string // the files, relative to Base, the closest to the root first, included ones after those that name them

	Rustflags       []string            // build.rustflags
	TargetRustflags map[string][]string // target.<triple or cfg>.rustflags
	Target          []string            // build.target
	TargetDir       string              // build.target-dir, relative to Base; "" when unset or outside
	Sources         map[string]ConfigSource
	Registries      map[string]string // the index of each of [registries], by its name; "" where it names none
	HTTP            ConfigHTTP
	Env             map[string]ConfigEnv
	// Folders are those that hold dependencies (vendored sources, local registries), relative to Base.
	Folders []string
	// Extra are other files that strings of the configuration name (a linker script, a wrapper), relative to Base.
	Extra []string

	files []configFile
}

// ConfigSource is a [source.<name>] table.
type ConfigSource struct{ ReplaceWith, Registry, Directory, LocalRegistry, Git string }

// ConfigHTTP is what of [http] decides who can read what is sent.
type ConfigHTTP struct {
	Proxy string
	CA    bool // it says whose certificates are good
}

// ConfigEnv is an entry of [env].
type ConfigEnv struct {
	Value           string
	Force, Relative bool
	Path            string // where a relative one leads, relative to Base; "" for others
}

type configFile struct {
	name string
	base string // the folder above its own, to which its paths are relative
	doc  *document
}

// config reads the configuration that cargo would use in dir.
func (l *loader) config(dir string) Config {
	c := Config{
		TargetRustflags: map[string][]string{}, Sources: map[string]ConfigSource{}, Registries: map[string]string{}, Env: map[string]ConfigEnv{},
	}
	for _, at := range l.fsys.Up(dir) {
		if l.isDir(path.Join(at, ".cargo/registry")) || l.isDir(path.Join(at, ".cargo/bin")) {
			continue // cargo's home, in a home folder that is a repository
		}
		for _, name := range []string{"config", "config.toml"} { // the old name wins, as in cargo
			if name = path.Join(at, ".cargo", name); l.isFile(name) {
				l.configFile(&c, name, at)
				break
			}
		}
	}
	for _, f := range c.files {
		l.merge(&c, f)
	}
	return c
}

// RegistryName returns the first name of [registries] whose index is the one, "" if none is.
func (c *Config) RegistryName(is func(index string) bool) string {
	for _, name := range slices.Sorted(maps.Keys(c.Registries)) {
		if is(c.Registries[name]) {
			return name
		}
	}
	return ""
}

func (l *loader) configFile(c *Config, name, base string) {
	if slices.ContainsFunc(c.files, func(f configFile) bool { return f.name == name }) {
		return
	}
	data, ok := l.read(name)
	if !ok {
		return
	}
	doc, err := parse(l.show(name), data, correctTOML)
	if err != nil {
		l.errs.Add(err)
		return
	}
	c.Paths = append(c.Paths, name)
	c.files = append(c.files, configFile{name, base, doc})
	includes, isList := doc.get("include").([]any)
	if !isList {
		includes = []any{doc.get("include")}
	}
	for _, i := range slices.Backward(includes) { // the last wins
		if t := asTable(i); t != nil {
			l.include(c, name, asString(t["path"]), doc, asBool(t["optional"]))
		} else if included := asString(i); included != "" {
			l.include(c, name, included, doc, false)
		}
	}
}

// include reads a file that another one includes. cargo looks for it where it compiles.
// https://doc.rust-lang.org/cargo/reference/config.html#include
func (l *loader) include(c *Config, name, included string, doc *document, optional bool) {
	at := doc.at("include") + " includes " + fault.Quote(included)
	if path.IsAbs(included) {
		l.report(at+", an absolute path", "the build runs elsewhere, where that file does not exist", "write it relative to "+l.show(path.Dir(name)))
		return
	}
	file := path.Join(path.Dir(name), included)
	info, err := l.fsys.Stat(file)
	switch out := disk.Outside(err); {
	case out != nil && (out.Info != nil || !optional):
		l.report(at+", which is outside of the project", out.Error(), out.Fix())
	case err == nil && !info.IsDir():
		l.configFile(c, file, path.Dir(path.Dir(file))) // also where that is none above a .cargo
	case !optional:
		l.report(at+", which does not exist", "there is no file "+l.show(file), "correct the path, or write { path = "+fault.Quote(included)+", optional = true }")
	}
}

// merge adds one file; what is closer to the root was added before and wins, lists are joined.
func (l *loader) merge(c *Config, f configFile) {
	d := f.doc
	c.Rustflags = append(words(d.get("build", "rustflags")), c.Rustflags...)
	for name, t := range asTable(d.get("target")) {
		if flags := words(get(asTable(t), "rustflags")); flags != nil {
			c.TargetRustflags[name] = append(flags, c.TargetRustflags[name]...)
		}
	}
	if c.Target == nil {
		c.Target = asStrings(d.get("build", "target"))
	}
	if to := asString(d.get("build", "target-dir")); to != "" && c.TargetDir == "" && !path.IsAbs(to) {
		c.TargetDir = rooted(f.base, to)
	}
	for name, v := range asTable(d.get("source")) {
		t := asTable(v)
		if _, ok := c.Sources[name]; ok {
			continue
		}
		s := ConfigSource{
			asString(t["replace-with"]), asString(t["registry"]), asString(t["directory"]), asString(t["local-registry"]), asString(t["git"]),
		}
		c.Sources[name] = s
		for _, folder := range []string{s.Directory, s.LocalRegistry} {
			if folder == "" || path.IsAbs(folder) {
				continue // an absolute one is the base image's
			}
			if folder = path.Join(f.base, folder); l.isDir(folder) {
				c.Folders = append(c.Folders, folder)
			} else {
				l.report(d.at("source", name)+" names a folder that does not exist", "there is no "+l.show(folder), "run `cargo vendor`, or correct the path")
			}
		}
	}
	for name, t := range asTable(d.get("registries")) {
		if c.Registries[name] == "" {
			c.Registries[name] = asString(asTable(t)["index"])
		}
	}
	c.HTTP.Proxy = cmp.Or(c.HTTP.Proxy, asString(d.get("http", "proxy")))
	c.HTTP.CA = c.HTTP.CA || d.get("http", "cainfo") != nil || d.get("http", "proxy-cainfo") != nil
	for name, v := range asTable(d.get("env")) {
		if _, ok := c.Env[name]; ok {
			continue
		}
		e := ConfigEnv{Value: asString(v)}
		if t := asTable(v); t != nil {
			e = ConfigEnv{Value: asString(t["value"]), Force: asBool(t["force"]), Relative: asBool(t["relative"])}
		}
		if e.Relative && !path.IsAbs(e.Value) {
			e.Path = rooted(f.base, e.Value)
		}
		c.Env[name] = e
	}
	for _, key := range slices.Sorted(maps.Keys(d.tree)) {
		if key != "alias" {
			l.extra(c, f, d.tree[key], key)
		}
	}
}

// rooted joins a name to a folder. Above the root of the disk there is nothing.
func rooted(dir, name string) string {
	return path.Clean(strings.TrimPrefix(path.Join("/", dir, name), "/"))
}

// extra finds files that the configuration names: a linker, a wrapper, a linker script inside a flag. They are
// found by trying every word of every string, so that no key is forgotten.
func (l *loader) extra(c *Config, f configFile, v any, key ...string) {
	switch v := v.(type) {
	case table:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			l.extra(c, f, v[k], append(slices.Clip(key), k)...)
		}
	case []any:
		for _, e := range v {
			l.extra(c, f, e, key...)
		}
	case string:
		for _, w := range strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(" \t\n=,:", r) }) {
			for _, w := range []string{w, strings.TrimLeft(w, "-TLI@")} {
				if w == "" || path.IsAbs(w) {
					continue
				}
				l.word(c, f, w, key)
			}
		}
	}
}

// word takes the file that a word of the configuration names, relative to the folder above .cargo or to the
// workspace's root. What is a file outside of the project by both is refused; folders are never taken by a word.
func (l *loader) word(c *Config, f configFile, w string, key []string) {
	var outside *disk.OutsideError
	found := false
	for _, base := range []string{f.base, l.root.dir} {
		name := path.Join(base, w)
		info, err := l.fsys.Stat(name)
		if out := disk.Outside(err); out != nil && out.Info != nil && !out.Info.IsDir() {
			outside = out
		}
		if err != nil || info.IsDir() {
			continue
		}
		found = true
		if !slices.Contains(c.Extra, name) {
			c.Extra = append(c.Extra, name)
		}
	}
	if outside != nil && !found {
		l.report(f.doc.at(key...)+" names "+fault.Quote(w)+", which is outside of the project", outside.Error(), outside.Fix())
	}
}

// words reads flags: an array, or a string split at spaces.
func words(v any) []string {
	if s, ok := v.(string); ok {
		return strings.Fields(s)
	}
	return asStrings(v)
}
