// Package site finds where a new lambda goes, and writes there what package scaffold makes.
//
// What is there already stays as it is: files are added, and the manifest and lock file of a workspace get a member. No link leads out of
// the folder.
package site

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"

	"lpipe/internal/artifact"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/scaffold"
	"lpipe/internal/shell"
)

// Site is where a lambda is written.
type Site struct {
	Root      string              // of the project, absolute
	Member    string              // the folder of the package below Root, where that is a workspace; slash separated
	Manifest  string              // of that workspace, absolute, if the member is to be added to it
	Present   bool                // there is a package, or a workspace, already
	Functions []scaffold.Function // of the lambdas that are there
	Arches    []string            // that they are built for
}

// Find looks at what is in and above a folder. existing says that there may be something.
func Find(here *project.Here, dir string, existing bool) (Site, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil && !existing && len(entries) > 0:
		return Site{}, &fault.Error{
			Kind: fault.Usage, What: here.Show(dir) + " is there already", Fix: "take another name; lpipe init " + shell.Word(here.Show(dir)) + " adds what it lacks",
		}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return Site{}, &fault.Error{Kind: fault.Usage, What: "nothing can be written to " + here.Show(dir), Err: err, Fix: "name a folder"}
	case err != nil && existing:
		return Site{}, &fault.Error{Kind: fault.Usage, What: "there is no folder " + here.Show(dir), Fix: "make it; lpipe new " + shell.Word(filepath.Base(dir)) + " makes one of that name here"}
	}
	if _, err := os.Stat(filepath.Join(dir, "Cargo.toml")); err == nil {
		return existingSite(here, dir)
	}
	s := Site{Root: dir}
	if root := here.WorkspaceFor(dir); root != "" {
		rel, err := filepath.Rel(root, dir)
		if err != nil {
			return s, err
		}
		s.Root, s.Member, s.Manifest = root, filepath.ToSlash(rel), filepath.Join(root, "Cargo.toml")
	}
	return s, nil
}

// Asks reports whether a question is about what is written here.
func (s Site) Asks(q scaffold.Question) bool {
	switch q.Flag {
	case "runtime":
		return !s.Present
	case "event-type":
		return !s.Present || len(s.Functions) == 1
	case "workspace":
		return !s.Present && s.Member == ""
	}
	return true
}

// Check refuses answers that cannot be had here.
func (s Site) Check(here *project.Here, of scaffold.Answers) error {
	if of.Workspace && (s.Present || s.Member != "") {
		return &fault.Error{Kind: fault.Usage, What: "--workspace is for a new project", Why: here.Show(s.Root) + " is one already", Fix: "leave it out"}
	}
	return nil
}

// Next are the commands for what was written, as a shell takes them: none for a project that was there before.
func (s Site) Next(here *project.Here, of scaffold.Answers) (commands []string) {
	if s.Present {
		return nil
	}
	event := path.Join("events", of.EventFile())
	if s.Root != here.Dir && s.Manifest == "" {
		commands = append(commands, "cd "+shell.Word(here.Show(s.Root)))
		if of.Workspace {
			event = path.Join("lambdas", of.Name, event)
		}
	} else if s.Manifest != "" {
		event = filepath.Join(here.Show(filepath.Join(s.Root, s.Member)), event)
	}
	commands = append(commands, "lpipe build "+of.Name)
	if of.Arch == scaffold.ThisArch() && runtime.GOOS == "linux" {
		commands = append(commands, "lpipe invoke "+of.Name+" --event "+shell.Word(event), "lpipe serve "+of.Name)
	}
	return commands
}

// existingSite is that of a folder with a package or a workspace.
func existingSite(here *project.Here, dir string) (Site, error) {
	projects, err := here.Open([]string{dir + "/"}, false, nil)
	var f *fault.Error
	if errors.Is(err, plan.ErrNoLambda) && errors.As(err, &f) {
		f.Why += ", and lpipe init adds what a lambda lacks beside its program; nothing was written"
		f.Fix = "add a src/main.rs, and run it again; or make a lambda that depends on this package in a folder of its own: lpipe new NAME"
	}
	if err != nil {
		return Site{}, err
	}
	s := Site{Root: projects[0].Dir, Present: true}
	if rel, err := filepath.Rel(s.Root, dir); err == nil && rel != "." {
		s.Member = filepath.ToSlash(rel)
	}
	for _, t := range project.Targets(projects) {
		if !slices.ContainsFunc(s.Functions, func(f scaffold.Function) bool { return f.Name == t.Lambda.Name }) {
			s.Functions = append(s.Functions, scaffold.Function{Name: t.Lambda.Name, Zip: path.Join("target/lambda", t.Lambda.Folder(), artifact.ZipName)})
		}
		s.Arches = t.Lambda.Build.Arch
	}
	return s, nil
}
