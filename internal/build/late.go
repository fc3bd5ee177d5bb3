package build

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"lpipe/internal/attest"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/project"
)

// dirty follows the hash of a commit where what is built differs from it, as git describe --dirty has it.
const dirty = "-dirty"

// lateValues fills the values of late-env of the lambdas of a project.
type lateValues struct {
	project *project.Project
	commits Commits

	asked bool
	known map[*plan.Lambda]attest.Git
	err   error
}

// of returns the values of a lambda, by the names of their variables; nil for none. The error is a usage fault where a value
// depends on a commit that is not known.
func (v *lateValues) of(ctx context.Context, l *plan.Lambda) (map[string]string, error) {
	if len(l.Build.LateEnv) == 0 {
		return nil, nil
	}
	var mistakes fault.List
	values := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(l.Build.LateEnv)) {
		values[name] = config.Fill(l.Build.LateEnv[name], func(placeholder string) string {
			switch placeholder {
			case "name":
				return l.Name
			case "arch":
				return l.Arch
			case "version":
				return l.Package.Version
			}
			sha, err := v.sha(ctx, l)
			if err != nil {
				mistakes.Add(&fault.Error{
					Kind: fault.Usage, What: fmt.Sprintf("%s of late-env has no value for %s", name, l.Label()), Err: fmt.Errorf("{{%s}} is not known: %w", placeholder, err),
					Fix: "build in a checkout of a git repository with a commit, or give late-env a value without {{" + placeholder + "}}",
				})
			}
			return sha
		})
	}
	return values, mistakes.Err()
}

// sha is the hash of the commit that the lambda is built from.
func (v *lateValues) sha(ctx context.Context, l *plan.Lambda) (string, error) {
	if !v.asked {
		v.asked, v.err = true, errors.New("no commit is given")
		if v.commits != nil {
			v.known, v.err = v.commits(ctx, v.project)
		}
	}
	at := v.known[l]
	switch {
	case v.err != nil:
		return "", v.err
	case at.Modified:
		return at.Commit + dirty, nil
	}
	return at.Commit, nil
}
