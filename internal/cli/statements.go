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
func stated(
	ctx context.Context, here *project.Here, projects []*project.Project, settings []config.Setting, push pushing,
) (s build.Stating, notes []string) {
	lpipe, _ := versions()
	s = build.Stating{Zips: true, Images: push.statements, Version: lpipe, Git: map[*plan.Lambda]attest.Git{}}
	for _, p := range projects {
		image := p.Config.Push && (push.statements.Provenance || push.statements.SBOM)
		if len(p.Config.Statements.Kinds) == 0 && !image {
			continue
		}
		if err := commitOf(ctx, here, p, settings, s.Git); err != nil {
			notes = append(notes, "the statements name no commit: "+err.Error())
		}
	}
	return s, notes
}

// commitOf finds the commit that the lambdas of a project are built from, and which of them differ from it.
func commitOf(ctx context.Context, here *project.Here, p *project.Project, settings []config.Setting, all map[*plan.Lambda]attest.Git) error {
	repository, err := here.Repository(ctx, p.Dir)
	if err != nil {
		return err
	}
	commit, err := repository.Commit(ctx, here.Checkout(ctx, p.Dir).Commit)
	if err != nil {
		return err
	}
	at := attest.Git{Commit: commit, Dir: "."}
	if at.Tree, err = repository.Tree(ctx, commit); err != nil {
		return err
	}
	dir, err := filepath.EvalSymlinks(p.Dir)
	if err != nil {
		return err
	}
	if dir, err = filepath.Rel(repository.Top, dir); err != nil {
		return err
	}
	at.Dir = filepath.ToSlash(dir)
	_, why, err := since.Changed(ctx, here, []*project.Project{p}, commit, settings, build.Included)
	if err != nil {
		return err
	}
	for _, l := range p.Plan.Lambdas() {
		mine := at
		_, mine.Modified = why[l]
		all[l] = mine
	}
	return nil
}
