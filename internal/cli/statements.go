package cli

import (
	"context"
	"path/filepath"

	"lpipe/internal/attest"
	"lpipe/internal/build"
	"lpipe/internal/config"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/since"
)

// stated is what statements on lambdas say beside what a build says of itself. The notes are on what they cannot say.
func stated(ctx context.Context, projects []*project.Project, commits build.Commits, push pushing) (s build.Stating, notes []string) {
	lpipe, _ := versions()
	s = build.Stating{Zips: true, Images: push.statements, Version: lpipe, Git: map[*plan.Lambda]attest.Git{}}
	for _, p := range projects {
		image := p.Config.Push && (push.statements.Provenance || push.statements.SBOM)
		if len(p.Config.Statements.Kinds) == 0 && !image {
			continue
		}
		known, err := commits(ctx, p)
		if err != nil {
			notes = append(notes, "the statements name no commit: "+err.Error())
		}
		for l, at := range known {
			s.Git[l] = at
		}
	}
	return s, notes
}

// commitsOf returns the function that tells the commits of projects that were opened with these settings. It asks git once for
// each folder.
func commitsOf(here *project.Here, settings []config.Setting) build.Commits {
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
	at := attest.Git{Commit: commit, Dir: "."}
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
	_, why, err := since.Changed(ctx, here, []*project.Project{p}, commit, settings, build.Included)
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
