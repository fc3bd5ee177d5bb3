package skeleton

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"lpipe/internal/cargo"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
)

// folder adds what is in a folder, without the folders of other local packages: those are added or stubbed by
// themselves.
func (m *maker) folder(dir string) {
	m.list(dir, func(name string, info fs.FileInfo) {
		switch {
		case m.elsewhere(name) || m.settings(name, info):
		case m.ignore.skip(name, info):
			m.leftOut(name, info)
		case info.IsDir():
			m.folder(name)
		default:
			m.file(name, info)
		}
	})
}

// elsewhere reports that a folder is no part of the one it is in: a package, a folder of vendored sources, or one that
// cargo would take for a member without a manifest.
func (m *maker) elsewhere(name string) bool {
	return m.owned[name] != nil || slices.Contains(m.ws.Strays, name) || slices.Contains(m.ws.Config.Folders, name)
}

// leftOut notes Rust sources that an ignore file excludes: an old .dockerignore that excludes the tests would make
// them pass.
func (m *maker) leftOut(name string, info fs.FileInfo) {
	m.partlyLeftOut(name, info)
	if !m.ignore.match(name) {
		return
	}
	rust := path.Ext(name) == ".rs"
	if info.IsDir() {
		entries, _ := m.found.Files.List(name)
		rust = slices.ContainsFunc(entries, func(e fs.FileInfo) bool { return path.Ext(e.Name()) == ".rs" })
	}
	if p := m.ws.Owner(name); p != nil && rust {
		m.note(p, shown(name)+" is left out, as "+m.ignore.excludes(name)+" says")
	}
}

// exact adds a folder with nothing left out: cargo compares vendored sources with a list.
func (m *maker) exact(dir string) {
	m.complete = append(m.complete, dir)
	m.list(dir, func(name string, info fs.FileInfo) {
		if info.IsDir() {
			m.exact(name)
		} else {
			m.file(name, info)
		}
	})
}

func (m *maker) list(dir string, fn func(string, fs.FileInfo)) {
	entries, err := m.found.Files.List(dir)
	if err != nil {
		m.cannotSend(unreadable(dir, err))
	}
	for _, info := range entries {
		name := path.Join(dir, info.Name())
		if !utf8.ValidString(info.Name()) {
			if !m.ignore.skip(name, info) {
				m.cannotSend(problem{name: name, why: "its name is not valid UTF-8", fix: "rename them, or exclude their folder in .lpipeignore"})
			}
			continue
		}
		fn(name, info)
	}
}

// file adds a file or a link.
func (m *maker) file(name string, info fs.FileInfo) {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		e := &entry{path: name, mode: 0o644, size: info.Size()}
		if mode&0o100 != 0 {
			e.mode = 0o755
		}
		m.tree.add(e)
	case mode&fs.ModeSymlink != 0:
		m.symlink(name)
	default:
		m.cannotSend(problem{name: name, why: disk.Kind(mode) + " cannot be part of a build", fix: "remove them, or exclude them in .lpipeignore"})
	}
}

// symlink adds a link as it is, and what it points to.
func (m *maker) symlink(name string) {
	const fix = "replace the links by what they point to, exclude them in .lpipeignore, or allow what they lead to on this machine: --allow-outside"
	to, err := fs.ReadLink(m.found.Files.FS(), name)
	if err != nil {
		m.cannotSend(unreadable(name, err))
		return
	}
	target := path.Join(path.Dir(name), to)
	if path.IsAbs(to) || !cargo.Within(".", target) || !m.ws.FS.Holds(path.Join(m.ws.Base, name)) {
		if name != path.Join(m.ws.Root, "target") && name != m.ws.Config.TargetDir { // which cargo writes
			m.cannotSend(problem{name: name, why: fmt.Sprintf("a link to %s, outside the project", shown(to)), fix: fix})
		}
		return
	}
	m.tree.add(&entry{path: name, mode: fs.ModeSymlink | 0o777, link: to})
	m.outside(target)
}

// outside adds a file or folder that something in the context points to.
func (m *maker) outside(name string) {
	if m.done[name] || m.tree.entries[name] != nil {
		return
	}
	m.done[name] = true
	info, err := fs.Lstat(m.found.Files.FS(), name)
	switch {
	case err != nil || m.ignore.skip(name, info): // a dangling link is sent as it is
	case !info.IsDir():
		m.file(name, info)
	case m.owned[name] == nil || m.real[m.owned[name]]:
		m.folder(name)
	}
}

