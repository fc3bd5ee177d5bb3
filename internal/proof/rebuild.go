package proof

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"lpipe/internal/artifact"
	"lpipe/internal/attest"
	"lpipe/internal/build"
	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/ownership"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/report"
	"lpipe/internal/verify"
)

// Rebuilder rebuilds zips.
type Rebuilder struct {
	Here     *project.Here
	Settings []config.Setting
	Version  string // of lpipe
	// Build builds one project.
	Build func(ctx context.Context, here *project.Here, p *project.Project, o build.Options) (*report.Summary, error)
}

// Verify reads a zip and its statements, which find finds and signed accepts, and rebuilds it.
func (v Rebuilder) Verify(
	ctx context.Context, s Subject, find func(s Subject, data []byte) (string, error), signed func(attest.Statement) error,
) (verify.Zip, verify.Result, error) {
	data, err := s.Data()
	if err != nil {
		return verify.Zip{}, verify.Result{}, err
	}
	bundle, err := find(s, data)
	if err != nil {
		return verify.Zip{}, verify.Result{}, err
	}
	z, err := Read(s.Shown, data, bundle, signed)
	if err != nil {
		return z, verify.Result{}, err
	}
	r, err := v.rebuild(ctx, z)
	return z, r, fault.About(s.Shown, err)
}

// rebuild builds the commit of a zip in a folder of its own, and compares.
func (v Rebuilder) rebuild(ctx context.Context, z verify.Zip) (verify.Result, error) {
	repository, err := v.Here.Repository(ctx, v.Here.Dir)
	if err != nil {
		return verify.Result{}, err
	}
	dir, err := ownership.MakeTemp("lpipe-verify-")
	if err != nil {
		return verify.Result{}, &fault.Error{Kind: fault.Usage, What: "there is no folder to rebuild in", Err: err, Fix: "set TMPDIR to a folder of yours"}
	}
	defer os.RemoveAll(dir)
	// The bound of a project is its repository.
	if err := os.MkdirAll(filepath.Join(dir, "sources", ".git"), 0o700); err != nil {
		return verify.Result{}, err
	}
	files, err := repository.Files(ctx, z.Commit())
	if err == nil {
		err = errors.Join(files.Write(filepath.Join(dir, "sources")), files.Err())
		files.Close()
	}
	if err != nil {
		return verify.Result{}, &fault.Error{
			Kind: fault.Usage, What: "the commit " + z.Commit() + " cannot be read from " + v.Here.Show(repository.Top), Err: err,
			Fix: "run lpipe verify in a clone that has it; a shallow clone may lack it: git fetch --unshallow",
		}
	}
	workspace := z.Text("workspace")
	if !leadsInto(filepath.Join(dir, "sources"), filepath.FromSlash(workspace)) {
		return verify.Result{}, &fault.Error{Kind: fault.Usage, What: fmt.Sprintf("the statement names the workspace %q", workspace), Fix: "take zip and statements from where they were built"}
	}
	clean := &project.Here{
		Dir: filepath.Join(dir, "sources", filepath.FromSlash(workspace)), Env: withoutSettings(v.Here.Env, z.Epoch()), Disk: v.Here.Disk, Trace: v.Here.Trace, Out: filepath.Join(dir, "out"),
	}
	open := func(settings []config.Setting) (*project.Project, *plan.Lambda, error) {
		projects, err := clean.Open([]string{z.Text("lambda")}, false, settings)
		if err != nil {
			return nil, nil, err
		}
		lambdas := projects[0].Plan.Lambdas()
		return projects[0], lambdas[0], nil
	}
	settings := slices.Concat(v.Settings, []config.Setting{{Key: "build.test", Values: []string{"false"}, Flag: "lpipe verify"}})
	_, l, err := open(settings)
	if err != nil {
		return verify.Result{}, err
	}
	p, l, err := open(slices.Concat(settings, verify.Settings(z.Origin, l)))
	if err != nil {
		return verify.Result{}, err
	}
	p.Config.Statements, p.Config.Push, p.Config.Cache.To = config.Statements{Kinds: []string{attest.KindProvenance}}, false, nil
	git := attest.Git{Commit: z.Commit(), Dir: workspace}
	if git.Tree, err = repository.Tree(ctx, z.Commit()); err != nil {
		return verify.Result{}, err
	}
	key, _ := clean.Key([]*project.Project{p})
	commits := map[*plan.Lambda]attest.Git{l: git}
	summary, err := v.Build(ctx, clean, p, build.Options{
		Stage: dockerfile.StageLambda, Partial: true, Key: key,
		Stating: build.Stating{Zips: true, Version: v.Version, Git: commits},
		Commits: func(context.Context, *project.Project) (map[*plan.Lambda]attest.Git, error) { return commits, nil },
	})
	if err != nil {
		return verify.Result{}, err
	}
	out := project.Target{Project: p, Lambda: l}.OutputDir()
	data, err := readZip(filepath.Join(out, artifact.ZipName))
	if err != nil {
		return verify.Result{}, err
	}
	again, err := Read(filepath.Join(out, artifact.ZipName), data, filepath.Join(out, attest.BundleName), nil)
	if err != nil {
		return verify.Result{}, err
	}
	r := verify.Compare(z, again)
	if summary.Cached > 0 && len(r.Differences) == 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("this engine had done %d of %s before; --no-cache does all of them again", summary.Cached, report.Count(summary.Steps, "step", "steps")))
	}
	return r, nil
}

// leadsInto reports that a name leads to a folder below another one, also by the links in it.
func leadsInto(dir, name string) bool {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return false
	}
	defer root.Close()
	info, err := root.Stat(name)
	return err == nil && info.IsDir()
}

// withoutSettings is the environment without what sets how lambdas are built, which the statement says, and with that time.
func withoutSettings(env map[string]string, epoch string) map[string]string {
	clean := map[string]string{}
	for name, value := range env {
		if name != "SOURCE_DATE_EPOCH" && !slices.Contains(config.BuildVariables(), name) {
			clean[name] = value
		}
	}
	if epoch != "" {
		clean["SOURCE_DATE_EPOCH"] = epoch
	}
	return clean
}
