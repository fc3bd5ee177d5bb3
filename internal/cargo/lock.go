package cargo

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"lpipe/internal/fault"
)

// Lock is a Cargo.lock.
type Lock struct {
	Path     string // relative to Base
	Version  int    // of the format; 1 and 2 write none and read as 1
	Packages []LockPackage
	Tree     map[string]any // as decoded, for rewriting

	doc   *document
	shown string // the path, for messages
}

// LockPackage is one [[package]] of a lock file.
type LockPackage struct {
	Name, Version string
	Source        *Source // nil for a local package
	Checksum      string
	Dependencies  []string // "name", "name version" or "name version (source)", as few words as are unambiguous
}

// Source is where a foreign package comes from.
type Source struct {
	Kind string // "git", "registry", "sparse", "local-registry" or "directory"
	URL  string // as in the lock file, without the kind, the query and the revision
	// Of a git source: where it is, who logs in ("git", or "" for none), and what is asked for. Path has no
	// leading slash and keeps its ".git" when written so.
	Scheme, User, Host, Port, Path string
	Branch, Tag, Ref, Rev          string
	Commit                         string // the locked one
}

// Git returns the distinct git repositories, sorted by URL. Several revisions of one count once.
func (k *Lock) Git() []Source { return k.sources(func(s *Source) bool { return s.Kind == "git" }) }

// Foreign counts the locked packages that are not of this machine. There are none without a lock file.
func (k *Lock) Foreign() (n int) {
	if k == nil {
		return 0
	}
	for _, p := range k.Packages {
		if p.Source != nil {
			n++
		}
	}
	return n
}

// Registries returns the distinct registries, sorted by URL.
func (k *Lock) Registries() []Source {
	return k.sources(func(s *Source) bool { return s.Kind != "git" })
}

func (k *Lock) sources(want func(*Source) bool) []Source {
	var all []Source
	for _, p := range k.Packages {
		if p.Source != nil && want(p.Source) && !slices.ContainsFunc(all, func(s Source) bool { return s.URL == p.Source.URL }) {
			all = append(all, *p.Source)
		}
	}
	slices.SortFunc(all, func(a, b Source) int { return strings.Compare(a.URL, b.URL) })
	return all
}

// Reachable returns the locked packages that the local packages depend on, directly or not, in the order of the
// lock file; foreign ones and local ones alike.
func (k *Lock) Reachable(from []*Package) []LockPackage {
	reached := make([]bool, len(k.Packages))
	byName := map[string][]int{}
	for i, p := range k.Packages {
		byName[p.Name] = append(byName[p.Name], i)
	}
	var visit func(want string)
	visit = func(want string) {
		words := strings.Fields(want)
		for _, i := range byName[words[0]] {
			// Where name and version leave a choice of sources, all are taken.
			if len(words) > 1 && k.Packages[i].Version != words[1] || reached[i] {
				continue
			}
			reached[i] = true
			for _, d := range k.Packages[i].Dependencies {
				if d != "" {
					visit(d)
				}
			}
		}
	}
	for _, p := range from {
		if i := slices.IndexFunc(k.Packages, func(l LockPackage) bool { return l.Source == nil && l.Name == p.Name }); i >= 0 {
			visit(p.Name + " " + k.Packages[i].Version)
		}
	}
	var all []LockPackage
	for i, p := range k.Packages {
		if reached[i] {
			all = append(all, p)
		}
	}
	return all
}

