// Package project finds the projects that a run is about, reads their configuration, workspace and git checkout, and knows
// where their results go.
//
// A run starts [Here], whose current folder and environment are read once; [Here.Open] returns its projects with what is
// planned of them.
package project

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"lpipe/internal/artifact"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/userkey"
)

// Project is one cargo workspace with the plan for it.
type Project struct {
	Config *config.Config
	Plan   *plan.Plan
	Dir    string // the workspace root on this machine, absolute
	From   string // the folder that lpipe.toml was looked for from, slash separated and relative to "/"
	Out    string // the folder for the lambdas' folders, absolute; "" for target/lambda of the workspace root
	Linked string // what target is a link to, where Out is a folder of lpipe's own for that reason
}

// Target is a lambda of one of several projects.
type Target struct {
	*Project
	Lambda *plan.Lambda
}

// Targets are the lambdas of all projects, in the order of their labels.
func Targets(projects []*Project) []Target {
	var all []Target
	for _, p := range projects {
		for _, l := range p.Plan.Lambdas() {
			all = append(all, Target{p, l})
		}
	}
	slices.SortStableFunc(all, func(a, b Target) int { return cmp.Compare(a.Lambda.Label(), b.Lambda.Label()) })
	return all
}

// Common returns the configuration for what the projects share in one run. The error is a usage fault where they
// disagree about it.
func (h *Here) Common(projects []*Project) (*config.Config, error) {
	first := projects[0]
	var l fault.List
	for _, p := range projects[1:] {
		if differ := config.Differ(first.Config, p.Config); len(differ) > 0 {
			l.Addf(fmt.Sprintf("the projects %s and %s cannot be built in one run", h.Show(first.Dir), h.Show(p.Dir)),
				fmt.Sprintf("their settings differ in %s, and a run has one of each", strings.Join(differ, ", ")),
				"put these settings into one lpipe.toml above both, or build each in a run of its own: lpipe build "+h.Show(p.Dir))
		}
	}
	return first.Config, l.Err()
}

// ConfigFile is the project's lpipe.toml, also when there is none yet.
func (p *Project) ConfigFile() string {
	if p.Config.File == "" {
		return filepath.Join(p.Dir, "lpipe.toml")
	}
	return filepath.Join("/", p.Config.File)
}

// OutputDir is the folder for the lambda's files, absolute.
func (t Target) OutputDir() string { return filepath.Join(t.output()) }

// output is OutputDir in two parts: a folder that is the user's choice, and one in it, to which no link may lead out of it.
// What several projects put into one folder is told apart as in the report.
func (t Target) output() (top, dir string) {
	if t.Out != "" {
		return t.Out, filepath.FromSlash(t.Lambda.Label())
	}
	return t.Dir, filepath.Join("target", "lambda", filepath.FromSlash(t.Lambda.Folder()))
}

// MakeOutput makes the folder for the lambda's files, where it is not there, so that their coming changes no folder of sources.
// As with the files, no link leads out of the folder that the user chose.
func (t Target) MakeOutput() error {
	root, err := makeFolder(t.output())
	if err != nil {
		return err
	}
	return root.Close()
}

// makeFolder makes the folder dir below top, which it opens.
func makeFolder(top, dir string) (*os.Root, error) {
	if err := os.MkdirAll(top, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(top)
	if err != nil {
		return nil, err
	}
	if err := root.MkdirAll(dir, 0o755); err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

// LayerDir is the folder for the zip of a layer that the lambda has, absolute.
func (t Target) LayerDir(name string) string { return filepath.Join(t.layer(name)) }

// layer is LayerDir in two parts, as of [Target.output].
func (t Target) layer(name string) (top, dir string) {
	dir = filepath.Join("layers", name, t.Lambda.Arch)
	if t.Out != "" {
		return t.Out, filepath.Join(filepath.FromSlash(t.Lambda.Within), dir)
	}
	return t.Dir, filepath.Join("target", "lambda", dir)
}

// OpenLayer opens the folder for the zip of a layer, for which the stamp of the lambda vouches.
func (t Target) OpenLayer(name string) (*artifact.Folder, error) {
	top, dir := t.layer(name)
	return artifact.OpenFolder(top, dir, func() string { return "" })
}

// Extensions are the targets of the extensions among the layers of the lambda.
func (t Target) Extensions() (all []Target) {
	for _, l := range t.Plan.Lambdas() {
		if l.Extension && l.Arch == t.Lambda.Arch && slices.Contains(t.Lambda.Build.Layers, l.Name) {
			all = append(all, Target{t.Project, l})
		}
	}
	return all
}

// Functions are the lambdas of all projects but for extensions, in the order of their labels.
func Functions(projects []*Project) []Target {
	return slices.DeleteFunc(Targets(projects), func(t Target) bool { return t.Lambda.Extension })
}

// CreateBeside makes a file in the folder that holds those of all lambdas.
func (t Target) CreateBeside(name string) (*os.File, error) {
	top, dir := t.Dir, filepath.Join("target", "lambda")
	if t.Out != "" {
		top, dir = t.Out, "."
	}
	root, err := makeFolder(top, dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.Create(filepath.Join(dir, name))
}

// OpenOutput opens the folder for the lambda's files, whose zips the key vouches for.
func (t Target) OpenOutput(key userkey.Key) (*artifact.Folder, error) {
	top, dir := t.output()
	return artifact.OpenFolder(top, dir, sync.OnceValue(func() string { return zipKey(key, t.Dir, t.Out, dir) }))
}
