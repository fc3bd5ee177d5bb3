package project

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/plan"
	"lpipe/internal/reach"
	"lpipe/internal/redact"
	"lpipe/internal/userkey"
)

// Open reads the projects that the arguments name, and plans their lambdas; without arguments those of the current
// folder. all selects every lambda. There is at least one project, and each has a lambda. All mistakes of all projects
// are reported at once.
func (h *Here) Open(args []string, all bool, settings []config.Setting) ([]*Project, error) {
	projects, broken, err := h.OpenMost(args, all, settings)
	if err := errors.Join(broken, err); err != nil {
		return nil, err
	}
	return projects, nil
}

// OpenMost is [Here.Open] for who goes on where one of several projects cannot be built, of which none was asked for by itself:
// broken is why.
func (h *Here) OpenMost(args []string, all bool, settings []config.Setting) (projects []*Project, broken, err error) {
	if all && len(args) > 0 {
		return nil, nil, &fault.Error{Kind: fault.Usage, What: "--all and " + args[0] + " cannot be combined", Fix: "leave one of them out"}
	}
	o := &opening{Here: h, disk: h.allowed(settings), cwd: h.cwd(), settings: settings}
	wants, dirs, err := o.read(args)
	if err != nil {
		return nil, nil, err
	}
	if all {
		wants = []plan.Want{{All: true}}
	}
	return o.projects(dirs, wants, len(args) == 0 && !all)
}

// Before plans all lambdas of a project as they are on another disk rooted at "/", such as that of a revision. Its files
// have no owner.
func (h *Here) Before(p *Project, fsys fs.FS, settings []config.Setting) (*Project, error) {
	d := h.allowed(settings)
	d.FS, d.Foreign = fsys, nil
	o := &opening{Here: h, disk: d, cwd: withoutLinks(h.Dir), settings: settings}
	var wants []plan.Want
	if p.Plan.All {
		wants = []plan.Want{{All: true}}
	}
	projects, _, err := o.projects([]string{withoutLinks("/" + p.From)}, wants, false)
	if err != nil {
		return nil, err
	}
	return projects[0], nil
}

// withoutLinks is an absolute path as a revision has it: without symbolic links, and as a file system rooted at "/" has it.
func withoutLinks(abs string) string {
	if real, err := filepath.EvalSymlinks(filepath.FromSlash(abs)); err == nil {
		abs = real
	}
	return inFS(abs)
}

// opening finds and reads projects.
type opening struct {
	*Here
	disk     disk.Disk
	cwd      string // as the disk has it
	settings []config.Setting
	searched []string // folders whose projects are all among those that are read
	// neighbours are the folders of projects in which a lambda is looked for by its name; no argument names them.
	neighbours []string
	// several are folders of projects that are read because they lie below one that was searched, or match a pattern.
	several []string
}