// strays adds the files beyond the closure's packages that they may read: those they name, and those below the
// workspace's root that belong to no package. Of the latter, documents and the folders of other tools are left
// out, unless a package reaches out in a way that cannot be followed.
func (m *maker) strays() {
	for _, p := range m.ws.Packages {
		if m.real[p] {
			for _, out := range m.reads(p) {
				m.outside(out)
			}
			if above := m.above(p); above != "" {
				m.stray(above, true)
			}
		}
	}
	root := m.owned[m.ws.Root]
	switch {
	case !m.closure && !m.wideContext: // of no use
	case root != nil && m.real[root]: // a part of that package
	case m.over != nil && m.wideContext == m.over.wide: // in what this is laid over
	default:
		m.stray(m.ws.Root, m.wideContext)
	}
}

func (m *maker) stray(dir string, wide bool) {
	root := m.owned[m.ws.Root]
	m.list(dir, func(name string, info fs.FileInfo) {
		top := path.Base(name)
		switch _, taken := m.tree.entries[name]; {
		case m.elsewhere(name) || m.settings(name, info) || m.ignore.skip(name, info):
		case !cargo.Within(m.ws.Root, name) && !cargo.Within(name, m.ws.Root) && !m.sendable(name, info):
		case dir == m.ws.Root && !wide && inert(top):
		case dir == m.ws.Root && root != nil && slices.Contains(ownSources, top):
		case info.IsDir():
			m.stray(name, wide)
		case !taken:
			m.file(name, info)
		}
	})
}

// sendable reports that a file of the repository which nothing names can be part of a context. Beyond the workspace, what
// cannot be, and what other tools download, stops no build.
func (m *maker) sendable(name string, info fs.FileInfo) bool {
	switch mode := info.Mode(); {
	case mode.IsDir():
		return !slices.Contains(downloads, path.Base(name))
	case mode&fs.ModeSymlink != 0:
		to, err := fs.ReadLink(m.found.Files.FS(), name)
		return err == nil && !path.IsAbs(to) && cargo.Within(".", path.Join(path.Dir(name), to)) && m.ws.FS.Holds(path.Join(m.ws.Base, name))
	default:
		return mode.IsRegular()
	}
}

// downloads are folders that other tools fill.
var downloads = []string{"node_modules", ".venv", "venv", ".terraform", "cdk.out", ".aws-sam", ".serverless", ".direnv"}

// ownSources are the parts of a root package that are only its own.
var ownSources = []string{"Cargo.toml", "build.rs", "lib.rs", "src", "tests", "benches", "examples"}

// inert reports that a file or folder at the workspace's root is read by people and other tools, not by builds: a
// change of it builds nothing again.
func inert(name string) bool {
	if slices.Contains(inertNames, strings.ToLower(name)) {
		return true
	}
	for _, prefix := range []string{"license", "copying", "readme", "changelog", "contributing", "dockerfile", "docker-compose"} {
		if strings.HasPrefix(strings.ToLower(name), prefix) {
			return true
		}
	}
	return path.Ext(name) == ".md"
}

var inertNames = []string{
	".gitignore", ".gitattributes", ".gitmodules", ".gitlab-ci.yml", ".editorconfig", ".dockerignore", ".lpipeignore", "lpipe.toml",
	"makefile", "justfile", "codeowners", "rustfmt.toml", ".rustfmt.toml", "deny.toml", "renovate.json",
	".github", ".gitlab", ".circleci", ".buildkite", ".idea", ".vscode", ".zed", "node_modules", ".venv", "venv",
	".terraform", "cdk.out", ".aws-sam", ".serverless", ".direnv", "docs", "target", "cargo.lock",
}

func tooLarge(t *Tree, limit int64) error {
	why := fmt.Sprintf("the files to send are %s, the limit is %s; the largest folders:", size(t.Size()), size(limit))
	for _, f := range t.Largest(8) {
		if f.Size < t.Size()/1000 {
			break
		}
		why += fmt.Sprintf("\n%9s  %s", size(f.Size), shown(f.Path))
	}
	return &fault.Error{
		Kind: fault.Usage, What: "the project is too large to send to the build", Why: why,
		Fix: "exclude what the build does not read in .lpipeignore",
	}
}

func size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	default:
		return fmt.Sprintf("%d KiB", (n+1023)>>10)
	}
}
