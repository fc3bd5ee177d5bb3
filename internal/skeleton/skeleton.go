// Package skeleton makes the contexts that a build sends: what the dependencies depend on and nothing else, and
// for each lambda that same skeleton with its own sources laid over it.
//
// It works on the host, in memory, from a [cargo.Workspace] and what [reach.Find] found in it; it never compiles, connects or writes. A [Tree] is a
// pure function of the project's content: two machines, two checkouts and two umasks give equal trees.
//
// A stub stands for a local package: a manifest with the dependencies and features of the real one, which names the
// empty library and, where build-dependencies must be compiled, the empty build script that all stubs share. Its version is [StubVersion],
// which is part of the hash by which cargo names what it compiled; so the real package can never pick up what was
// compiled from its stub, whatever the times of the files say. A package for which no stub can stand is whole: it
// is in every context as it is, and a [Note] says why.
//
// The closure of packages is the skeleton with their folders, and those of the local packages they depend on, as
// they are. A folder is taken without the folders of other local packages in it, and without version control, .env
// files, cargo's credentials, what cargo compiled, and what .lpipeignore or else .dockerignore excludes. With them
// come the files beyond their folders that their sources name, and those below the workspace's root that belong to
// no package, but for documents and the folders of other tools. What a source names is sent although one of these lists
// leaves it out, with a note; of what is not sent all the same, as git's folder, the note says why. What cannot be
// sent, such as a link out of the project or a socket, is refused where a source names it, and left out with a note otherwise.
//
// What the closures of a workspace have in common is [Stubs]. A build sends it once, and of each closure what is laid
// over it ([Options.Over]), or the cost of a build would grow with the square of the workspace. Laying over only adds
// and replaces files, as cp does, because nothing of a stub but its manifest is in the folder of the package.
package skeleton

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"

	"lpipe/internal/cargo"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/reach"
)

// StubVersion is the version of every stub. No release can have it: a pre-release of 0.0.0 matches no usual
// requirement.
const StubVersion = "0.0.0-skel"

// DefaultLimit is the largest context that is sent unless [Options] says otherwise, in bytes. A project's sources
// are rarely a tenth of it; more is nearly always a data set or a build folder that came along.
const DefaultLimit = 512 << 20

// Options change how a closure is made; the zero value is the default.
type Options struct {
	Limit int64 // the largest size of the context in bytes; 0 means DefaultLimit
	Over  *Base // what the context is laid over, and so does not hold itself; nil is nothing
	Lock  *Lock // of ws; nil is one for this context alone. With Over, it is that of what the context is laid over
	// WithoutLock leaves out the lock file, which differs from context to context: of no use but to compare contexts. What is laid over
	// a context without one has none either.
	WithoutLock bool
	Nextest     bool // cargo nextest runs the tests, of a context for these
}

// Note is something a person should know about a context, for the report. Package is what it is about: a package's
// name, a file's, or what several packages have in common.
type Note struct{ Package, Text string }

// nextest is what a note is about, and what names its configuration.
const nextest = "cargo nextest"

// configuration is what a note is about that is about no package.
const configuration = "cargo's configuration"

// Make returns the skeleton, the context of the stages that fetch and compile the dependencies. Its errors are
// usage faults, all of them at once.
func Make(ws *cargo.Workspace, found *reach.Findings) (*Tree, []Note, error) {
	return MakeStratified(ws, found, nil, Options{})
}

// MakeStratified returns the skeleton with what strata are made of, which are as of [plan.StrataByPackage].
func MakeStratified(ws *cargo.Workspace, found *reach.Findings, strata map[string][]plan.Stratum, o Options) (*Tree, []Note, error) {
	m := newMaker(ws, found, o)
	m.strata = strata
	for _, place := range found.Beyond {
		m.say(configuration, place)
	}
	return m.make(nil)
}

// Base is what the closures of a workspace have in common.
type Base struct {
	*Tree
	wide   bool // it has every file of the workspace that belongs to no package
	lock   *Lock
	owned  map[string]*cargo.Package // by folder
	ignore *ignore
	left   []problem // what cannot be sent; whether that matters, a closure knows
}

// Stubs returns what the closures of ws have in common: its closure of no package. Its errors are usage faults, all of
// them at once.
func Stubs(ws *cargo.Workspace, found *reach.Findings, o Options) (*Base, []Note, error) {
	m := newMaker(ws, found, o)
	m.closure = true
	tree, notes, err := m.make(nil)
	return &Base{tree, m.wideContext, m.lock, m.owned, m.ignore, m.left}, notes, err
}

