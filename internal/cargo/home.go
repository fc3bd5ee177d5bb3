package cargo

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
)

// Home is what the user's own configuration of cargo, in $CARGO_HOME and in variables, says of where crates come from and
// how the network is used. All else that it says is for builds of cargo on this machine.
// https://doc.rust-lang.org/cargo/reference/config.html#hierarchical-structure
type Home struct {
	Proxy  string // http.proxy
	CAInfo string // http.cainfo, an absolute path

	doc *document // nil where there is none
	env map[string]string
}

// ReadHome reads the configuration of the user with this environment. fsys is rooted at "/".
func ReadHome(fsys fs.FS, env map[string]string) (*Home, error) {
	h := &Home{env: env}
	dir := homeOf(env, "CARGO_HOME", ".cargo")
	if dir != "" {
		for _, name := range []string{"config", "config.toml"} { // the old name wins, as in cargo
			name = path.Join(dir, name)
			data, err := disk.Read(fsys, name[1:], disk.MaxSmall)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, &fault.Error{Kind: fault.Usage, What: "cannot read cargo's configuration", Err: err, Fix: "correct " + name}
			}
			if h.doc, err = parse(name, data, correctTOML); err != nil {
				return nil, err
			}
			break
		}
	}
	h.Proxy, h.CAInfo = env["CARGO_HTTP_PROXY"], env["CARGO_HTTP_CAINFO"]
	if h.Proxy == "" {
		h.Proxy = h.text("http", "proxy")
	}
	if file := h.text("http", "cainfo"); h.CAInfo == "" && file != "" {
		// Relative paths start at the folder above the one of the file.
		if h.CAInfo = file; !path.IsAbs(file) {
			h.CAInfo = path.Join(path.Dir(dir), file)
		}
	}
	return h, nil
}

func (h *Home) text(key ...string) string {
	if h.doc == nil {
		return ""
	}
	return asString(h.doc.get(key...))
}

func (h *Home) sources() table {
	if h.doc == nil {
		return nil
	}
	return asTable(h.doc.get("source"))
}

// index is that of a registry which neither the project nor its lock file describes, by the name that manifests give it.
func (h *Home) index(name string) string {
	if index := h.env[IndexVariable(name)]; index != "" {
		return index
	}
	return h.text("registries", name, "index")
}

// IndexVariable is cargo's variable for the index of a registry.
func IndexVariable(name string) string {
	return "CARGO_REGISTRIES_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "_INDEX"
}

// Crates say where the crates of a project come from, as far as the user's own configuration decides that: registries that
// its manifests name and nothing of the project describes, and what is put in the place of a source that its lock names.
type Crates struct {
	Registries map[string]string       // the index, by name
	Sources    map[string]ConfigSource // with ReplaceWith or Registry set
	Notes      []string                // what of the configuration has no effect
}

// Add adds where the crates of the workspace come from. A registry whose index nothing of this names may be one that the
// base image knows.
func (c *Crates) Add(h *Home, w *Workspace) {
	for _, name := range w.namedRegistries() {
		if index := h.index(name); index != "" && w.Config.Registries[name] == "" {
			c.Registries[name] = index
		}
	}
	for _, s := range w.Lock.Registries() {
		if s.URL == CratesIO {
			c.follow(h, w, "crates-io")
			continue
		}
		index := s.URL
		if s.Kind == "sparse" {
			index = "sparse+" + index
		}
		for _, name := range slices.Sorted(maps.Keys(h.sources())) {
			if h.text("source", name, "registry") == index || h.index(name) == index {
				c.follow(h, w, name)
			}
		}
	}
}

// NewCrates returns one that says nothing.
func NewCrates() *Crates {
	return &Crates{Registries: map[string]string{}, Sources: map[string]ConfigSource{}}
}

// CratesIO is the source that Cargo.lock gives crates of crates.io.
const CratesIO = "https://github.com/rust-lang/crates.io-index"

// follow adds what the user's configuration puts in the place of a source, link by link. A source that the project
// describes is the project's.
func (c *Crates) follow(h *Home, w *Workspace, name string) {
	first := name
	for name != "" {
		_, own := w.Config.Sources[name]
		_, known := c.Sources[name]
		if own || known || h.doc == nil {
			return
		}
		t := asTable(h.doc.get("source", name))
		for _, key := range []string{"directory", "local-registry", "git"} {
			if t[key] != nil {
				note := fmt.Sprintf("%s has no effect on %s: a build downloads crates from registries alone", h.doc.at("source", name, key), first)
				if !slices.Contains(c.Notes, note) {
					c.Notes = append(c.Notes, note)
				}
				delete(c.Sources, first)
				return
			}
		}
		s := ConfigSource{ReplaceWith: asString(t["replace-with"]), Registry: asString(t["registry"])}
		if s.ReplaceWith == "" && s.Registry == "" {
			// cargo takes the name of one of [registries] too.
			if index := h.index(name); index != "" && name != first {
				c.Registries[name] = index
			}
			return
		}
		c.Sources[name] = s
		name = s.ReplaceWith
	}
}

// namedRegistries are the names of registries that dependencies of the workspace's own packages have, sorted.
func (w *Workspace) namedRegistries() []string {
	names := map[string]bool{}
	add := func(spec map[string]any) {
		if name := asString(spec["registry"]); name != "" && name != "crates-io" {
			names[name] = true
		}
	}
	manifests := []*Manifest{w.Manifest}
	for _, p := range w.Packages {
		manifests = append(manifests, p.Manifest)
	}
	for _, m := range manifests {
		for _, d := range m.Dependencies() {
			add(d.Spec)
		}
	}
	for _, spec := range asTable(get(w.Manifest.Workspace(), "dependencies")) {
		add(asTable(spec))
	}
	return slices.Sorted(maps.Keys(names))
}

// TOML is the part of a configuration of cargo that says so, as lines which stand before all tables.
func (c *Crates) TOML() string {
	var b strings.Builder
	put := func(table, name, key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s.%s.%s = %s\n", table, basic(name), key, basic(value))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Registries)) {
		put("registries", name, "index", c.Registries[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.Sources)) {
		put("source", name, "replace-with", c.Sources[name].ReplaceWith)
		put("source", name, "registry", c.Sources[name].Registry)
	}
	return b.String()
}

// basic writes a TOML string: https://toml.io/en/v1.0.0#string
func basic(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}
