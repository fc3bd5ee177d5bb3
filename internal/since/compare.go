package since

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"lpipe/internal/cargo"
	"lpipe/internal/project"
)

// compare returns what differs of each lambda, by its folder. old is nil where there was no project that could be planned.
func compare(ctx context.Context, old, now *side) (map[string][]Change, error) {
	all := map[string][]Change{}
	if now.err != nil {
		return nil, now.err
	}
	c := &comparison{old: old, now: now, known: map[string]sources{}}
	if old != nil {
		c.differ()
	}
	for folder, l := range now.lambdas {
		var was built
		if old != nil {
			was = old.lambdas[folder]
		}
		if was.Lambda == nil || old.err != nil {
			all[folder] = []Change{{Kind: "new"}}
			continue
		}
		add := func(kind string, names []string, differs bool) {
			if differs {
				slices.Sort(names)
				all[folder] = append(all[folder], Change{kind, slices.Compact(names)})
			}
		}
		s := c.sources(ctx, was.Package, l.Package)
		if s.err != nil {
			return nil, s.err
		}
		included, unknown, err := c.included(was, l)
		if err != nil {
			return nil, err
		}
		names, files := slices.Concat(settings(was, l, c.toolchain()), s.settings), slices.Concat(s.files, included)
		add("settings", names, len(names) > 0)
		add("sources", files, s.unknown || unknown || len(files) > 0)
		add("dependencies", s.crates, len(s.crates) > 0)
	}
	return all, nil
}

// toolchain gives the toolchain file its name: that of now, or else that of before.
func (c *comparison) toolchain() func(text string) string {
	if c.now.ws.Toolchain == nil {
		return c.old.ws.NameToolchain
	}
	return c.now.ws.NameToolchain
}

// comparison compares two sides.
type comparison struct {
	old, now *side
	known    map[string]sources // by the folders of the package on both sides

	unsure   bool     // which files differ is not known
	files    []string // that differ in any context
	shared   []string // of these, those that may be in every context
	base     []string // that differ in what the contexts are laid over
	manifest []string // keys of the root's manifest that differ, but for those of which a context tells more
	lock     bool     // the lock files differ
	features []string // crates of which the local packages ask for other features
}

// sources are what differs of one package and of what it depends on.
type sources struct {
	settings, files, crates []string
	unknown                 bool // the files could not be compared
	err                     error
}

// differ finds what differs between the two sides, whichever lambda it concerns.
func (c *comparison) differ() {
	old, now := c.old, c.now
	c.base = differing(old.base, now.base)
	// Of a file that several packages name, an ignore file may leave it out of the contexts of some.
	c.unsure = old.allErr != nil || now.allErr != nil || old.ignore != now.ignore
	c.files = differing(old.all, now.all)
	var links []string // where links of the project lead
	for _, all := range []map[string]file{old.all, now.all} {
		for _, f := range all {
			if f.link != "" {
				links = append(links, f.link)
			}
		}
	}
	for _, name := range c.files {
		_, before := old.base[name]
		_, after := now.base[name]
		if before || after || within(links, name) {
			c.shared = append(c.shared, name)
		}
	}
	c.manifest = rootKeys(old.ws.Manifest, now.ws.Manifest)
	c.lock = !reflect.DeepEqual(old.ws.Lock.Packages, now.ws.Lock.Packages)
	if old.features != nil && now.features != nil {
		for _, asked := range []map[string]map[string]bool{old.features, now.features} {
			for name := range asked {
				if !maps.Equal(old.features[name], now.features[name]) {
					c.features = append(c.features, name)
				}
			}
		}
	}
}

