package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"lpipe/internal/cargo"
	"lpipe/internal/dockerfile"
	"lpipe/internal/project"
	"lpipe/internal/skeleton"
	"lpipe/internal/solve"
)

// Sources returns a digest of what a lambda would be compiled from now: its sources, those of the local packages that it
// uses, and the crates that Cargo.lock names for it. Settings are not in it, nor what may concern it and need not: the
// manifest of the workspace's root where that is no package of the lambda.
func Sources(ctx context.Context, t project.Target) (string, error) {
	tree, _, err := skeleton.Closure(t.Plan.Workspace, t.Plan.Reach, []*cargo.Package{t.Lambda.Package}, skeleton.Options{WithoutLock: true})
	if err != nil {
		return "", err
	}
	return sources(ctx, t, tree)
}

// sourcesOf is Sources of what a job was given, "" where it could not be told.
func sourcesOf(ctx context.Context, t project.Target, job *solve.Job) string {
	digest, err := sources(ctx, t, treesOf(job)...)
	if err != nil {
		return ""
	}
	return digest
}

// treesOf are the contexts of a job that have what the lambda is compiled from.
func treesOf(job *solve.Job) (trees []*skeleton.Tree) {
	for _, name := range []string{dockerfile.Stubs, dockerfile.Closure} {
		if tree, ok := job.Contexts[name].(*skeleton.Tree); ok {
			trees = append(trees, tree)
		}
	}
	return trees
}

// sources is Sources of contexts that were made, each laid over those before.
func sources(ctx context.Context, t project.Target, trees ...*skeleton.Tree) (string, error) {
	files, crates, err := compiled(ctx, t, trees...)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%q %s\n", name, files[name])
	}
	for _, p := range crates {
		fmt.Fprintf(h, "%q %q %q\n", p.Name, p.Version, p.Checksum)
		if p.Source != nil {
			fmt.Fprintf(h, "%q\n", *p.Source)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// compiled are what a lambda is compiled from: modes and digests of files by their names, and the crates of the lock.
func compiled(ctx context.Context, t project.Target, trees ...*skeleton.Tree) (map[string]string, []cargo.LockPackage, error) {
	ws := t.Plan.Workspace
	closure := ws.Closure([]*cargo.Package{t.Lambda.Package})
	root := slices.ContainsFunc(closure, func(p *cargo.Package) bool { return p.Dir == ws.Root })
	files := map[string]string{}
	for _, tree := range trees {
		err := tree.Walk(ctx, "", func(name string, entry fs.DirEntry, _ error) error {
			if entry.IsDir() || tree.Stub(name) || name == ws.Lock.Path || name == ws.Manifest.Path && !root {
				return nil
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			sum, err := tree.Sum(name)
			files[name] = fmt.Sprintf("%s %x", info.Mode(), sum)
			return err
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return files, ws.Lock.Reachable(closure), nil
}
