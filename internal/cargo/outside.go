package cargo

import (
	"io/fs"
	"maps"
	"path"
	"slices"

	"lpipe/internal/disk"
)

// Outside is what cargo, rustup and git obey on this machine beside the files of the project: a build in containers has none of it.
type Outside struct {
	Configs   []OutsideConfig // the closest first, that of the user last
	Toolchain string          // what says which compiler is taken, "" for nothing
	Rewrites  []Rewrite       // of what is fetched by git
}

// OutsideConfig is one of cargo's configuration files.
type OutsideConfig struct {
	File string   // absolute
	Keys []string // what of it decides what is built, as "build.rustflags", sorted
	// OtherLibc are the strings of its tables for a target of the build but for the C library: see [OtherLibc].
	OtherLibc []Setting
}

// notBuilt are tables of cargo's configuration that say nothing of what is built, and keys of [build] alike: where cargo puts
// things, how fast it is and what it prints.
var notBuilt = []string{
	"alias", "cache", "cargo-new", "credential-alias", "doc", "future-incompat-report", "http", "install", "net", "resolver", "term",
	"build.build-dir", "build.dep-info-basedir", "build.incremental", "build.jobs", "build.rustdoc", "build.rustdocflags", "build.target-dir",
}

// ofHome are tables that are obeyed where the file is the user's own: see [Home].
var ofHome = []string{"registries", "registry", "source"}

// Outside finds that for who calls cargo in the workspace's root with this environment, and compiles for the targets. fsys is
// rooted at "/".
func (w *Workspace) Outside(fsys fs.FS, env map[string]string, targets []string) (o Outside) {
	own := w.FS.Up(path.Join(w.Base, w.Root))
	home := ""
	if dir := homeOf(env, "CARGO_HOME", ".cargo"); dir != "" {
		home = dir[1:]
	}
	config := func(dir string) {
		for _, name := range []string{"config", "config.toml"} {
			name = path.Join(dir, name)
			doc := readDocument(fsys, name)
			if doc == nil {
				continue
			}
			c := OutsideConfig{File: "/" + name, Keys: outsideKeys(doc, dir == home, targets)}
			for _, s := range settings(nil, doc, doc.tree["target"], []string{"target"}) {
				if len(s.Key) > 2 && OtherLibc(s.Key[1], targets) {
					c.OtherLibc = append(c.OtherLibc, s)
				}
			}
			if len(c.Keys) > 0 || len(c.OtherLibc) > 0 {
				o.Configs = append(o.Configs, c)
			}
			return
		}
	}
	for dir := path.Join(w.Base, w.Root); dir != "."; {
		dir = path.Dir(dir)
		if slices.Contains(own, dir) {
			continue
		}
		if at := path.Join(dir, ".cargo"); at != home {
			config(at)
		}
		for _, name := range []string{"rust-toolchain", usualToolchain} {
			if name = path.Join(dir, name); o.Toolchain == "" && w.Toolchain == nil && isFile(fsys, name) {
				o.Toolchain = "/" + name
			}
		}
	}
	if home != "" {
		config(home)
	}
	if override := w.override(fsys, env); override != "" {
		o.Toolchain = override
	}
	o.Rewrites = w.rewrites(fsys, env)
	return o
}

// homeOf is a folder of the user, absolute, by its own variable or below HOME; "" for none.
func homeOf(env map[string]string, variable, below string) string {
	dir := env[variable]
	if home := env["HOME"]; dir == "" && path.IsAbs(home) {
		dir = path.Join(home, below)
	}
	if !path.IsAbs(dir) {
		return ""
	}
	return path.Clean(dir)
}

// readDocument reads a file of the user's, nil where there is none that can be read: it is no file of the project.
func readDocument(fsys fs.FS, name string) *document {
	data, err := disk.Read(fsys, name, disk.MaxSmall)
	if err != nil {
		return nil
	}
	doc, err := parse("/"+name, data, correctTOML)
	if err != nil {
		return nil
	}
	return doc
}

// override says which compiler rustup takes in the workspace's root because of "rustup override set": it goes before files.
func (w *Workspace) override(fsys fs.FS, env map[string]string) string {
	home := homeOf(env, "RUSTUP_HOME", ".rustup")
	if home == "" {
		return ""
	}
	doc := readDocument(fsys, path.Join(home, "settings.toml")[1:])
	if doc == nil {
		return ""
	}
	overrides := asTable(doc.get("overrides"))
	for dir := path.Join("/", w.Base, w.Root); ; dir = path.Dir(dir) {
		if channel := asString(overrides[dir]); channel != "" {
			return "rustup's override of " + dir + " (" + channel + ")"
		}
		if dir == "/" {
			return ""
		}
	}
}

func outsideKeys(doc *document, home bool, targets []string) (keys []string) {
	for _, name := range slices.Sorted(maps.Keys(doc.tree)) {
		if slices.Contains(notBuilt, name) || home && slices.Contains(ofHome, name) {
			continue
		}
		below := asTable(doc.tree[name])
		if below == nil {
			keys = append(keys, name)
		}
		for _, key := range slices.Sorted(maps.Keys(below)) {
			full := name + "." + key
			other := name == "target" && !slices.ContainsFunc(targets, func(t string) bool { return Applies(key, t) })
			if !other && !slices.Contains(notBuilt, full) {
				keys = append(keys, full)
			}
		}
	}
	return keys
}
