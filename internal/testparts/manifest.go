package testparts

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// release is a line of a registry's index: what cargo resolves versions and features by.
// https://doc.rust-lang.org/cargo/reference/registry-index.html#json-schema
type release struct {
	Name      string              `json:"name"`
	Version   string              `json:"vers"`
	Needs     []need              `json:"deps"`
	Checksum  string              `json:"cksum"`
	Features  map[string][]string `json:"features"`
	Features2 map[string][]string `json:"features2,omitempty"`
	Yanked    bool                `json:"yanked"`
	Links     string              `json:"links,omitempty"`
	Rust      string              `json:"rust_version,omitempty"`
	Schema    int                 `json:"v"`
}

// need is a dependency of a release. Package is set where the dependent calls the crate by another name.
type need struct {
	Name            string   `json:"name"`
	Package         string   `json:"package,omitempty"`
	Requirement     string   `json:"req"`
	Features        []string `json:"features"`
	Optional        bool     `json:"optional"`
	DefaultFeatures bool     `json:"default_features"`
	Target          string   `json:"target,omitempty"`
	Kind            string   `json:"kind"`
}

// tables are the tables of a manifest that name dependencies: at its top, and under each of its targets.
type tables struct {
	Normal map[string]any `toml:"dependencies"`
	Dev    map[string]any `toml:"dev-dependencies"`
	Build  map[string]any `toml:"build-dependencies"`
}

// readManifest makes the index line of a crate from its Cargo.toml, all but the checksum.
func readManifest(data []byte) (*release, error) {
	var m struct {
		Package struct {
			Name    string
			Version string
			Links   string
			Rust    string `toml:"rust-version"`
		}
		tables
		Target   map[string]tables
		Features map[string][]string
	}
	if err := toml.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("reading Cargo.toml: %w", err)
	}
	r := &release{
		Name: m.Package.Name, Version: m.Package.Version, Links: m.Package.Links, Rust: m.Package.Rust,
		Needs: m.tables.needs(""), Features: map[string][]string{}, Features2: map[string][]string{}, Schema: 2,
	}
	for _, target := range slices.Sorted(maps.Keys(m.Target)) {
		r.Needs = append(r.Needs, m.Target[target].needs(target)...)
	}
	for feature, enables := range m.Features {
		if slices.ContainsFunc(enables, isNewSyntax) {
			r.Features2[feature] = enables
		} else {
			r.Features[feature] = enables
		}
	}
	return r, nil
}

// isNewSyntax is whether a feature's value must be hidden from old versions of cargo, in features2.
func isNewSyntax(value string) bool {
	return strings.HasPrefix(value, "dep:") || strings.Contains(value, "?/")
}

func (t tables) needs(target string) []need {
	needs := []need{}
	for _, table := range []struct {
		kind  string
		specs map[string]any
	}{{"normal", t.Normal}, {"dev", t.Dev}, {"build", t.Build}} {
		for _, name := range slices.Sorted(maps.Keys(table.specs)) {
			n := need{Name: name, Kind: table.kind, Target: target, Requirement: "*", Features: []string{}, DefaultFeatures: true}
			n.specify(table.specs[name])
			needs = append(needs, n)
		}
	}
	return needs
}

// specify reads the right side of a dependency: a requirement, or a table.
func (n *need) specify(spec any) {
	if requirement, ok := spec.(string); ok {
		n.Requirement = requirement
		return
	}
	table, _ := spec.(map[string]any)
	set(table, "version", &n.Requirement)
	set(table, "package", &n.Package)
	set(table, "optional", &n.Optional)
	set(table, "default-features", &n.DefaultFeatures)
	features, _ := table["features"].([]any)
	for _, feature := range features {
		n.Features = append(n.Features, fmt.Sprint(feature))
	}
}

func set[T any](table map[string]any, key string, value *T) {
	if v, ok := table[key].(T); ok {
		*value = v
	}
}
