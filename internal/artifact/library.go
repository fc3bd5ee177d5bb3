package artifact

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"lpipe/internal/limits"
	"lpipe/internal/pattern"
)

// CheckLibraries refuses what Lambda's dynamic linker could not load of the shared libraries that a program has beside it in its zip
// and in the layers of its function: one for another machine, one that needs a newer glibc than the runtime has, and one that needs a
// library which the linker does not find. It returns those that may be loaded, by their need or by the program's own code.
//
// The program is nil where it is not there yet. What it says where the linker looks is unknown then, so a need is only missing if no
// file has its name.
func CheckLibraries(program []byte, in Inputs) ([]Entry, error) {
	l := newLinker(in)
	if program != nil {
		l.start(path.Join(in.root(), in.path()), program)
	}
	// What the program may load by its own code, in an order that only that code knows.
	var own []*object
	for _, at := range l.paths {
		_, loaded := l.seen[at]
		data := l.files[at].Data
		if !loaded && strings.Contains(path.Base(at), ".so") && slices.Contains(l.folders(l.main), path.Dir(at)) && (isELF(data) || len(data) == 0) {
			own = append(own, l.load(at, l.main)) // what is text is a script for the linker of a build, which nobody loads
		}
	}
	l.needs(own)
	var all []Entry
	for _, at := range l.paths {
		if l.seen[at] != nil {
			all = append(all, l.files[at])
		}
	}
	return all, l.Err()
}

// CheckInstructions refuses those of these libraries, and of the programs of extensions, that run instructions which the hosts of Lambda lack, as [Inspect] does with the
// program, and returns what may go wrong. It reads all code, so it is for a zip that is made. They are libraries by [CheckLibraries] and programs by
// [CheckExtensions].
func CheckInstructions(files []Entry, e Expect) (warnings []string, err error) {
	c := check{Expect: e}
	for _, entry := range files {
		f, err := parse(entry.Data)
		if err != nil {
			return nil, err
		}
		info := Info{Arch: e.Arch}
		c.library = entry.Name
		c.instructions(f, &info)
		warnings = append(warnings, info.Warnings...)
	}
	return warnings, c.Err()
}

func isELF(data []byte) bool { return bytes.HasPrefix(data, []byte(elf.ELFMAG)) }

// linker is what glibc's dynamic linker does with a program on Lambda, as far as it decides which files are loaded: elf/dl-load.c of
// glibc 2.34, and ld.so(8).
type linker struct {
	check
	files  map[string]Entry // of the zip and the layers, by their paths on Lambda
	paths  []string         // theirs, in order
	dirs   map[string]bool
	work   string             // the current folder of the program
	seen   map[string]*object // by path; nil for what cannot be loaded, which is said once
	loaded map[string]*object // by names by which something is there; nil for the system's own, and for what cannot be loaded
	main   *object            // the program, nil while it is not there
}

// object is the program, or a library that is loaded.
type object struct {
	path    string
	needs   []string
	rpath   []string // folders of DT_RPATH, which count for what its libraries need too
	runpath []string // folders of DT_RUNPATH, which count for its own needs alone
	modern  bool     // it has DT_RUNPATH, and no DT_RPATH counts for it
	loader  *object  // what needed it first

	wants    []need          // versions of its libraries
	versions map[string]bool // that it has itself, nil for none
}

// searched are the folders of the LD_LIBRARY_PATH that Lambda sets which can have files of a zip or a layer, after those of the system:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
var system, searched = []string{"/lib64", "/usr/lib64"}, []string{limits.TaskRoot, limits.TaskRoot + "/lib", limits.Opt + "/lib"}

func newLinker(in Inputs) *linker {
	l := &linker{
		check: check{Expect: in.Expect}, files: map[string]Entry{}, dirs: map[string]bool{}, work: in.root(),
		seen: map[string]*object{}, loaded: map[string]*object{},
	}
	for _, name := range limits.Libraries {
		l.loaded[name] = nil
	}
	l.put(in.root(), in.Included)
	for _, layer := range in.Layers {
		l.put(limits.Opt, layer.Files)
	}
	for _, dir := range append([]string{path.Join(in.root(), path.Dir(in.path()))}, append(system, searched...)...) {
		l.makeDir(dir)
	}
	return l
}

// root is the folder on Lambda that has the files of the zip: that of an extension is one of a layer.
func (in Inputs) root() string {
	if path.Dir(in.path()) == limits.ExtensionsDir {
		return limits.Opt
	}
	return limits.TaskRoot
}