// Closure returns the context in which pkgs are compiled: the skeleton with their folders and those of the local
// packages they depend on laid over it. Its errors are usage faults, all of them at once.
func Closure(ws *cargo.Workspace, found *reach.Findings, pkgs []*cargo.Package, o Options) (*Tree, []Note, error) {
	m := newMaker(ws, found, o)
	m.closure = true
	return m.make(pkgs)
}

// Tests returns the context in which the tests of pkgs and of the local packages they depend on run: their closure, and
// what these tests read besides. Its errors are usage faults, all of them at once.
func Tests(ws *cargo.Workspace, found *reach.Findings, pkgs []*cargo.Package, o Options) (*Tree, []Note, error) {
	m := newMaker(ws, found, o)
	m.closure, m.tests = true, true
	return m.make(pkgs)
}

// Libraries returns the context in which the libraries of pkgs are compiled for the programs that use them: their
// closure, but for the sources of the programs of packages whose library can be compiled apart from them.
// Its errors are usage faults, all of them at once.
func Libraries(ws *cargo.Workspace, found *reach.Findings, pkgs []*cargo.Package, o Options) (*Tree, []Note, error) {
	m := newMaker(ws, found, o)
	m.closure, m.libraries = true, true
	return m.make(pkgs)
}

// InTests returns the packages that [Tests] has as they are, and whether one of them may read anything.
func InTests(ws *cargo.Workspace, found *reach.Findings, pkgs []*cargo.Package) (real []*cargo.Package, wide bool) {
	m := &maker{ws: ws, found: found, tests: true, real: map[*cargo.Package]bool{}}
	m.choose(pkgs)
	for _, p := range ws.Packages {
		if m.real[p] {
			real = append(real, p)
			wide = wide || m.wide(p) != ""
		}
	}
	return real, wide
}

// maker makes one context.
type maker struct {
	ws        *cargo.Workspace
	found     *reach.Findings
	limit     int64
	closure   bool                      // not the bare skeleton
	strata    map[string][]plan.Stratum // nil for none
	libraries bool                      // the closure without programs
	tests     bool                      // the closure with what tests read
	tree      *Tree
	notes     []Note
	real      map[*cargo.Package]bool
	owned     map[string]*cargo.Package // by folder
	ignore    *ignore
	bad       []problem
	unsent    []problem       // what cannot be sent, whether that matters or not
	left      []problem       // of that, what does not
	complete  []string        // folders of which everything is needed
	done      map[string]bool // outside files and folders that were added
	over      *Base           // what the tree is laid over, nil for one that stands alone
	lock      *Lock
	unlocked  bool // the context has no lock file
	nextest   bool // as of [Options]

	wideContext bool       // a real package may read anything
	folders     []partial  // that the sources name
	partly      []*partial // those of which something is left out
}

func newMaker(ws *cargo.Workspace, found *reach.Findings, o Options) *maker {
	m := &maker{
		ws: ws, found: found, limit: cmp.Or(o.Limit, DefaultLimit), tree: newTree(found.Files), over: o.Over, unlocked: o.WithoutLock, nextest: o.Nextest,
		real: map[*cargo.Package]bool{}, done: map[string]bool{},
	}
	if m.over != nil {
		m.lock, m.owned, m.ignore = m.over.lock, m.over.owned, m.over.ignore
		m.unlocked = m.unlocked || m.lock == nil
		m.unsent = slices.Clone(m.over.left)
		return m
	}
	if m.lock, m.owned = o.Lock, map[string]*cargo.Package{}; m.lock == nil && !o.WithoutLock {
		m.lock = NewLock(ws)
	}
	for _, p := range ws.Packages {
		m.owned[p.Dir] = p
	}
	return m
}

