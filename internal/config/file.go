package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
)

const (
	fileName = "lpipe.toml"
	// maxFile bounds what is parsed; a hundred lambdas with twenty keys each are 50 kB.
	maxFile = 1 << 20
	fileFix = "make it a regular file that the user who runs lpipe can read, or name another with --config"
)

// file reads lpipe.toml into the values.
func (l *loader) file() {
	if l.in.View == nil {
		var err error
		if l.in.View, err = (disk.Disk{FS: l.in.FS}).View(inFS(l.in.Dir)); err != nil {
			l.mistakes.Add(err)
			return
		}
	}
	name, shown, err := l.find()
	if err != nil {
		l.mistakes.Add(err)
		return
	}
	if name == "" {
		return
	}
	data, err := disk.Read(l.in.FS, inFS(name), maxFile)
	if err != nil {
		l.mistakes.Add(&fault.Error{Kind: fault.Usage, What: "reading " + shown, Err: cause(err), Fix: fileFix})
		return
	}
	l.path = name
	root, err := parse(shown, data)
	if err != nil {
		l.mistakes.Add(err)
		return
	}
	l.walk(root, nil)
}

// asked returns the file that the user names in place of the one that is found, "" when there is none.
func (l *loader) asked() (name string, at Origin) {
	name, at = l.in.Env["LPIPE_CONFIG"], Origin{Env: "LPIPE_CONFIG"}
	for _, s := range l.in.Settings {
		if s.Key == "config" && len(s.Values) > 0 {
			name, at = s.Values[len(s.Values)-1], Origin{Flag: s.Flag}
		}
	}
	return name, at
}

// find returns the path of lpipe.toml, and that as the person would write it; both empty when there is none.
func (l *loader) find() (name, shown string, err error) {
	if given, at := l.asked(); given != "" {
		name = l.resolve(given, l.in.Cwd)
		if _, err := fs.Stat(l.in.FS, inFS(name)); err != nil {
			return "", "", &fault.Error{
				Kind: fault.Usage,
				What: fmt.Sprintf("%s names %s, which cannot be read", at, show(given)), Err: cause(err),
				Fix: "give the path of an lpipe.toml, or leave it out to have it looked for",
			}
		}
		l.foreign = !l.in.View.Owns(inFS(name))
		return name, given, nil
	}
	for _, dir := range l.in.View.Up(inFS(l.in.Dir)) {
		name := path.Join("/", dir, fileName)
		shown := name
		if rel, err := filepath.Rel(l.in.Cwd, name); err == nil {
			shown = filepath.ToSlash(rel)
		}
		switch _, err := l.in.View.Stat(inFS(name)); {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case disk.Outside(err) != nil:
			return "", "", &fault.Error{Kind: fault.Usage, What: shown + " is outside of the project", Err: cause(err), Fix: "put a file of the project there, or name the other one with --config"}
		case err != nil:
			return "", "", &fault.Error{Kind: fault.Usage, What: "looking for " + shown, Err: cause(err), Fix: fileFix}
		}
		if err := l.in.View.Trust(inFS(name)); err != nil {
			return "", "", &fault.Error{
				Kind: fault.Usage, What: shown + " may come from another user", Err: err,
				Fix: "remove it, make it your own with chown and chmod, or name the file that is to be used with --config",
			}
		}
		return name, shown, nil
	}
	return "", "", nil
}

// inFS turns an absolute path into the form that [fs.FS] takes.
func inFS(name string) string { return path.Join(".", strings.TrimPrefix(name, "/")) }

// cause leaves the path out of an error that names it already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
