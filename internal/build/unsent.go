package build

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"lpipe/internal/cargo"
	"lpipe/internal/fault"
	"lpipe/internal/pattern"
	"lpipe/internal/skeleton"
)

// workdir is where a step has the base of a workspace.
const workdir = "/src"

var (
	notFound  = pattern.Of(`(?i)no such file|not ?found|couldn.t (read|find|open)|could not (read|find|open)|does not exist|doesn.t exist`)
	pathWords = pattern.Of("[^\\s\"'`<>()\\[\\]{},;|]+")
)

// explainUnsent adds to the fault of a step which of the files that it did not find the projects have, and why these were
// not sent. log is what the step printed.
func explainUnsent(f *fault.Error, log string, targets []Target) {
	var said []string
	for line := range strings.Lines(log) {
		if !notFound().MatchString(line) {
			continue
		}
		for _, word := range pathWords().FindAllString(line, -1) {
			if text := unsent(targets, strings.TrimRight(word, ":.")); text != "" && !slices.Contains(said, text) {
				said = append(said, text)
			}
		}
	}
	if len(said) == 0 {
		return
	}
	f.Why = strings.TrimPrefix(f.Why+"\n"+strings.Join(said[:min(len(said), mostUnsent)], "\n"), "\n")
	f.Fix = "write the path out where the code uses it, or take the file out of the list that leaves it out; " + f.Fix
}

// mostUnsent is how many files are named in one fault.
const mostUnsent = 5

// unsent says why the file or folder of a path in a step was not sent, "" for one that was, or that no project has.
func unsent(targets []Target, word string) string {
	if !strings.ContainsAny(word, "./") {
		return ""
	}
	for _, t := range targets {
		ws := t.Plan.Workspace
		bases := []string{path.Join(workdir, ws.Root), path.Join(workdir, t.Lambda.Package.Dir)}
		if path.IsAbs(word) {
			bases = []string{"/"}
		}
		for _, base := range bases {
			name := cargo.Rel(workdir[1:], path.Join(base, word)[1:])
			if info, err := ws.FS.Stat(path.Join(ws.Base, name)); err != nil || !info.Mode().IsRegular() && !info.IsDir() || sent(targets, t, name) {
				continue
			}
			return fmt.Sprintf("%s exists here and was not sent: %s", ws.Show(name), skeleton.WhyLeftOut(ws, t.Plan.Reach, name))
		}
	}
	return ""
}

// sent reports that a context of the project of t has the file, or something of the folder.
func sent(targets []Target, t Target, name string) bool {
	return slices.ContainsFunc(targets, func(other Target) bool {
		if other.Project != t.Project {
			return false
		}
		for _, c := range other.Job.Contexts {
			if slices.ContainsFunc(c.Paths(), func(path string) bool { return cargo.Within(name, path) }) {
				return true
			}
		}
		return false
	})
}
