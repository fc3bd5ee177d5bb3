package skeleton

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"lpipe/internal/cargo"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/reach"
)

// ignore decides what is left out of a context: always git's folder, folders that cargo compiled into and what lpipe writes; secrets in .env
// and cargo's credentials, lpipe's own files in the folders of packages, and what .lpipeignore or else .dockerignore excludes at
// the base and at the workspace's root, unless a source names it. .gitignore is not read: repositories list Cargo.lock and generated sources there.
type ignore struct {
	ws    *cargo.Workspace
	all   *reach.Files // of the base
	files []ignoreFile
}

type ignoreFile struct {
	name, dir string
	patterns  *patternmatcher.PatternMatcher
	lines     func() []line // of the file
}

type line struct {
	number  int
	pattern *patternmatcher.PatternMatcher
}

// IgnoreFiles are the names of the files that say what is left out of contexts; of those in one folder the first counts.
var IgnoreFiles = []string{".lpipeignore", ".dockerignore"}

func readIgnore(ws *cargo.Workspace, all *reach.Files) (*ignore, error) {
	g := &ignore{ws: ws, all: all}
	var errs fault.List
	dirs := []string{"."}
	if ws.Root != "." {
		dirs = append(dirs, ws.Root)
	}
	for _, dir := range dirs {
		if !ws.FS.Holds(path.Join(ws.Base, dir)) {
			continue // without a repository, the folder that holds the workspace and its dependencies is none of them
		}
		for _, name := range IgnoreFiles {
			name = path.Join(dir, name)
			data, err := all.Read(name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil {
				err = ws.FS.Trust(path.Join(ws.Base, name))
			}
			if err != nil {
				errs.Addf("cannot use "+shown(name), unreadable(name, err).why, "make it a regular file of your own in the project, or remove it")
				break
			}
			patterns, err := parseIgnore(data)
			if err != nil {
				errs.Addf("cannot read the patterns of "+name, err.Error(), "correct the pattern: its syntax is that of .dockerignore")
				break
			}
			g.files = append(g.files, ignoreFile{name, dir, patterns, sync.OnceValue(func() []line { return lines(data) })})
			break
		}
	}
	return g, errs.Err()
}

func parseIgnore(data []byte) (*patternmatcher.PatternMatcher, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("the file is not valid UTF-8") // the matcher would print this by itself
	}
	lines, err := ignorefile.ReadAll(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return patternmatcher.New(lines)
}

// names returns the ignore files for a message.
func (g *ignore) names() string {
	var all []string
	for _, f := range g.files {
		all = append(all, f.name)
	}
	return strings.Join(all, " or ")
}

// match reports that an ignore file excludes name.
func (g *ignore) match(name string) bool {
	return slices.ContainsFunc(g.files, func(f ignoreFile) bool { return f.match(name, f.patterns) })
}

// match reports that patterns of the file match name.
func (f *ignoreFile) match(name string, patterns *patternmatcher.PatternMatcher) bool {
	if f.dir != "." {
		var ok bool
		if name, ok = strings.CutPrefix(name, f.dir+"/"); !ok {
			return false
		}
	}
	ok, err := patterns.MatchesOrParentMatches(name)
	return err == nil && ok
}

// excludes is the place of the pattern by which an ignore file excludes name, "" for none.
func (g *ignore) excludes(name string) string {
	for i := range g.files {
		f := &g.files[i]
		if !f.match(name, f.patterns) {
			continue
		}
		at := g.ws.Show(f.name)
		for _, l := range slices.Backward(f.lines()) { // the last that matches decides
			if f.match(name, l.pattern) {
				return fmt.Sprintf("%s:%d", at, l.number)
			}
		}
		return at
	}
	return ""
}

// lines are the patterns of an ignore file, each by itself, but for exceptions.
func lines(data []byte) []line {
	all := []line{}
	for i, text := range bytes.Split(data, []byte("\n")) {
		if pattern, err := parseIgnore(text); err == nil && !pattern.Exclusions() {
			all = append(all, line{i + 1, pattern})
		}
	}
	return all
}

// repository reports a file of git's.
func repository(name string) bool { return slices.Contains(strings.Split(name, "/"), ".git") }

// secret reports a file that holds secrets by custom.
func secret(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, ".env") || strings.HasPrefix(base, "credentials") && path.Base(path.Dir(name)) == ".cargo"
}

// settings reports a file that lpipe or nextest reads and no build does: an edit of it compiles nothing again. Elsewhere than in the
// folder of a package a file with the name of lpipe's is data as any other.
func (m *maker) settings(name string, info fs.FileInfo) bool {
	if info.IsDir() || m.wideContext {
		return false
	}
	return m.owned[path.Dir(name)] != nil && slices.Contains(settingsFiles, path.Base(name)) || name == path.Join(m.ws.Root, plan.NextestConfig)
}

var settingsFiles = []string{"lpipe.toml", ".lpipeignore"}

// withholds reports that lpipe leaves name out, whatever ignore files say.
func (g *ignore) withholds(name string, info fs.FileInfo) bool {
	switch {
	case repository(name), disk.IsTemp(path.Base(name)):
		return true
	case secret(name) && (!info.IsDir() || path.Base(name) == ".env"):
		return true
	case info.IsDir():
		return g.compiled(name)
	}
	return g.result(name)
}

// result reports a file that lpipe delivered.
func (g *ignore) result(name string) bool {
	return disk.IsResult(name, func(name string) bool {
		there, _ := g.all.List(path.Dir(name))
		return slices.ContainsFunc(there, func(f fs.FileInfo) bool { return f.Name() == path.Base(name) && f.Mode().IsRegular() })
	})
}

// skip reports that name does not enter the context, and neither does what is below it.
func (g *ignore) skip(name string, info fs.FileInfo) bool {
	if g.withholds(name, info) {
		return true
	}
	if info.IsDir() && g.exceptions() {
		return false // a file in it may be taken back by a pattern with "!"
	}
	return g.match(name)
}

func (g *ignore) exceptions() bool {
	for _, f := range g.files {
		if f.patterns.Exclusions() {
			return true
		}
	}
	return false
}

// compiled reports that cargo writes into this folder: the workspace's target folder, or one with cargo's mark.
// A folder of sources that happens to be called target has none.
func (g *ignore) compiled(dir string) bool {
	if dir == path.Join(g.ws.Root, "target") || dir == g.ws.Config.TargetDir {
		return true
	}
	entries, _ := g.all.List(dir)
	for _, e := range entries {
		switch e.Name() {
		case ".rustc_info.json":
			return true
		case "CACHEDIR.TAG":
			data, _ := g.all.Read(path.Join(dir, e.Name()))
			if bytes.Contains(data, []byte("created by cargo")) {
				return true
			}
		}
	}
	return false
}
