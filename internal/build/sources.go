package build

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"lpipe/internal/cargo"
	"lpipe/internal/dockerfile"
	"lpipe/internal/project"
	"lpipe/internal/skeleton"
	"lpipe/internal/solve"
)

// Present is what lambdas would be compiled from now. What those of a workspace have in common is looked at once, or many would
// cost as the square of their number. The zero value is ready to use.
type Present struct {
	stubs map[*cargo.Workspace]*skeleton.Base
}

// Sources returns a digest of what a lambda would be compiled from: its sources, those of the local packages that it
// uses, and the crates that Cargo.lock names for it. Settings are not in it, nor what may concern it and need not: the
// manifest of the workspace's root where that is no package of the lambda.
func (p *Present) Sources(t project.Target) (string, error) {
	trees, err := p.trees(t)
	if err != nil {
		return "", err
	}
	return sources(t, trees...), nil
}

// trees are the contexts that have it, each laid over those before.
func (p *Present) trees(t project.Target) ([]*skeleton.Tree, error) {
	ws, found := t.Plan.Workspace, t.Plan.Reach
	if p.stubs[ws] == nil {
		base, _, err := skeleton.Stubs(ws, found, skeleton.Options{WithoutLock: true})
		if err != nil {
			return nil, err
		}
		if p.stubs == nil {
			p.stubs = map[*cargo.Workspace]*skeleton.Base{}
		}
		p.stubs[ws] = base
	}
	tree, _, err := skeleton.Closure(ws, found, []*cargo.Package{t.Lambda.Package}, skeleton.Options{Over: p.stubs[ws]})
	return []*skeleton.Tree{p.stubs[ws].Tree, tree}, err
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

// sources is [Present.Sources] of contexts that were made, each laid over those before.
func sources(t project.Target, trees ...*skeleton.Tree) string {
	files, crates := compiled(t, trees...)
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
	return hex.EncodeToString(h.Sum(nil))
}

// compiled are what a lambda is compiled from: modes and digests of files by their names, and the crates of the lock.
func compiled(t project.Target, trees ...*skeleton.Tree) (map[string]string, []cargo.LockPackage) {
	ws := t.Plan.Workspace
	closure := ws.Closure([]*cargo.Package{t.Lambda.Package})
	root := slices.ContainsFunc(closure, func(p *cargo.Package) bool { return p.Dir == ws.Root })
	files := map[string]string{}
	for _, tree := range trees {
		for name, is := range tree.Real() {
			if name != ws.Lock.Path && (name != ws.Manifest.Path || root) {
				files[name] = is
			}
		}
	}
	return files, ws.Lock.Reachable(closure)
}
