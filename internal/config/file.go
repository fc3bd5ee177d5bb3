package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"lpipe/internal/fault"
)

const (
	fileName = "lpipe.toml"
	// maxFile bounds what is parsed; a hundred lambdas with twenty keys each are 50 kB.
	maxFile = 1 << 20
)

// file reads lpipe.toml into the values.
func (l *loader) file() {
	name, shown, err := l.find()
	if err != nil {
		l.mistakes.Add(err)
		return
	}
	if name == "" {
		return
	}
	data, err := read(l.in.FS, inFS(name))
	if err != nil {
		l.mistakes.Add(&fault.Error{Kind: fault.Usage, What: "reading " + shown, Err: err})
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

// find returns the path of lpipe.toml, and that as the person would write it; both empty when there is none.
func (l *loader) find() (name, shown string, err error) {
	given, at := l.in.Env["LPIPE_CONFIG"], Origin{Env: "LPIPE_CONFIG"}
	for _, s := range l.in.Settings {
		if s.Key == "config" && len(s.Values) > 0 {
			given, at = s.Values[len(s.Values)-1], Origin{Flag: s.Flag}
		}
	}
	if given != "" {
		name = l.resolve(given, l.in.Cwd)
		if _, err := fs.Stat(l.in.FS, inFS(name)); err != nil {
			return "", "", &fault.Error{
				Kind: fault.Usage,
				What: fmt.Sprintf("%s names %s, which cannot be read", at, show(given)), Err: cause(err),
				Fix: "give the path of an lpipe.toml, or leave it out to have it looked for",
			}
		}
		return name, given, nil
	}
	for dir := l.in.Dir; ; dir = path.Dir(dir) {
		name := path.Join(dir, fileName)
		shown := name
		if rel, err := filepath.Rel(l.in.Cwd, name); err == nil {
			shown = filepath.ToSlash(rel)
		}
		_, err := fs.Stat(l.in.FS, inFS(name))
		if err == nil {
			return name, shown, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", "", &fault.Error{Kind: fault.Usage, What: "looking for " + shown, Err: cause(err)}
		}
		if _, err := fs.Stat(l.in.FS, inFS(path.Join(dir, ".git"))); err == nil || dir == "/" {
			return "", "", nil
		}
	}
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

func read(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, cause(err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	return data, nil
}
