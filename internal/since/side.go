package since

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"

	"lpipe/internal/cargo"
	"lpipe/internal/dockerfile"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/reach"
	"lpipe/internal/skeleton"
)

// side is a project on one side of the comparison. Its paths are relative to the workspace's root, because the two sides may
// have bases that differ.
type side struct {
	project  *project.Project
	included Included
	ws       *cargo.Workspace
	found    *reach.Findings
	lambdas  map[string]built // by folder
	stubs    *skeleton.Base   // what the contexts of the lambdas are laid over
	base     map[string]file  // the files in it
	all      map[string]file  // those in any context
	packages map[string]*cargo.Package
	ignore   string                     // what says which files are left out
	features map[string]map[string]bool // what the local packages ask for, by crate; nil where each has its own
	err      error                      // why there is no base
	allErr   error                      // why all files are not known
}

// built is a lambda with its Dockerfile, and what that is rendered from.
type built struct {
	*plan.Lambda
	variant *plan.Variant
	text    []byte
}

// file is the content of a file or link.
type file struct {
	mode fs.FileMode
	sum  [sha256.Size]byte
	link string
}

// newSide reads what the contexts of a project's lambdas have in common.
func newSide(ctx context.Context, p *project.Project, included Included) *side {
	s := &side{project: p, included: included, ws: p.Plan.Workspace, found: p.Plan.Reach, lambdas: map[string]built{}, packages: map[string]*cargo.Package{}}
	for _, v := range p.Plan.Variants {
		text, err := dockerfile.Render(v)
		if err != nil {
			s.err = err
			return s
		}
		for _, l := range v.Lambdas {
			s.lambdas[l.Folder()] = built{l, v, text}
		}
	}
	for _, p := range s.ws.Packages {
		s.packages[s.rel(p.Dir)] = p
	}
	if !p.Config.FeaturesPerLambda {
		s.features = features(s.ws)
	}
	for _, dir := range []string{".", s.ws.Root} {
		for _, name := range skeleton.IgnoreFiles {
			data, err := s.found.Files.Read(path.Join(dir, name)) // an empty one hides the other
			s.ignore += fmt.Sprintf("%t %q\n", err == nil, data)
		}
	}
	if s.stubs, _, s.err = skeleton.Stubs(s.ws, s.found, skeleton.Options{WithoutLock: true}); s.err != nil {
		return s
	}
	if s.base, s.err = s.files(ctx, s.stubs.Tree); s.err != nil {
		return s
	}
	// More than is sent at once is no reason to stop here.
	all, _, err := skeleton.Tests(s.ws, s.found, s.ws.Packages, skeleton.Options{Limit: math.MaxInt64, WithoutLock: true, Nextest: s.nextest(s.ws.Packages...)})
	if err == nil {
		s.all, err = s.files(ctx, all)
	}
	s.allErr = err
	return s
}

// nextest reports that cargo nextest runs the tests of a lambda of the packages.
func (s *side) nextest(pkgs ...*cargo.Package) bool {
	for _, l := range s.lambdas {
		if l.variant.Nextest && slices.Contains(pkgs, l.Package) {
			return true
		}
	}
	return false
}

func (s *side) rel(name string) string { return cargo.Rel(s.ws.Root, name) }

// files are those of a context that come from the project.
func (s *side) files(ctx context.Context, tree *skeleton.Tree) (map[string]file, error) {
	all := map[string]file{}
	err := tree.Walk(ctx, "", func(name string, entry fs.DirEntry, _ error) error {
		// Stubs of other packages and the lock file change for reasons that do not concern a lambda.
		if entry.IsDir() || name == s.ws.Lock.Path || tree.Stub(name) {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		f := file{mode: info.Mode()}
		if f.sum, err = tree.Sum(name); err == nil && f.mode&fs.ModeSymlink != 0 {
			var to []byte
			to, err = tree.ReadFile(name)
			f.link = s.rel(path.Join(path.Dir(name), string(to)))
		}
		all[s.rel(name)] = f
		return err
	})
	return all, err
}

// contents are the files that the tests of a lambda are given.
type contents struct{ base, over map[string]file }

func (s *side) contents(ctx context.Context, p *cargo.Package) (contents, error) {
	tree, _, err := skeleton.Tests(s.ws, s.found, []*cargo.Package{p}, skeleton.Options{Over: s.stubs, WithoutLock: true, Nextest: s.nextest(p)})
	if err != nil {
		return contents{}, err
	}
	over, err := s.files(ctx, tree)
	return contents{s.base, over}, err
}

func (c contents) at(name string) (file, bool) {
	f, ok := c.over[name]
	if !ok {
		f, ok = c.base[name]
	}
	return f, ok
}

// view is what one package and the local packages that it uses may see, by which is told what cannot concern it.
type view struct {
	dirs  map[string]bool // of the packages that are not stubs
	reads []string        // files and folders beyond these
	wide  bool            // everything
}

func (s *side) view(p *cargo.Package) view {
	real, wide := skeleton.InTests(s.ws, s.found, []*cargo.Package{p})
	v := view{dirs: map[string]bool{}, wide: wide}
	if s.nextest(p) {
		v.reads = append(v.reads, plan.NextestConfig)
	}
	for _, q := range real {
		v.dirs[s.rel(q.Dir)] = true
		found := s.found.Packages[q]
		for _, list := range [][]string{found.Outside, found.TestOutside} {
			for _, name := range list {
				v.reads = append(v.reads, s.rel(name))
			}
		}
	}
	return v
}

// owner is the folder of the innermost package that a file lies in, "" for none.
func (s *side) owner(name string) string {
	for dir := path.Dir(path.Join(s.ws.Root, name)); ; dir = path.Dir(dir) {
		if rel := s.rel(dir); s.packages[rel] != nil {
			return rel
		}
		if dir == "." {
			return ""
		}
	}
}