func (l *linker) put(root string, entries []Entry) {
	for _, e := range sorted(entries) {
		at := path.Join(root, e.Name)
		if _, known := l.files[at]; !known {
			l.paths = append(l.paths, at)
		}
		l.files[at] = e
		l.makeDir(path.Dir(at))
	}
}

func (l *linker) makeDir(dir string) {
	for ; !l.dirs[dir]; dir = path.Dir(dir) {
		l.dirs[dir] = true
	}
}

// start loads the program that lies at a path with all that it needs. What is wrong with the program itself, [Inspect] says.
func (l *linker) start(at string, program []byte) {
	f, err := parse(program)
	if err != nil {
		return
	}
	if l.main, err = l.object(f.dynamic(), at, nil); err == nil {
		l.needs([]*object{l.main})
	}
}

// needs loads what these objects need, then what that needs, and so on.
func (l *linker) needs(queue []*object) {
	for ; len(queue) > 0; queue = queue[1:] {
		o := queue[0]
		if o == nil {
			continue
		}
		var missing []string
		for _, name := range o.needs {
			if _, there := l.loaded[name]; there {
				continue
			}
			at, found := l.find(name, o)
			switch {
			case at != "":
				if _, known := l.seen[at]; !known {
					queue = append(queue, l.load(at, o))
				}
				l.loaded[name] = l.seen[at]
			case !found:
				missing = append(missing, l.missing(name))
			}
		}
		l.refuseMissing(o, missing)
		l.versions(o)
	}
}

