// Package plan decides what is built: it joins the configuration and the cargo workspace into lambdas, and the
// lambdas into variants that share one rendered Dockerfile.
//
// It is pure: the same configuration and workspace give the same plan on every machine. Features are chosen
// over all lambdas of the workspace, not only the selected ones, so that building one lambda and building all
// of them share every compiled dependency.
package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/fault"
)

// Lambda is one program to build for one architecture.
type Lambda struct {
	Name    string         // what the user calls it; the folder below target/lambda
	Package *cargo.Package // where its sources are
	Kind    string         // the kind of cargo target: "bin" or "example"
	Bin     string         // the cargo target's name
	Arch    string         // "x86_64" or "arm64", as Lambda says it
	Build   config.Build   // [build] with the lambda's own keys laid over
}

// Folder is where the results go, below target/lambda and slash separated. A lambda that is built for both
// architectures has a folder for each.
func (l *Lambda) Folder() string {
	if len(l.Build.Arch) > 1 {
		return path.Join(l.Name, l.Arch)
	}
	return l.Name
}

// Label names the lambda where several are reported: with its architecture when it has more than one.
func (l *Lambda) Label() string { return l.Folder() }

// Plan is what one run builds.
type Plan struct {
	Workspace *cargo.Workspace
	Variants  []*Variant // each with at least one lambda
	Notes     []string   // decisions that the user may want to know of

	Repositories []Repository // that the build may fetch with git; none when it needs no git
}

// Lambdas are all lambdas of the plan, in the order of their names and architectures.
func (p *Plan) Lambdas() []*Lambda {
	var all []*Lambda
	for _, v := range p.Variants {
		all = append(all, v.Lambdas...)
	}
	slices.SortFunc(all, func(a, b *Lambda) int { return strings.Compare(a.Label(), b.Label()) })
	return all
}

// Keep drops the lambdas for which want is false.
func (p *Plan) Keep(want func(*Lambda) bool) {
	for _, v := range p.Variants {
		v.Lambdas = slices.DeleteFunc(v.Lambdas, func(l *Lambda) bool { return !want(l) })
	}
	p.Variants = slices.DeleteFunc(p.Variants, func(v *Variant) bool { return len(v.Lambdas) == 0 })
}

// Selection says which lambdas are wanted; empty means all.
type Selection struct {
	Names []string // lambda or package names
	Dirs  []string // folders relative to the workspace's Base; each selects the lambdas of the packages at or below it
}

// Make plans the selected lambdas of ws. All mistakes are reported at once, as [fault.Usage] errors.
func Make(cfg *config.Config, ws *cargo.Workspace, s Selection) (*Plan, error) {
	p := &Plan{Workspace: ws}
	all, notes, err := find(cfg, ws)
	if err != nil {
		return nil, err
	}
	p.Notes = notes
	chosen, err := choose(all, s, notes)
	if err != nil {
		return nil, err
	}
	features, err := unite(cfg, ws, all)
	if err != nil {
		return nil, err
	}
	p.Repositories, notes, err = repositories(cfg, ws)
	if err != nil {
		return nil, err
	}
	p.Notes = append(p.Notes, notes...)
	libs := shared(ws, all)
	var mistakes fault.List
	variants := map[string]*Variant{}
	for _, l := range chosen {
		mistakes.Add(collision(ws, l))
		for _, arch := range l.Build.Arch {
			one := *l
			one.Arch = arch
			v, err := newVariant(ws, &one, features, libs[l.Package])
			if err != nil {
				mistakes.Add(err)
				continue
			}
			v.Git = len(p.Repositories) > 0
			v.SSH = slices.ContainsFunc(p.Repositories, func(r Repository) bool { return r.Scheme == "ssh" })
			key := fmt.Sprintf("%#v", *v)
			if known, ok := variants[key]; ok {
				v = known
			} else {
				variants[key] = v
				p.Variants = append(p.Variants, v)
			}
			v.Lambdas = append(v.Lambdas, &one)
		}
	}
	return p, mistakes.Err()
}