// differing are the names of files that are not the same in both.
func differing[F comparable](old, now map[string]F) []string {
	var all []string
	for name, f := range now {
		if was, ok := old[name]; !ok || was != f {
			all = append(all, name)
		}
	}
	for name := range old {
		if _, ok := now[name]; !ok {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

func within(folders []string, name string) bool {
	return slices.ContainsFunc(folders, func(dir string) bool { return cargo.Within(dir, name) })
}

// sources compares what a package depends on.
func (c *comparison) sources(ctx context.Context, was, is *cargo.Package) sources {
	dirs := c.old.rel(was.Dir) + "\n" + c.now.rel(is.Dir)
	s, known := c.known[dirs]
	if known {
		return s
	}
	before, after := c.old.view(was), c.now.view(is)
	root := c.rootIsRead(before) || c.rootIsRead(after)
	if c.unsure || !maps.Equal(before.dirs, after.dirs) || c.concerned(before, after, root) {
		s = c.contents(ctx, was, is, root)
	}
	if !root {
		s.settings = slices.Concat(s.settings, c.manifest, c.inherited(after))
	}
	s.crates = c.crates(was, is)
	c.known[dirs] = s
	return s
}

// included names the files of the zip beside the program that differ, relative to the package. unknown says that those of
// before could not be read.
func (c *comparison) included(was, is built) (names []string, unknown bool, err error) {
	if len(was.Build.Include)+len(is.Build.Include) == 0 {
		return nil, false, nil
	}
	now, err := c.now.included(project.Target{Project: c.now.project, Lambda: is.Lambda})
	if err != nil {
		return nil, false, err
	}
	old, err := c.old.included(project.Target{Project: c.old.project, Lambda: was.Lambda})
	if err != nil {
		return nil, true, nil //nolint:nilerr // it is told
	}
	return differing(old, now), false, nil
}

// rootIsRead reports that the context holds the root's manifest as it is written, and something may read it.
func (c *comparison) rootIsRead(v view) bool {
	return v.wide || v.dirs["."] || within(v.reads, "Cargo.toml")
}

// concerned reports whether one of the files that differ may be in one of the contexts with these views.
func (c *comparison) concerned(before, after view, root bool) bool {
	for _, name := range c.files {
		_, was := c.old.all[name]
		_, is := c.now.all[name]
		switch {
		case name == "Cargo.toml" && !root: // it is compared key by key
		case slices.Contains(c.shared, name), before.wide, after.wide,
			within(before.reads, name), within(after.reads, name),
			was && before.dirs[c.old.owner(name)], is && after.dirs[c.now.owner(name)]:
			return true
		}
	}
	return slices.ContainsFunc(c.base, func(name string) bool { return name != "Cargo.toml" || root })
}

// contents compares the contexts file by file.
func (c *comparison) contents(ctx context.Context, was, is *cargo.Package, root bool) (s sources) {
	after, err := c.now.contents(ctx, is)
	if err != nil {
		return sources{err: err}
	}
	before, err := c.old.contents(ctx, was)
	if err != nil {
		return sources{unknown: true}
	}
	names := map[string]bool{}
	for _, over := range []map[string]file{before.over, after.over} {
		for name := range over {
			names[name] = true
		}
	}
	for _, name := range c.base {
		names[name] = true
	}
	for name := range names {
		f, ok := before.at(name)
		g, ok2 := after.at(name)
		if (f != g || ok != ok2) && (name != "Cargo.toml" || root) {
			s.files = append(s.files, name)
		}
	}
	return s
}

// crates names the crates of the lock file that differ for a package.
func (c *comparison) crates(was, is *cargo.Package) []string {
	before, after := c.old.ws.Closure([]*cargo.Package{was}), c.now.ws.Closure([]*cargo.Package{is})
	same := slices.EqualFunc(before, after, func(p, q *cargo.Package) bool { return p.Name == q.Name })
	if same && !c.lock && len(c.features) == 0 {
		return nil
	}
	locked := func(ws *cargo.Workspace, from []*cargo.Package) map[string][]string {
		all := map[string][]string{}
		for _, p := range ws.Lock.Reachable(from) {
			text := p.Version
			if p.Source != nil {
				text += fmt.Sprintf(" %q", *p.Source)
			}
			all[p.Name] = append(all[p.Name], text+" "+p.Checksum)
		}
		return all
	}
	old, now := locked(c.old.ws, before), locked(c.now.ws, after)
	var crates []string
	for name, is := range now {
		was := old[name]
		switch {
		case was == nil:
			crates = append(crates, name+" is new")
		case !slices.Equal(was, is):
			crates = append(crates, name+" "+between(was, is))
		case slices.Contains(c.features, name):
			crates = append(crates, "features of "+name)
		}
	}
	for name := range old {
		if now[name] == nil {
			crates = append(crates, name+" is gone")
		}
	}
	return crates
}

// between tells two lists of locked versions apart.
func between(was, is []string) string {
	before, after := versions(was), versions(is)
	if before == after {
		return before + " from another source"
	}
	return before + " -> " + after
}