// ParseLock reads a lock file; name is for messages.
func ParseLock(name string, data []byte) (*Lock, error) {
	const fix = "cargo writes this file: restore it, or make a new one with `cargo generate-lockfile`"
	if strings.Contains(string(data), "\n<<<<<<< ") {
		return nil, &fault.Error{Kind: fault.Usage, What: name + " holds unresolved merge conflicts", Fix: "check out one side's Cargo.lock, then run `cargo update --workspace`"}
	}
	doc, err := parse(name, data, fix)
	if err != nil {
		return nil, err
	}
	k := &Lock{Version: 1, Tree: doc.tree, doc: doc}
	if v, ok := doc.get("version").(int64); ok {
		k.Version = int(v)
	}
	var errs fault.List
	tables := asTables(doc.get("package"))
	if root := asTable(doc.get("root")); root != nil {
		tables = append(tables, root) // written by cargo before 2017
	}
	for i, t := range tables {
		p := LockPackage{
			Name: asString(t["name"]), Version: asString(t["version"]), Checksum: asString(t["checksum"]),
			Dependencies: asStrings(t["dependencies"]),
		}
		at := func() string { return doc.at("package", fmt.Sprintf("#%d", i), "name") }
		if p.Name == "" || p.Version == "" {
			errs.Addf(at()+": a package without name or version", "", fix)
			continue
		}
		if slices.ContainsFunc(p.Dependencies, func(d string) bool { return strings.TrimSpace(d) == "" }) {
			errs.Addf(fmt.Sprintf("%s: a dependency of %s has no name", at(), fault.Quote(p.Name)), "", fix)
			continue
		}
		if text := asString(t["source"]); text != "" {
			if p.Source, err = ParseSource(text); err != nil {
				errs.Addf(fmt.Sprintf("%s: the source of %s is not understood", at(), fault.Quote(p.Name)), err.Error(), fix)
			}
		}
		k.Packages = append(k.Packages, p)
	}
	return k, errs.Err()
}

// ParseSource reads a source as a lock file writes it, such as
//
//	registry+https://github.com/rust-lang/crates.io-index
//	git+ssh://git@github.com/org/repo.git?branch=main#0123abc…
func ParseSource(text string) (*Source, error) {
	kind, rest, ok := strings.Cut(text, "+")
	if !ok {
		return nil, fmt.Errorf("no kind in %s", fault.Quote(text))
	}
	s := &Source{Kind: kind}
	if kind != "git" {
		if !slices.Contains([]string{"registry", "sparse", "local-registry", "directory"}, kind) {
			return nil, fmt.Errorf("unknown kind %s", fault.Quote(kind))
		}
		s.URL = rest
	}
	rest, s.Commit, _ = strings.Cut(rest, "#")
	u, err := url.Parse(rest)
	if err != nil {
		return nil, fmt.Errorf("no valid URL in %s", fault.Quote(text))
	}
	s.Scheme, s.User, s.Host, s.Port, s.Path = u.Scheme, u.User.Username(), u.Hostname(), u.Port(), strings.TrimPrefix(u.Path, "/")
	if kind != "git" {
		return s, nil
	}
	q := u.Query()
	s.Branch, s.Tag, s.Rev, s.Ref = q.Get("branch"), q.Get("tag"), q.Get("rev"), q.Get("ref")
	u.RawQuery, u.Fragment = "", ""
	s.URL = u.String()
	return s, nil
}

// lock reads the lock file of the workspace, which one without a program needs not have.
func (l *loader) lock(w *Workspace) *Lock {
	name := path.Join(w.Root, "Cargo.lock")
	data, ok := l.read(name)
	if !ok {
		if l.isFile(name) {
			return nil // it was reported
		}
		programs := func(p *Package) bool { return p.Member && len(p.Bins) > 0 }
		if l.errs.Err() == nil && !slices.ContainsFunc(w.Packages, programs) {
			return &Lock{Path: name, shown: l.show(name)}
		}
		l.errs.Addf("there is no "+l.show(name), "lpipe builds only what is locked, so that every build of a commit is the same",
			"run `cargo generate-lockfile` and commit Cargo.lock (remove it from .gitignore if it is listed there)")
		return nil
	}
	k, err := ParseLock(l.show(name), data)
	if err != nil {
		l.errs.Add(err)
		return nil
	}
	k.Path, k.shown = name, l.show(name)
	return k
}
