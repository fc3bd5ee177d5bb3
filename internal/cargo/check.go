package cargo

import (
	"fmt"
	"strings"

	"lpipe/internal/fault"
)

// CheckLock reports, as usage faults, what is certainly stale in the lock file: a member that is missing or has
// another version, a dependency of a member that is not there under any version. Finer differences are left to
// cargo's --locked.
func (w *Workspace) CheckLock() error {
	const fix = "run `cargo update --workspace` and commit Cargo.lock"
	var errs fault.List
	file := w.Lock.shown
	names := map[string]bool{}
	versions := map[string][]string{}
	for _, p := range w.Lock.Packages {
		names[underscored(p.Name)] = true
		if p.Source == nil {
			versions[p.Name] = append(versions[p.Name], p.Version)
		}
	}
	for _, p := range w.Packages {
		if !p.Member {
			continue
		}
		switch locked := versions[p.Name]; {
		case len(locked) == 0:
			errs.Addf(file+" is stale", fmt.Sprintf("it does not hold the package %s", p.Name), fix)
			continue
		case len(locked) == 1 && locked[0] != p.Version:
			errs.Addf(file+" is stale", fmt.Sprintf("it holds %s %s, but the manifest says %s", p.Name, locked[0], p.Version), fix)
			continue
		}
		for _, d := range p.Manifest.Dependencies() {
			name := d.Name
			spec := d.Spec
			if asBool(spec["workspace"]) && p.root != nil {
				spec = asTable(get(p.root.Workspace(), "dependencies", d.Name))
			}
			if real := asString(spec["package"]); real != "" {
				name = real
			}
			if !names[underscored(name)] {
				errs.Addf(file+" is stale", fmt.Sprintf("%s: the dependency %q is not in it", p.Manifest.At(d.Key...), name), fix)
			}
		}
	}
	return errs.Err()
}

func underscored(name string) string { return strings.ReplaceAll(name, "-", "_") }