func (m *maker) make(pkgs []*cargo.Package) (*Tree, []Note, error) {
	if m.ignore == nil {
		var err error
		if m.ignore, err = readIgnore(m.ws, m.found.Files); err != nil {
			return nil, nil, err
		}
	}
	m.choose(pkgs)
	for _, p := range m.ws.Packages {
		if m.real[p] {
			m.folder(p.Dir)
			m.tree.write(p.Manifest.Path, p.Manifest.Data) // whatever is excluded
		}
	}
	m.strays()
	m.addNamed()
	if m.nextest {
		m.name(nextest, reach.Named{Path: path.Join(m.ws.Root, plan.NextestConfig), At: nextest})
	}
	if m.over == nil {
		if err := m.stubs(); err != nil {
			return nil, nil, err
		}
	}
	if m.libraries && !m.wideContext {
		for _, p := range m.ws.Packages {
			if m.real[p] && m.found.Packages[p].LibIndependent {
				m.apart(p)
			}
		}
	}
	if err := m.root(); err != nil {
		return nil, nil, err
	}
	if m.over == nil {
		if err := m.shared(); err != nil {
			return nil, nil, err
		}
	}
	m.requireSources()
	m.leaveOut()
	if m.over != nil {
		m.tree.without(m.over.Tree)
	}
	if err := m.faults(); err != nil {
		return nil, nil, err
	}
	if m.tree.Size() > m.limit {
		return nil, nil, tooLarge(m.tree, m.limit)
	}
	m.hash()
	m.tree.reader = m.reader
	return m.tree, m.notes, m.faults()
}

// choose decides which packages are copied as they are.
func (m *maker) choose(pkgs []*cargo.Package) {
	for _, p := range m.ws.Packages {
		if why := m.found.Packages[p].Unstubbable; why != "" {
			pkgs = append(slices.Clip(pkgs), p)
			m.note(p, "copied whole: "+why)
		}
	}
	all := len(m.ws.Closure(pkgs)) == len(m.ws.Packages)
	// Packages may name files of other packages, which then join, and may name more.
	for n := -1; n != len(pkgs); {
		n = len(pkgs)
		pkgs = m.ws.Closure(pkgs)
		for _, p := range pkgs {
			if m.wide(p) != "" {
				m.noteWide(p, !all)
				pkgs = m.ws.Packages
			}
			for _, out := range m.reads(p) {
				for _, other := range m.ws.Packages {
					if cargo.Within(out, other.Dir) || out == other.Manifest.Path {
						pkgs = append(slices.Clip(pkgs), other)
					}
				}
			}
		}
		pkgs = m.ws.Closure(pkgs)
	}
	for _, p := range pkgs {
		m.real[p] = true
		m.wideContext = m.wideContext || m.wide(p) != ""
		for _, place := range m.found.Packages[p].Beyond {
			m.note(p, place)
		}
	}
}

// wide quotes the place for which p may read anything in this context, "" for none.
func (m *maker) wide(p *cargo.Package) string {
	if m.tests {
		return cmp.Or(m.found.Packages[p].ReadsWorkspace, m.found.Packages[p].TestsReadWorkspace)
	}
	return m.found.Packages[p].ReadsWorkspace
}

// reads are the files and folders that p reads in this context beyond its own.
func (m *maker) reads(p *cargo.Package) []string {
	if m.tests {
		return slices.Concat(m.found.Packages[p].Outside, m.found.Packages[p].TestOutside)
	}
	return m.found.Packages[p].Outside
}

// above is the topmost folder of which p may read anything in this context, "" for none above the workspace's root.
func (m *maker) above(p *cargo.Package) string {
	if above := m.found.Packages[p].Above; above != "" || !m.tests {
		return above
	}
	return m.found.Packages[p].TestsAbove
}

// noteWide says why p has all files, and once what to do about it where that costs anything.
func (m *maker) noteWide(p *cargo.Package, costs bool) {
	all := "the whole workspace"
	if above := m.above(p); above != "" {
		all = "all of /" + path.Join(m.ws.Base, above)
	}
	if why := m.found.Packages[p].ReadsWorkspace; why != "" {
		m.note(p, "its context is "+all+": "+why)
	} else {
		m.note(p, "the context of its tests is "+all+": "+m.found.Packages[p].TestsReadWorkspace)
	}
	advice := Note{"the whole workspace as context", "every edit compiles such a package again, or runs its tests again; where its code spells out " +
		"what it reads, as in \"../schema/api.json\", that alone counts"}
	if costs && !slices.Contains(m.notes, advice) {
		m.notes = append(m.notes, advice)
	}
}

func (m *maker) note(p *cargo.Package, text string) { m.say(p.Name, text) }

func (m *maker) say(who, text string) {
	n := Note{who, text}
	if !slices.Contains(m.notes, n) {
		m.notes = append(m.notes, n)
	}
}

// stubs adds a manifest for each package that is not there, and the sources that these share.
func (m *maker) stubs() error {
	if len(m.real) == len(m.ws.Packages) {
		return nil
	}
	m.ownFile(stubLib, []byte(emptyLib))
	for _, p := range m.ws.Packages {
		if m.real[p] {
			continue
		}
		manifest, err := m.stubManifest(p)
		if err != nil {
			return err
		}
		m.tree.writeStub(p.Manifest.Path, manifest)
		if hasStubScript(p) {
			m.ownFile(stubScript, []byte(emptyScript))
		}
	}
	return nil
}

