package since

import (
	"context"
	"os"

	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/plan"
	"lpipe/internal/project"
)

// Changed returns the projects with the lambdas alone that differ from the git revision rev, and what differs of each.
// settings are those that the projects were opened with.
func Changed(
	ctx context.Context, here *project.Here, projects []*project.Project, rev string, settings []config.Setting,
) (changed []*project.Project, why map[*plan.Lambda][]string, err error) {
	opened := map[string]*revision{} // by repository
	why = map[*plan.Lambda][]string{}
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
		before := map[string]fingerprint{}
		// A project that was not there, or could not be planned, has no lambda that is still the same.
		if old, err := here.Before(p, at, settings); err == nil {
			if before, err = fingerprints(ctx, old); err != nil {
				before = nil
			}
		}
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		if err := at.Err(); err != nil {
			return nil, nil, err
		}
		now, err := fingerprints(ctx, p)
		if err != nil {
			return nil, nil, err
		}
		for _, l := range p.Plan.Lambdas() {
			f := now[l.Folder()]
			if old, known := before[l.Folder()]; !known {
				why[l] = []string{"new"}
			} else if parts := f.Changes(old); len(parts) > 0 {
				why[l] = parts
			}
		}
		kept := *p
		kept.Plan = p.Plan.Keep(func(l *plan.Lambda) bool { return len(why[l]) > 0 })
		changed = append(changed, &kept)
	}
	return changed, why, nil
}

// fingerprints are those of the project's lambdas, by their folders.
func fingerprints(ctx context.Context, p *project.Project) (map[string]fingerprint, error) {
	all := map[string]fingerprint{}
	for _, v := range p.Plan.Variants {
		text, err := dockerfile.Render(v)
		if err != nil {
			return nil, err
		}
		for _, l := range v.Lambdas {
			if all[l.Folder()], err = fingerprintOf(ctx, p.Plan.Workspace, p.Plan.Reach, l, text); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}
