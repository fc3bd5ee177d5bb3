package build

import (
	"fmt"
	"io/fs"
	"path"

	"github.com/moby/patternmatcher"

	"lpipe/internal/artifact"
	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/project"
)

// included reads the files that the lambda's include globs name, relative to its package. A glob that matches
// nothing is a mistake, and so is anything but a regular file: a link could lead out of the project.
func included(t project.Target) ([]artifact.Entry, error) {
	l := t.Lambda
	if len(l.Build.Include) == 0 {
		return nil, nil
	}
	at := t.Config.Origin(config.Key("lambda", l.Name, "include")).String()
	ws := t.Plan.Workspace
	dir := path.Join(ws.Base, l.Package.Dir)
	var entries []artifact.Entry
	var mistakes fault.List
	var size int64 // of all that were found, whether they were read or not
	for _, glob := range l.Build.Include {
		matcher, err := patternmatcher.New([]string{glob})
		if err != nil {
			mistakes.Addf(fmt.Sprintf("%s: the include %q is no pattern", at, glob), err.Error(), "write it as in .dockerignore: * within a folder, ** for folders, \\ before a character that is meant as it is")
			continue
		}
		found := false
		err = fs.WalkDir(ws.FS, dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			inside := name[min(len(name), len(dir)+1):]
			if d.IsDir() && (inside == "target" || d.Name() == ".git") {
				return fs.SkipDir
			}
			ok, err := matcher.MatchesOrParentMatches(inside)
			if err != nil || !ok || d.IsDir() {
				return err
			}
			found = true
			if !d.Type().IsRegular() {
				mistakes.Addf(fmt.Sprintf("cannot include %s", inside), "it is not a regular file", "include the file that it leads to, from inside the project")
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return fmt.Errorf("reading %s: %w", inside, err)
			}
			if size += info.Size(); artifact.CheckUnpacked(size) != nil {
				return nil //nolint:nilerr // said once, of all files
			}
			data, err := disk.Read(ws.FS, name, info.Size()) // no more than was counted
			if err != nil {
				mistakes.Add(&fault.Error{Kind: fault.Usage, What: "cannot include " + inside, Err: err, Fix: "leave it out of " + at})
				return nil //nolint:nilerr // it is among the mistakes
			}
			entries = append(entries, artifact.Entry{Name: inside, Data: data, Executable: info.Mode()&0o100 != 0})
			return nil
		})
		mistakes.Add(err)
		if !found && err == nil {
			mistakes.Addf(fmt.Sprintf("%s: the include %q matches no file", at, glob), "it is relative to "+l.Package.Dir, "correct it, or take it out")
		}
	}
	mistakes.Add(artifact.CheckUnpacked(size))
	return entries, mistakes.Err()
}
