package cargo

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// FetchConfig is the part of the project's configuration that cargo needs to download the dependencies, as TOML: where
// crates come from, how the network is used, and which dependencies the target asks for. source is the folder that
// the build sees Base as; relative paths are made absolute with it.
//
// Downloading has keys and tokens, so the list is one of what is allowed. Nothing in it names a program, or a variable
// for one; who gets a token and which git logs in is decided elsewhere.
func (w *Workspace) FetchConfig(source string) (string, error) {
	all := table{}
	for _, f := range w.Config.files { // what is closer to the root comes first, and wins
		p := fetchFilter{dir: path.Join(source, f.base)}
		join(all, p.config(f.doc.tree))
	}
	if len(all) == 0 {
		return "", nil
	}
	data, err := toml.Marshal(all)
	return string(data), err
}

// FetchIgnores names the keys of the configuration that only matter for downloading and that FetchConfig leaves out, where
// what they ask for is not what is done anyway.
func (w *Workspace) FetchIgnores() []string {
	var all []string
	for _, f := range w.Config.files {
		keys := [][]string{
			{"credential-alias"},
			{"registry", "credential-provider"},
			{"registry", "global-credential-providers"},
			{"net", "git-fetch-with-cli"},
			{"net", "ssh"},
			{"http", "debug"},
		}
		for _, name := range slices.Sorted(maps.Keys(asTable(f.doc.get("registries")))) {
			keys = append(keys, []string{"registries", name, "credential-provider"})
		}
		for _, key := range keys {
			v := f.doc.get(key...)
			usual := v == nil || key[len(key)-1] == "git-fetch-with-cli" && asBool(v) || slices.Equal(asStrings(v), []string{"cargo:token"})
			if !usual {
				all = append(all, f.doc.at(key...)+": "+strings.Join(key, "."))
			}
		}
	}
	return all
}

// join adds what of a file is not set yet. As in cargo, tables are merged and arrays joined, the closest file last.
func join(to, from table) {
	for k, v := range from {
		switch old := to[k].(type) {
		case nil:
			to[k] = v
		case table:
			if t, ok := v.(table); ok {
				join(old, t)
			}
		case []any:
			if list, ok := v.([]any); ok {
				to[k] = slices.Concat(list, old)
			}
		}
	}
}

// fetchFilter filters one file of the configuration, whose relative paths start at dir.
type fetchFilter struct{ dir string }

func (p fetchFilter) config(tree table) table {
	out := table{}
	put := func(name string, t table) {
		if len(t) > 0 {
			out[name] = t
		}
	}
	put("http", p.some(asTable(tree["http"]), "check-revoke", "low-speed-limit", "multiplexing", "proxy", "ssl-version", "timeout", "user-agent", "/cainfo", "/proxy-cainfo"))
	put("net", p.some(asTable(tree["net"]), "offline", "retry"))
	put("resolver", p.some(asTable(tree["resolver"]), "incompatible-rust-versions", "feature-unification"))
	put("unstable", p.some(asTable(tree["unstable"]), "bindeps", "build-std", "build-std-features", "public-dependency", "registry-auth", "sparse-registry"))
	put("source", p.each(tree["source"], "branch", "git", "registry", "replace-with", "rev", "tag", "/directory", "/local-registry"))
	put("registries", p.each(tree["registries"], "index", "protocol"))
	patches := table{}
	for name, crates := range asTable(tree["patch"]) {
		if t := p.each(crates, "branch", "default-features", "features", "git", "package", "registry", "registry-index", "rev", "tag", "version", "/path"); len(t) > 0 {
			patches[name] = t
		}
	}
	put("patch", patches)
	if paths := asStrings(tree["paths"]); len(paths) > 0 {
		list := make([]any, len(paths))
		for i, name := range paths {
			list[i] = p.absolute(name)
		}
		out["paths"] = list
	}
	put("build", p.flags(tree["build"]))
	targets := table{}
	for name, t := range asTable(tree["target"]) {
		if flags := p.flags(t); len(flags) > 0 {
			targets[name] = flags
		}
	}
	put("target", targets)
	return out
}

// some returns the keys of a table; of those with a slash in front the values are paths.
func (p fetchFilter) some(t table, keys ...string) table {
	out := table{}
	for _, key := range keys {
		name, isPath := strings.CutPrefix(key, "/")
		v, ok := t[name]
		if s, isString := v.(string); isPath && isString {
			v = p.absolute(s)
		} else if isPath {
			continue
		}
		if ok {
			out[name] = v
		}
	}
	return out
}

// each returns the keys of every table in v.
func (p fetchFilter) each(v any, keys ...string) table {
	out := table{}
	for name, entry := range asTable(v) {
		if t := p.some(asTable(entry), keys...); len(t) > 0 {
			out[name] = t
		}
	}
	return out
}

func (p fetchFilter) absolute(name string) string {
	if path.IsAbs(name) {
		return name
	}
	return path.Join(p.dir, name)
}

// cfgFlags are the flags of rustc that decide which cfg() of a manifest is true, and so which dependencies there are.
var cfgFlags = []string{"--cfg", "-Ctarget-cpu", "-Ctarget-feature", "-Cpanic", "-Cdebug-assertions"}

// flags returns the rustflags of v that are [cfgFlags]. Each is one word, since rustc reads a word of its own that begins
// with @ as the name of a file with more flags.
func (p fetchFilter) flags(v any) table {
	var flags []any
	given := words(get(asTable(v), "rustflags"))
	for i, w := range given {
		switch {
		case i > 0 && given[i-1] == "--cfg":
			w = "--cfg=" + w
		case i > 0 && (given[i-1] == "-C" || given[i-1] == "--codegen"):
			w = "-C" + w
		case strings.HasPrefix(w, "--codegen="):
			w = "-C" + strings.TrimPrefix(w, "--codegen=")
		}
		if name, _, _ := strings.Cut(w, "="); name != w && slices.Contains(cfgFlags, name) {
			flags = append(flags, w)
		}
	}
	if len(flags) == 0 {
		return nil
	}
	return table{"rustflags": flags}
}
