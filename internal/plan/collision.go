package plan

import (
	"fmt"
	"slices"

	"lpipe/internal/cargo"
	"lpipe/internal/fault"
)

// collision refuses a lambda beside whose sources lies another package with a program of the same name: cargo compiles
// the workspace as one and writes both to one file. It is nil where there is none.
func collision(ws *cargo.Workspace, l *Lambda) error {
	for _, p := range ws.Closure([]*cargo.Package{l.Package}) {
		targets := p.Bins
		if l.Kind == "example" {
			targets = p.Examples
		}
		if p == l.Package || !p.Member || !slices.ContainsFunc(targets, func(t cargo.Target) bool { return t.Name == l.Bin }) {
			continue
		}
		return &fault.Error{
			Kind: fault.Usage,
			What: fmt.Sprintf("the lambda %q cannot be built beside the package %q that it depends on", l.Name, p.Name),
			Why:  fmt.Sprintf("both have a program called %q, and cargo writes both to one file", l.Bin),
			Fix:  "rename one of the two in its Cargo.toml: in the zip the program is called bootstrap, whatever its name",
		}
	}
	return nil
}