// ownFile adds a file of lpipe, below the workspace's root, where the project must have none.
func (m *maker) ownFile(name string, data []byte) {
	name = path.Join(m.ws.Root, name)
	if e := m.tree.entries[name]; e != nil && !e.stub {
		m.problem(name, "lpipe has a file of this name for itself", "rename them")
	}
	m.tree.writeStub(name, data)
}

// root adds the root's manifest and the lock file, which say of each package whether it is a stub.
func (m *maker) root() error {
	if root := m.owned[m.ws.Root]; root == nil || m.real[root] {
		manifest, err := m.rootManifest()
		if err != nil {
			return err
		}
		m.tree.write(m.ws.Manifest.Path, manifest)
	}
	if m.unlocked {
		return nil
	}
	lock, err := m.lock.write(m.real)
	if err != nil {
		return err
	}
	m.tree.writePieces(m.ws.Lock.Path, lock)
	return nil
}

// shared adds what belongs to no package and is the same in all closures: manifests of other workspaces, and the
// configuration.
func (m *maker) shared() error {
	ws := m.ws
	for _, f := range ws.Foreign {
		if _, ok := m.tree.entries[f.Path]; ok {
			continue // a local package as well
		}
		manifest, err := foreignManifest(f)
		if err != nil {
			return err
		}
		m.tree.write(f.Path, manifest)
	}
	for _, name := range ws.Config.Paths {
		if err := m.config(name); err != nil {
			return err
		}
	}
	for _, name := range ws.Config.Extra {
		m.outside(name)
		m.name(configuration, reach.Named{Path: name, At: configuration})
	}
	for _, name := range ws.Config.Folders {
		m.exact(name)
	}
	if t := ws.Toolchain; t != nil {
		m.tree.write(t.Path, t.Data)
	}
	if err := m.addStrata(); err != nil {
		return err
	}
	return m.fetchConfig()
}

// requireSources reports sources of the chosen packages that an ignore file keeps out of the context.
func (m *maker) requireSources() {
	for _, p := range m.ws.Packages {
		if !m.real[p] {
			continue
		}
		for _, t := range sources(p) {
			name := path.Join(p.Dir, t)
			if e := m.tree.entries[name]; e == nil && m.ignore.match(name) {
				m.problem(name, "needed to compile "+p.Name+", but "+m.ignore.excludes(name)+" excludes it", "remove the pattern from "+m.ignore.names())
			}
		}
	}
}

func sources(p *cargo.Package) []string {
	var all []string
	if p.Lib != nil {
		all = append(all, p.Lib.Path)
	}
	for _, b := range p.Bins {
		all = append(all, b.Path)
	}
	if p.Build != "" {
		all = append(all, p.Build)
	}
	return all
}

// problem is a file that cannot be part of a context.
type problem struct {
	name, why, fix string
	gone           bool // it was removed since its folder was read
}

func (m *maker) problem(name, why, fix string) {
	m.bad = append(m.bad, problem{name: name, why: why, fix: fix})
}

// faults returns the problems found so far, one fault for each fix.
func (m *maker) faults() error {
	byFix := map[string][]problem{}
	for _, p := range m.bad {
		if !slices.Contains(byFix[p.fix], p) {
			byFix[p.fix] = append(byFix[p.fix], p)
		}
	}
	var errs fault.List
	for _, fix := range slices.Sorted(maps.Keys(byFix)) {
		all := byFix[fix]
		slices.SortFunc(all, func(a, b problem) int { return cmp.Compare(a.name, b.name) })
		what := fmt.Sprintf("%d files of the project cannot be sent to the build", len(all))
		if len(all) == 1 {
			what = "a file of the project cannot be sent to the build"
		}
		why := ""
		for i, p := range all {
			if i == 20 {
				why += fmt.Sprintf("and %d more\n", len(all)-i)
				break
			}
			why += fmt.Sprintf("%s: %s\n", shown(p.name), p.why)
		}
		errs.Addf(what, why, fix)
	}
	return errs.Err()
}

// shown escapes a name that could spoil a terminal.
func shown(name string) string {
	if q := fmt.Sprintf("%q", name); len(q) != len(name)+2 {
		return q
	}
	return name
}
