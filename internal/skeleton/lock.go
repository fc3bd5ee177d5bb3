package skeleton

import (
	"maps"
	"slices"
	"strings"
)

// lock returns the lock file in which every stub has the stubs' version, in its own entry and in references to it.
// A foreign package of the same name keeps its own.
func (m *maker) lock() ([]byte, error) {
	stubs := map[string]string{} // "name version" -> "name 0.0.0-skel"
	for _, p := range m.ws.Packages {
		if !m.real[p] {
			stubs[p.Name+" "+p.Version] = p.Name + " " + StubVersion
		}
	}
	entry := func(v any) any {
		t, ok := v.(table)
		if !ok {
			return v
		}
		out := table{}
		maps.Copy(out, t)
		name, _ := t["name"].(string)
		version, _ := t["version"].(string)
		if _, stubbed := stubs[name+" "+version]; stubbed && t["source"] == nil {
			out["version"] = StubVersion
		}
		if deps, ok := t["dependencies"].([]any); ok {
			// A reference without a source, to a name and version that a local package has, means that one: cargo
			// writes the source wherever it would be ambiguous.
			renamed := make([]any, len(deps))
			for i, d := range deps {
				renamed[i] = d
				if s, ok := d.(string); ok {
					if to, stubbed := stubs[s]; stubbed {
						renamed[i] = to
					}
				}
			}
			out["dependencies"] = renamed
		}
		return out
	}
	out := table{}
	for k, v := range m.ws.Lock.Tree {
		switch list, isList := v.([]any); {
		case k == "package" && isList:
			entries := make([]any, len(list))
			for i, e := range list {
				entries[i] = entry(e)
			}
			slices.SortStableFunc(entries, func(a, b any) int { return strings.Compare(lockKey(a), lockKey(b)) })
			out[k] = entries
		case k == "root":
			out[k] = entry(v)
		default:
			out[k] = v
		}
	}
	return encode(out)
}

// lockKey orders the entries by what is left of them once versions are masked.
func lockKey(v any) string {
	t, _ := v.(table)
	name, _ := t["name"].(string)
	version, _ := t["version"].(string)
	source, _ := t["source"].(string)
	return name + " " + version + " " + source
}
