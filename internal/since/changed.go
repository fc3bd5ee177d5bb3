package since

import (
	"context"
	"os"

	"lpipe/internal/config"
	"lpipe/internal/plan"
	"lpipe/internal/project"
)

// Change is one of the things that a lambda depends on and that differs.
type Change struct {
	Kind  string   // "new", "settings", "sources", "dependencies" or, since the last build, "image"
	Names []string // what makes the difference: settings, files relative to the workspace's root, or crates
}

// Included returns the digests of the files that a lambda's zip has beside the program, by their names in it.
type Included func(project.Target) (map[string]string, error)

// Changed returns the projects with the lambdas alone that differ from the git revision rev, and what differs of each.
// settings are those that the projects were opened with.
func Changed(
	ctx context.Context, here *project.Here, projects []*project.Project, rev string, settings []config.Setting, included Included,
) (changed []*project.Project, why map[*plan.Lambda][]Change, err error) {
	opened := map[string]*revision{} // by repository
	why = map[*plan.Lambda][]Change{}
	for _, p := range projects {
		repository, err := here.Repository(ctx, p.Dir)
		if err != nil {
			return nil, nil, err
		}
		at := opened[repository.Top]
		if at == nil {
			if at, err = openRevision(ctx, os.DirFS("/"), repository, rev); err != nil {
				return nil, nil, err
			}
			defer at.Close()
			opened[repository.Top] = at
		}
		before := make(chan *side, 1)
		go func() {
			// A project that was not there, or could not be planned, has no lambda that is still the same.
			old, err := here.Before(p, at, settings)
			if err != nil {
				before <- nil
				return
			}
			before <- newSide(ctx, old, included)
		}()
		now := newSide(ctx, p, included)
		all, err := compare(ctx, <-before, now)
		switch {
		case ctx.Err() != nil:
			return nil, nil, context.Cause(ctx)
		case at.Err() != nil:
			return nil, nil, at.Err()
		case err != nil:
			return nil, nil, err
		}
		kept := *p
		kept.Plan = p.Plan.Keep(func(l *plan.Lambda) bool { return len(all[l.Folder()]) > 0 })
		for _, l := range p.Plan.Lambdas() {
			if changes := all[l.Folder()]; len(changes) > 0 {
				why[l] = changes
			}
		}
		changed = append(changed, &kept)
	}
	return changed, why, nil
}
