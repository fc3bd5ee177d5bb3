package reach

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"lpipe/internal/cargo"
)

// walkers are words by which a build script or a macro reads whole folders.
var walkers = []string{"read_dir", "WalkDir", "walkdir", "glob", "globwalk"}

// embedders are macros that read whole folders.
var embedders = []string{"include_dir", "RustEmbed", "rust_embed", "automod", "utoipauto"}

// readers are words by which a macro reads files of the package that uses it.
var readers = []string{"fs", "File"}

// programs are the sources of a package's programs, and the words that hint at them.
type programs struct {
	files   []string // relative to the package
	modules []string // names by which the library could declare them as its modules
	words   []string // to look for before a source is read word by word
}

func newPrograms(p *cargo.Package) *programs {
	o := &programs{words: slices.Concat(walkers, embedders)}
	if p.ProcMacro {
		o.words = append(o.words, readers...)
	}
	for _, t := range p.Programs() {
		o.files = append(o.files, t.Path)
		o.words = append(o.words, path.Base(t.Path))
		for dir := path.Dir(t.Path); dir != "."; dir = path.Dir(dir) {
			o.words = append(o.words, path.Base(dir)+`"`, path.Base(dir)+`/"`)
		}
		if inside := p.Lib != nil && cargo.Within(path.Dir(p.Lib.Path), t.Path); inside {
			stem := strings.TrimSuffix(path.Base(t.Path), ".rs")
			o.modules = append(o.modules, stem, path.Base(path.Dir(t.Path)))
			o.words = append(o.words, "mod "+stem, "mod "+path.Base(path.Dir(t.Path)))
		}
	}
	o.words = append(o.words, `"."`, `"./`, `=."`, "*.rs", "**")
	slices.Sort(o.words)
	o.words = slices.Compact(o.words)
	return o
}

// names reports that a string may be the path of one of the files, or of a folder or a pattern that holds it. Both
// what a build script prints ("cargo:rerun-if-changed=src") and what it formats ("{root}/src") count.
func (o *programs) names(text string) bool {
	if _, after, ok := strings.Cut(text, "="); ok {
		text = after
	}
	relative := strings.HasPrefix(text, ".")
	for {
		first, rest, ok := strings.Cut(text, "/")
		if !ok || first != "" && first != "." && !strings.Contains(first, "{") {
			break
		}
		text = rest
	}
	switch {
	case text == "":
		return relative // the package's folder
	case strings.Contains(text, "*") && (strings.HasSuffix(text, ".rs") || strings.HasSuffix(text, "*")):
		return true
	}
	text = path.Clean(text)
	return slices.ContainsFunc(o.files, func(f string) bool { return cargo.Within(text, f) || path.Base(f) == path.Base(text) })
}

// hinted reports that a source may read those of the package's programs while it is compiled, so that each of its words
// is to be looked at.
func (s *scanner) hinted(name string, data []byte) bool {
	own := s.pkg.Lib != nil && len(s.programs.files) > 0 || s.pkg.ProcMacro
	return own && s.found.ReadsBinSources == "" && !slices.ContainsFunc(s.programs.files, func(f string) bool { return path.Join(s.pkg.Dir, f) == name }) &&
		slices.ContainsFunc(s.programs.words, func(w string) bool { return bytes.Contains(data, []byte(w)) })
}

// entangles reports that the word or string, in code that is for u, hints at the sources of programs.
func (s *scanner) entangles(c *code, t rustToken, u use) bool {
	text := string(t.text)
	if t.str {
		return (u.early() || c.argument().compiled()) && s.programs.names(text)
	}
	return slices.Contains(embedders, text) ||
		u.early() && slices.Contains(walkers, text) ||
		s.pkg.ProcMacro && u != tests && slices.Contains(readers, text) ||
		c.afterMod() && slices.Contains(s.programs.modules, text)
}