// read turns the arguments into what is wanted and the folders to read projects in. An argument with a slash, or "." or
// "..", is a path when there is such a file or folder, and any argument may be a pattern.
func (o *opening) read(args []string) (wants []plan.Want, dirs []string, err error) {
	var l fault.List
	names := len(args) == 0
	for _, arg := range args {
		w := plan.Want{Given: arg, Name: true, Paths: o.matches(arg)}
		pattern := strings.ContainsAny(arg, "*?[")
		if len(w.Paths) == 1 && !o.isDir(w.Paths[0]) && !pattern {
			if strings.ContainsAny(arg, `/\`) || path.Base(arg) == "Cargo.toml" {
				l.Addf(fault.Quote(arg)+" is a file", "an argument is the name of a lambda, or the folder of a package or project", "write "+fault.Quote(o.folderOf(arg)))
				continue
			}
			w.Paths = nil // a file of that name says nothing
		}
		if arg == "." || arg == ".." || strings.ContainsAny(arg, `/\`) {
			if !pattern && len(w.Paths) == 0 && (path.IsAbs(arg) || strings.HasPrefix(arg, ".")) {
				w.Paths = []string{o.abs(arg)}
			}
			w.Name = len(w.Paths) == 0
			for _, dir := range w.Paths {
				found, err := o.search(dir)
				l.Add(err)
				if pattern || !slices.Equal(found, []string{dir}) {
					o.several = append(o.several, found...)
				}
				if len(found) == 0 && !pattern {
					found = []string{dir} // to be told why there is none
				}
				dirs = append(dirs, found...)
			}
		}
		names = names || w.Name
		wants = append(wants, w)
	}
	if names {
		found, err := o.search(o.cwd)
		l.Add(err)
		switch own := slices.Equal(found, []string{o.cwd}); {
		case own:
		case len(args) == 0:
			o.several = append(o.several, found...)
		default:
			for _, dir := range found {
				switch meant := slices.ContainsFunc(wants, func(w plan.Want) bool {
					return strings.ContainsAny(w.Given, "*?[") && slices.ContainsFunc(w.Paths, func(p string) bool { return cargo.Within(p, dir) })
				}); {
				case meant:
					o.several = append(o.several, dir)
				case !slices.Contains(dirs, dir):
					o.neighbours = append(o.neighbours, dir)
				}
			}
		}
		dirs = append(dirs, found...)
	}
	if len(dirs) == 0 {
		dirs = []string{o.cwd}
	}
	return wants, dirs, l.Err()
}

// folderOf is the folder of the package that a file belongs to, in the user's words.
func (o *opening) folderOf(file string) string {
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		if _, err := fs.Stat(o.disk.FS, path.Join(o.abs(dir), "Cargo.toml")); err == nil || dir == path.Dir(dir) {
			return dir
		}
	}
}

// abs is a path of the user as the disk has it.
func (o *opening) abs(arg string) string {
	if path.IsAbs(filepath.ToSlash(arg)) {
		return inFS(arg)
	}
	return inFS(path.Join("/", o.cwd, filepath.ToSlash(arg)))
}

// matches returns the folders, or the one file, that the argument names.
func (o *opening) matches(arg string) []string {
	at := o.abs(arg)
	if _, err := fs.Stat(o.disk.FS, at); err == nil {
		return []string{at}
	}
	if !strings.ContainsAny(arg, "*?[") {
		return nil
	}
	if !path.IsAbs(arg) { // what is above the user's words is no pattern
		at = inFS(path.Join("/", strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(o.cwd), arg))
	}
	found, _ := fs.Glob(o.disk.FS, at) // no pattern matches nothing
	return slices.DeleteFunc(found, func(name string) bool {
		return !o.isDir(name) || cargo.Foreign(path.Base(name))
	})
}

func (o *opening) isDir(name string) bool {
	info, err := fs.Stat(o.disk.FS, name)
	return err == nil && info.IsDir()
}

// search returns the folder itself where it lies in a project, else those of the projects below it.
func (o *opening) search(dir string) ([]string, error) {
	if cargo.InProject(o.disk, dir) {
		return []string{dir}, nil
	}
	if !o.isDir(dir) {
		return nil, nil
	}
	o.searched = append(o.searched, dir)
	return cargo.Projects(o.disk.FS, dir)
}

// workspace is a project while it is read.
type workspace struct {
	*cargo.Workspace
	reach *reach.Findings
	cfg   *config.Config
	dirs  []string // by which it was found
	err   error    // why it cannot be read
}

func (w *workspace) root() string {
	if w.Workspace == nil {
		return w.dirs[0]
	}
	return path.Join(w.Base, w.Root)
}

// from is the folder that holds all of those by which it was found: the closest lpipe.toml above is for all of them.
func (w *workspace) from() string {
	from := w.dirs[0]
	for _, dir := range w.dirs {
		for !cargo.Within(from, dir) {
			from = path.Dir(from)
		}
	}
	return from
}

// projects reads the projects in dirs and plans what is wanted of them. standing is set when the folder itself says what
// is wanted: as with cargo, being in the folder of one member means that member.
func (o *opening) projects(dirs []string, wants []plan.Want, standing bool) (projects []*Project, broken, err error) {
	all, err := o.load(dirs)
	if err != nil {
		return nil, nil, err
	}
	if ws := all[0]; standing && dirs[0] == o.cwd && ws.Dir != ws.Root {
		wants = append(wants, plan.Want{Given: ws.Dir, Paths: []string{path.Join(ws.Base, member(ws.Workspace))}})
	}
	defer o.Trace.Begin("plan")()
	var sources []plan.Project
	for _, w := range all {
		p := plan.Project{Dir: w.dirs[0], Err: w.err}
		if w.err == nil {
			p = plan.Project{Config: w.cfg, Workspace: w.Workspace, Reach: w.reach, Env: o.Env, Outside: o.outside(w.Workspace), Others: o.others(w, all)}
		}
		p.Neighbour, p.Apart = o.neighbour(w), o.apart(w)
		sources = append(sources, p)
	}
	plans, broken, err := plan.Make(sources, wants)
	var l, apart fault.List
	apart.Add(broken)
	for _, w := range all {
		if w.err != nil {
			continue
		}
		i := slices.IndexFunc(plans, func(p *plan.Plan) bool { return p.Workspace == w.Workspace })
		// Of a library alone nothing is built, and it may have no lock file.
		if i >= 0 || err != nil && !o.neighbour(w) && slices.ContainsFunc(w.Packages, func(p *cargo.Package) bool { return len(p.Bins) > 0 }) {
			if stale := w.CheckLock(); stale != nil && err == nil && o.apart(w) {
				apart.Add(stale)
				continue
			} else {
				l.Add(stale)
			}
		}
		if i >= 0 {
			l.Add(oneLine(w.Workspace))
			p := &Project{Config: w.cfg, Plan: plans[i], Dir: filepath.FromSlash("/" + w.root()), From: w.from()}
			p.Out, p.Linked = o.out(w)
			projects = append(projects, p)
		}
	}
	l.Add(err)
	if len(projects) == 0 { // all of them are broken
		l.Add(apart.Err())
		return nil, nil, each([]error{l.Err()})
	}
	return projects, each([]error{apart.Err()}), each([]error{l.Err()})
}

// outside tells what cargo obeys on this machine beside the files of a project. Of a revision nobody asks that.
func (o *opening) outside(ws *cargo.Workspace) func([]string) cargo.Outside {
	if o.disk.Foreign == nil {
		return nil
	}
	return func(targets []string) cargo.Outside { return ws.Outside(o.disk.FS, o.Env, targets) }
}

// neighbour reports that no argument names the folder of a project.
func (o *opening) neighbour(w *workspace) bool {
	return !slices.ContainsFunc(w.dirs, func(dir string) bool { return !slices.Contains(o.neighbours, dir) })
}

// apart reports that none of the arguments names the project by itself, as one of several may have mistakes that are its own.
func (o *opening) apart(w *workspace) bool {
	return !o.neighbour(w) && !slices.ContainsFunc(w.dirs, func(dir string) bool { return !slices.Contains(o.several, dir) && !slices.Contains(o.neighbours, dir) })
}

// out is the folder for the results of w where that is not its own. Where target is a link out of the project, such as to another disk, to is
// what it leads to: it may have come with a pull request, so nothing is written through it, and the results go to lpipe's own folder.
func (o *opening) out(w *workspace) (dir, to string) {
	own := filepath.FromSlash(path.Join("/", w.root()))
	if o.Out != "" && o.Out != filepath.Join(own, "target", "lambda") {
		return o.Out, ""
	}
	root, err := os.OpenRoot(own)
	if err != nil {
		return "", ""
	}
	defer root.Close()
	to, _, err = disk.Follow(root, "target")
	if to == "" || err == nil {
		return "", ""
	}
	folder, err := userkey.Folder(o.Env)
	if err != nil { // the link is refused later
		return "", ""
	}
	sum := sha256.Sum256([]byte(own))
	return filepath.Join(folder, "results", filepath.Base(own)+"-"+hex.EncodeToString(sum[:8])), to
}

// oneLine refuses folders whose path breaks a line, or would be taken for something else from one of its folders on. Paths
// go to standard output one a line, and to files that CI systems read by the line: such a folder would say there what it
// likes.
func oneLine(ws *cargo.Workspace) error {
	reasons := map[string]string{} // by the name of a folder: most packages lie in the same ones
	deceives := func(name string) bool {
		why, known := reasons[name]
		if !known {
			why = unprintable(name)
			reasons[name] = why
		}
		return why != ""
	}
	var l fault.List
	dirs := []string{ws.Root}
	for _, p := range ws.Packages {
		dirs = append(dirs, p.Dir)
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		dir = path.Join("/", ws.Base, dir)
		names := strings.Split(dir, "/")
		if i := slices.IndexFunc(names, deceives); i >= 0 {
			l.Addf(fmt.Sprintf("the folder %q cannot be built in", dir), reasons[names[i]], "rename it")
		}
	}
	return l.Err()
}

// unprintable says why a path with this name in it cannot be printed as it is, "" when it can.
func unprintable(name string) string {
	switch {
	case foreign.Line(name) == name:
		return ""
	case redact.Text(name) != name:
		return fmt.Sprintf("%q reads as an address with a password, which lpipe never prints, and paths are printed as they are", redact.Text(name))
	default:
		return "its path holds a control character, a line break or a command to a CI system, and lpipe prints paths one a line"
	}
}

// member is the folder of the packages that the folder asked for means: itself, or that of the package it lies in.
func member(ws *cargo.Workspace) string {
	holds := func(p *cargo.Package) bool { return cargo.Within(ws.Dir, p.Dir) }
	if owner := ws.Owner(ws.Dir); owner != nil && !slices.ContainsFunc(ws.Packages, holds) {
		return owner.Dir
	}
	return ws.Dir
}

// load reads the workspaces of the folders, each once, and their configuration. The error joins the mistakes of all unless
// only neighbours have some, which are then in these.
func (o *opening) load(dirs []string) ([]*workspace, error) {
	var mistakes, unread []error
	var all []*workspace
	end := o.Trace.Begin("read the cargo project")
	for _, dir := range dirs {
		if i := slices.IndexFunc(all, func(w *workspace) bool { return w.Workspace != nil && isMember(w.Workspace, dir) }); i >= 0 {
			all[i].dirs = append(all[i].dirs, dir)
			continue
		}
		ws, err := cargo.LoadFrom(o.disk, dir, o.cwd)
		unread = append(unread, err)
		w := &workspace{Workspace: ws, dirs: []string{dir}, err: err}
		if i := slices.IndexFunc(all, func(other *workspace) bool { return ws != nil && other.Workspace != nil && other.root() == w.root() }); i >= 0 {
			all[i].dirs = append(all[i].dirs, dir)
			continue
		}
		if ws != nil {
			w.Workspace, w.reach = reach.Find(ws)
		}
		all = append(all, w)
	}
	end()
	end = o.Trace.Begin("read lpipe.toml")
	top := o.top(all)
	for _, w := range all {
		view, err := o.disk.View(w.from())
		if err != nil {
			unread = append(unread, err)
			w.err = errors.Join(w.err, err)
			continue
		}
		view.Settle(top)
		w.cfg, err = config.Load(config.Input{FS: o.disk.FS, View: view, Dir: w.from(), Cwd: o.cwd, Env: o.Env, Settings: o.settings})
		mistakes = append(mistakes, err)
		w.err = errors.Join(w.err, err)
	}
	end()
	if !slices.ContainsFunc(all, func(w *workspace) bool { return w.err != nil && !o.neighbour(w) && !o.apart(w) }) {
		return all, nil
	}
	return all, each(append(mistakes, unread...))
}

// top is the folder up to which lpipe.toml is looked for where there is no repository: what the workspaces of the run and
// the folders in which it searched have in common.
func (o *opening) top(all []*workspace) string {
	var top string
	hold := func(dir string) {
		for top = cmp.Or(top, dir); !cargo.Within(top, dir); top = path.Dir(top) {
		}
	}
	for _, w := range all {
		hold(w.from())
		if w.Workspace != nil {
			hold(w.root())
		}
	}
	for _, dir := range o.searched {
		hold(dir)
	}
	return top
}

// isMember reports whether dir is the folder of a member.
func isMember(ws *cargo.Workspace, dir string) bool {
	return slices.ContainsFunc(ws.Packages, func(p *cargo.Package) bool { return p.Member && path.Join(ws.Base, p.Dir) == dir })
}

// each joins the mistakes, those that several projects have in common once.
func each(mistakes []error) error {
	var l fault.List
	said := map[string]bool{}
	for _, err := range mistakes {
		for _, part := range fault.Parts(err) {
			if !said[part.Error()] {
				said[part.Error()] = true
				l.Add(part)
			}
		}
	}
	return l.Err()
}

// others reports whether the lpipe.toml of w, which may lie above several projects, is also for one that is not among
// all. nil says that it is not.
func (o *opening) others(w *workspace, all []*workspace) func() bool {
	top := inFS(path.Dir(w.cfg.File))
	covered := func(dir string) bool { return cargo.Within(dir, top) }
	if w.cfg.File == "" || top == w.root() || !cargo.Within(top, w.root()) || slices.ContainsFunc(o.searched, covered) {
		return nil
	}
	return sync.OnceValue(func() bool {
		dirs, err := cargo.Projects(o.disk.FS, top)
		return err != nil || slices.ContainsFunc(dirs, func(dir string) bool {
			return !slices.ContainsFunc(all, func(w *workspace) bool { return cargo.Within(w.root(), dir) })
		})
	})
}
