package build

import (
	"context"
	"path/filepath"

	"lpipe/internal/attest"
	"lpipe/internal/config"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/since"
)

// Commits is a function that returns the commit of each lambda of a project.
type Commits func(ctx context.Context, p *project.Project) (map[*plan.Lambda]attest.Git, error)

// CommitsOf returns the function for projects that were opened with these settings. It asks git once for each of them.
func CommitsOf(here *project.Here, settings []config.Setting) Commits {
	type answer struct {
		git map[*plan.Lambda]attest.Git
		err error
	}
	known := map[*project.Project]answer{}
	return func(ctx context.Context, p *project.Project) (map[*plan.Lambda]attest.Git, error) {
		a, ok := known[p]
		if !ok {
			a.git, a.err = commitOf(ctx, here, p, settings)
			known[p] = a
		}
		return a.git, a.err
	}
}

// commitOf finds the commit that the lambdas of a project are built from, which is the one that is checked out whatever the
// CI system says, and which of them differ from it.
func commitOf(ctx context.Context, here *project.Here, p *project.Project, settings []config.Setting) (map[*plan.Lambda]attest.Git, error) {
	repository, err := here.Repository(ctx, p.Dir)
	if err != nil {
		return nil, err
	}
	commit, err := repository.Commit(ctx, "HEAD")
	if err != nil {
		return nil, err
	}
	at := attest.Git{Commit: commit}
	if at.Tree, err = repository.Tree(ctx, commit); err != nil {
		return nil, err
	}
	dir, err := filepath.EvalSymlinks(p.Dir)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Rel(repository.Top, dir); err != nil {
		return nil, err
	}
	at.Dir = filepath.ToSlash(dir)
	_, why, err := Changed(ctx, here, []*project.Project{p}, commit, settings)
	if err != nil {
		return nil, err
	}
	all := map[*plan.Lambda]attest.Git{}
	for _, l := range p.Plan.Lambdas() {
		mine := at
		_, mine.Modified = why[l]
		all[l] = mine
	}
	return all, nil
}

// Changed is [since.Changed], with what a build puts into zips beside programs.
func Changed(
	ctx context.Context, here *project.Here, projects []*project.Project, rev string, settings []config.Setting,
) ([]*project.Project, map[*plan.Lambda][]since.Change, error) {
	return since.Changed(ctx, here, projects, rev, settings, Included)
}
