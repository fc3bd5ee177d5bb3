// Package doctor checks what a build needs of this machine and tells what works, what does not, and the fix.
//
// It starts the engine and asks the SSH agent and the registries, as a build would, but builds nothing and contacts no git
// server. Its checks are those of the other packages, one row each, and it prints them.
package doctor

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"lpipe/internal/access"
	"lpipe/internal/build"
	"lpipe/internal/engine"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/project"
)

// Check is one row of the report.
type Check struct {
	Name   string
	Detail string
	Err    error // nil when all is well; what is wrong, perhaps several [fault.Error]s
}

// Engines tells of each engine that the options name why it was chosen, and whether it answers. It starts the embedded one.
func Engines(ctx context.Context, o engine.Options) []Check {
	var checks []Check
	for _, choice := range engine.ChooseEach(o) {
		checks = append(checks, one(ctx, o, choice)...)
	}
	return checks
}

func one(ctx context.Context, o engine.Options, choice engine.Chosen) []Check {
	if choice.Err != nil {
		return []Check{{"engine", "", choice.Err}}
	}
	checks := []Check{{"engine", fmt.Sprintf("%s at %s (%s)", choice.Kind, choice.Address, choice.Why), nil}}
	for _, s := range choice.Skipped {
		checks[0].Detail += "; passed over " + s
	}
	if choice.Kind == engine.Embedded {
		checks = append(checks, runc())
	}
	e, err := engine.Connect(ctx, o, choice.Choice)
	if err != nil {
		return append(checks, Check{"BuildKit", "", err})
	}
	defer e.Close()
	d := e.Description()
	return append(checks, Check{"BuildKit", strings.TrimSpace(d.Version + " for " + strings.Join(d.Platforms, ", ")), nil})
}

// runc names the program that runs the steps of the embedded engine. That there is none is an error of the choice.
func runc() Check {
	for _, name := range []string{"buildkit-runc", "runc", "/usr/sbin/runc", "/sbin/runc"} {
		if found, err := exec.LookPath(name); err == nil {
			version, _ := exec.Command(found, "--version").Output() //nolint:forbidigo // it prints a line and ends
			first, _, _ := strings.Cut(string(version), "\n")
			return Check{"runc", strings.TrimSuffix(found+", "+first, ", "), nil}
		}
	}
	return Check{"runc", "at a place of the engine's own", nil}
}

// askTimeout is how long a registry may take to answer.
const askTimeout = 30 * time.Second

// BaseImages tells what the lambdas of the projects are built in, and whether the registry has it: ask returns the digest
// that an image has there. With nil, because there is no engine to ask, none is asked.
func BaseImages(ctx context.Context, projects []*project.Project, ask func(ctx context.Context, base string) (string, error)) []Check {
	var checks []Check
	seen := map[string]bool{}
	for _, p := range projects {
		for _, v := range p.Plan.Variants {
			if seen[v.Base] {
				continue
			}
			seen[v.Base] = true
			layout, err := build.BaseLayout(v)
			check := Check{Name: "base image", Detail: v.Base, Err: err}
			switch {
			case err != nil:
			case layout != nil:
				check.Detail += ", " + layout.Digest.String()
			case ask == nil:
				check.Detail += ", which was not asked for: there is no engine"
			default:
				ctx, cancel := context.WithTimeout(ctx, askTimeout)
				digest, err := ask(ctx, v.Base)
				cancel()
				check.Detail, check.Err = check.Detail+", "+digest, err
				if err != nil {
					check.Detail = v.Base
				}
			}
			checks = append(checks, check)
		}
	}
	return checks
}

// Images tells whether the registries let the user read or write images and caches. ask is nil where they do.
func Images(ctx context.Context, what string, names []string, ask func(ctx context.Context, name string) error) []Check {
	var checks []Check
	for _, name := range names {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		checks = append(checks, Check{Name: what, Detail: name, Err: ask(ctx, name)})
		cancel()
	}
	return checks
}

// Access tells what private repositories would be fetched with.
func Access(ctx context.Context, a *access.Access) []Check {
	var checks []Check
	for _, f := range a.Inspect(ctx) {
		checks = append(checks, Check{f.Subject, f.Detail, f.Err})
	}
	return checks
}

// Print writes a row for each check and returns the faults of those that failed, joined.
func Print(w io.Writer, checks []Check) error {
	var l fault.List
	for _, c := range checks {
		status := "ok"
		if c.Err != nil {
			status = "FAILED"
			if c.Detail == "" {
				c.Detail = "see below"
			}
		}
		foreign.Fprintf(w, "%-6s  %-10s  %s\n", status, c.Name, c.Detail)
		l.Add(c.Err)
	}
	return l.Err()
}