// versions refuses an object that needs versions of a library which that does not have, as the dynamic linker does.
func (l *linker) versions(o *object) {
	missing := map[string][]string{} // by the library
	for _, n := range o.wants {
		if library := l.loaded[n.library]; library != nil && library.versions != nil && !library.versions[n.name] && !n.weak {
			missing[n.library] = append(missing[n.library], n.name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		l.library = ""
		if o != l.main {
			l.library = l.files[o.path].Name
		}
		library := l.loaded[name]
		l.Add(refuse(l.about(fmt.Sprintf("the program needs %s of %s", strings.Join(missing[name], ", "), name)),
			fmt.Sprintf("%s has %s", l.files[library.path].Name, strings.Join(slices.Sorted(maps.Keys(library.versions)), ", ")),
			"put the library there that it was linked with: include-from-image takes it from the image that the lambda is compiled in"))
	}
}

// refuseMissing refuses an object whose needs nobody has.
func (l *linker) refuseMissing(o *object, missing []string) {
	if len(missing) == 0 {
		return
	}
	l.library = ""
	fix := "link them statically (many -sys crates have a feature \"vendored\" or \"static\"), or put them into the zip under lib/, as by include-from-image or include = [\"lib/*\"]"
	if o != l.main {
		l.library = l.files[o.path].Name
		fix = "put them beside it: include-from-image takes a library of the build image with all that it needs"
	}
	l.Add(refuse(l.about("the program needs shared libraries that "+l.Runtime+" does not have"), strings.Join(missing, ", "), fix))
}

// missing describes a library that is not found.
func (l *linker) missing(name string) string {
	for _, at := range l.paths {
		if path.Base(at) == path.Base(name) {
			return fmt.Sprintf("%q, which the dynamic linker does not look for in %s", name, path.Dir(at))
		}
	}
	return fmt.Sprintf("%q", name)
}

// load loads a library for an object that needs it, nil for the program that is not there yet.
func (l *linker) load(at string, loader *object) *object {
	l.seen[at] = nil
	entry := l.files[at]
	l.library, l.fix = entry.Name, "take it from the image that the lambda is compiled in, as by include-from-image, or build it for "+l.Runtime
	if err := checkIdent(entry.Data); err != nil {
		why := "it is no library for Lambda's machines"
		if len(entry.Data) == 0 {
			why = "it is empty"
		}
		l.Add(refuse(l.library+" cannot be loaded", why, l.fix))
		return nil
	}
	damaged := func(err error) *object {
		l.Add(refuse(l.library+" is damaged", err.Error(), "put it there again"))
		return nil
	}
	f, err := parse(entry.Data)
	if err != nil {
		return damaged(err)
	}
	var info Info
	if l.arch(f, &info); info.Arch != l.Arch {
		return nil
	}
	if elf.Type(f.header.Type) != elf.ET_DYN {
		l.Add(refuse(l.library+" cannot be loaded", fmt.Sprintf("it is no shared library, but an ELF file of type %s", elf.Type(f.header.Type)), "link it with -shared"))
		return nil
	}
	d := f.dynamic()
	o, err := l.object(d, at, loader)
	if err != nil {
		return damaged(err)
	}
	l.glibc(d, &info)
	l.level(f)
	l.seen[at] = o
	if name, ok := d.name(elf.DT_SONAME); ok {
		l.loaded[name] = o
	}
	l.loaded[at] = o
	return o
}

// object reads what decides how the needs of a file are found.
func (l *linker) object(d dynamic, at string, loader *object) (o *object, err error) {
	o = &object{path: at, loader: loader}
	o.needs, err = d.libraries()
	for i, name := range o.needs {
		o.needs[i] = l.expand(name, path.Dir(at))
	}
	folders := func(tag elf.DynTag) (all []string, there bool) {
		list, there := d.name(tag)
		if _, named := d.value[tag]; named && !there {
			err = errors.Join(err, errDynamic)
		}
		if list == "" {
			return nil, there
		}
		for dir := range strings.SplitSeq(list, ":") {
			if dir = l.resolve(l.expand(dir, path.Dir(at))); dir != "" {
				all = append(all, dir)
			}
		}
		return all, there
	}
	if o.runpath, o.modern = folders(elf.DT_RUNPATH); !o.modern {
		o.rpath, _ = folders(elf.DT_RPATH)
	}
	o.wants, _ = d.versions() // what is wrong with them, check.glibc says
	var damaged error
	o.versions, damaged = d.provides()
	return o, errors.Join(err, damaged)
}

// token is what stands for something else in a name of a library or a folder.
var token = pattern.Of(`\$(?:\{(?:ORIGIN|LIB|PLATFORM)\}|(?:ORIGIN|LIB|PLATFORM)\b)`)

// expand replaces the tokens in a name that a file in the folder origin has.
func (l *linker) expand(name, origin string) string {
	return token().ReplaceAllStringFunc(name, func(t string) string {
		switch strings.Trim(t, "${}") {
		case "ORIGIN":
			return origin
		case "LIB":
			return "lib64" // of Amazon Linux, on both architectures
		}
		if l.Arch == "arm64" {
			return "aarch64"
		}
		return t // it depends on the processor, so nothing is certain to be found
	})
}

// resolve returns the path that the kernel makes of one, "" for one that leads through what is not there.
func (l *linker) resolve(name string) string {
	at := "/"
	if !path.IsAbs(name) {
		at = l.work
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." && !l.dirs[at] {
			return ""
		}
		at = path.Join(at, part)
	}
	return at
}

// folders are where the linker looks for what an object needs, in this order; nil is the program that is not there yet.
func (l *linker) folders(o *object) (all []string) {
	if o == nil || !o.modern {
		for by := o; by != nil; by = by.loader {
			all = append(all, by.rpath...)
		}
		if l.main != nil {
			all = append(all, l.main.rpath...) // again, where it was on the way already
		}
	}
	all = append(append(all, system...), searched...)
	if o != nil {
		all = append(all, o.runpath...)
	}
	return all
}

// find returns the path of what an object needs, "" with found where it is the system's or was said to be for another machine.
func (l *linker) find(name string, o *object) (at string, found bool) {
	if strings.Contains(name, "/") {
		at = l.resolve(name)
		_, found = l.files[at]
		if slices.Contains(system, path.Dir(at)) && slices.Contains(limits.Libraries, path.Base(at)) {
			return "", true
		}
		if !found {
			at = ""
		}
		return at, found || l.main == nil && l.somewhere(name)
	}
	other := ""
	for _, dir := range l.folders(o) {
		p := path.Join(dir, name)
		e, there := l.files[p]
		switch {
		case !there:
		case !isELF(e.Data) || l.fits(e.Data): // what is no library at all ends the search, as an error
			return p, true
		case other == "":
			other = p
		}
	}
	return other, other != "" || l.main == nil && l.somewhere(name)
}

// fits reports that an ELF file is for the machine; the linker passes over others.
func (l *linker) fits(data []byte) bool {
	f, err := parse(data)
	return checkIdent(data) == nil && (err != nil || elf.Machine(f.header.Machine) == machines[l.Arch].machine)
}

// somewhere reports that a file has that name, in whatever folder.
func (l *linker) somewhere(name string) bool {
	return slices.ContainsFunc(l.paths, func(at string) bool { return path.Base(at) == path.Base(name) })
}
