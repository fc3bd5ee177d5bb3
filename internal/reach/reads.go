package reach

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"lpipe/internal/cargo"
	"lpipe/internal/fault"
)

// use is what code is for, which says when it opens files.
type use int

const (
	compiles use = iota + 1 // code of programs: only the compiler opens files for it
	runs                    // code that runs while others are compiled
	scripts                 // code of build scripts, which does so too
	tests                   // code of tests
)

// early reports that the code opens files while packages are compiled.
func (u use) early() bool { return u == runs || u == scripts }

// source is a file and what it is for.
type source struct {
	name string
	use  use
}

// cargoCalls are strings by which a build script or test runs cargo, which reads the whole workspace.
var cargoCalls = []string{"cargo", "CARGO", "locate-project"}

// openers are the ends of functions that open the file, folder or program that they are given.
var openers = []string{"fs::read", "read_to_string", "read_dir", "File::open", "fs::metadata", "canonicalize", "current_dir", "WalkDir::new"}

// paths are the ends of further functions that make a path of what they are given, or hand it to a tool.
var paths = []string{".join", ".push", "Path::new", "PathBuf::from", ".with_file_name", "Command::new", ".arg", ".args", ".file", ".files", ".include", ".includes"}

// saying are the ends of functions that open nothing of what they are given: they compare it, write it, or tell it to people.
var saying = []string{
	".starts_with", ".ends_with", ".contains", ".strip_prefix", ".strip_suffix", ".trim_start_matches", ".trim_end_matches", ".trim_matches", ".matches",
	".split", ".rsplit", ".splitn", ".rsplitn", ".split_once", ".rsplit_once", ".split_terminator", ".split_inclusive", ".find",
	"fs::write", ".write", ".write_all", ".write_str", ".rfind", ".eq", ".ne",
	".expect", ".expect_err", ".context", ".with_context", ".wrap_err", ".wrap_err_with", ".map_err", ".ok_or", ".ok_or_else", "Regex::new", "Error::new", "Error::new_spanned", "Error::other", "Error::msg", "Err",
}

// replacing are those that compare their first argument alone.
var replacing = []string{".replace", ".replacen"}

// harmless are macros and attributes that open no file, whatever text they are given. Of an attribute with a path each part
// counts: #[case::up("..")].
var harmless = []string{
	"format", "format_args", "print", "println", "eprint", "eprintln", "write", "writeln", "panic", "unreachable", "todo", "unimplemented",
	"assert", "assert_eq", "assert_ne", "debug_assert", "debug_assert_eq", "debug_assert_ne", "assert_matches", "vec", "matches", "dbg",
	"compile_error", "stringify", "thread_local", "lazy_static", "json", "phf_map", "phf_set", "hashmap", "btreemap", "bail", "anyhow", "ensure", "eyre", "log", "error", "warn", "info",
	"debug", "trace", "event", "span", "instrument", "doc", "deprecated", "serde", "allow", "expect", "deny", "cfg", "must_use",
	"arg", "clap", "command", "structopt", "value", "values", "case", "test_case", "parameterized", "strum", "should_panic", "ignore", "assert_snapshot",
	"assert_debug_snapshot", "assert_that", "prop_assert", "prop_assert_eq", "prop_assert_ne", "check", "snapshot", "quote", "quote_spanned", "parse_quote",
	"abort", "emit_error", "html", "view", "rsx", "markup", "indoc", "formatdoc", "printdoc", "eprintdoc", "writedoc", "concatdoc", "regex", "lazy_regex",
	"token", "query", "query_as", "query_scalar", "bitflags", "smallvec", "hashset", "btreeset", "indexmap", "indexset", "concatcp", "formatcp", "debug_span",
	"info_span", "warn_span", "error_span", "trace_span", "counter", "gauge", "histogram", "whatever", "miette", "report", "diagnostic", "help", "display",
	"schema", "schemars", "builder", "educe", "default", "get", "post", "put", "patch", "route", "link", "tag", "w",
}

// climb is what a source does to reach the folders above the package: it takes a folder of the package and goes up.
type climb struct {
	from, loop bool
	up         int
	out, own   bool // the last folder that it took is cargo's for what is generated; it went up from another
	said       bool // that it does so
}

func (c *climb) rise(by int) {
	c.up += by
	c.own = c.own || !c.out
}

func (c *climb) folders() int {
	if c.loop {
		return unbounded
	}
	return c.up
}

// reading is a Rust source while it is read token by token.
type reading struct {
	*scanner
	src    source
	data   []byte           // of it
	pops   bool             // it has paths from which pop takes the last part
	climbs [tests + 1]climb // by what code is for
	inc    *composed        // the path of the include macro that is read
	parent int              // tokens since a Component::ParentDir, which is unbounded before the first
}

// tidies reports that a path is made one without ".." in it, so that nothing leaves the folder it begins with.
func (r *reading) tidies() bool { return r.parent < 12 }

// at returns the function that says where a line is: most are never asked for.
func (r *reading) at(line int) func() string {
	return func() string { return fmt.Sprintf("%s:%d", r.ws.Show(r.src.name), line) }
}

// rust looks through a Rust source, and the modules that it declares. root is set where these lie beside it.
func (s *scanner) rust(f source, root bool) {
	if s.seen[f] {
		return
	}
	s.seen[f] = true
	data, err := s.content(f.name)
	if err != nil {
		return
	}
	hinted := s.hinted(f.name, data)
	if !hinted && !f.use.early() && !(s.ignores && f.use == tests) && !s.suspicious(data) {
		return
	}
	type module struct {
		source
		root bool
	}
	var modules []module
	r := &reading{scanner: s, src: f, data: data, parent: unbounded, pops: bytes.Contains(data, []byte("PathBuf"))}
	walkCode(data, func(c *code, t rustToken) {
		u := f.use
		if c.test() {
			u = tests
		}
		r.parent++
		if inline, name, ok := c.declares(t); ok {
			for _, file := range moduleFiles(f.name, root, inline, name, c.path) {
				if cargo.Within(s.pkg.Dir, file) && s.exists(file) {
					modules = append(modules, module{source{file, u}, c.path != ""})
				}
			}
		}
		if r.inc != nil && !c.argument().include {
			r.include()
		}
		switch {
		case t.mark:
			r.mark(c, t, u)
		case t.str:
			r.str(c, t, u)
		default:
			r.word(c, t, u)
		}
		if hinted && !t.mark && s.found.ReadsBinSources == "" && s.entangles(c, t, u) {
			place := r.at(t.line)()
			s.macros.ask(c.argument().macro, func() { s.found.ReadsBinSources = cmp.Or(s.found.ReadsBinSources, place) })
		}
		s.macros.follow(c, t)
		if climb := &r.climbs[u]; climb.from && climb.up > 0 && !climb.said {
			climb.said = true
			s.wide(later(u), r.at(t.line)()+" looks in the folders above the package")
		}
	})
	if r.inc != nil {
		r.include()
	}
	if f.use == scripts || f.use == tests {
		if line, match := listsPackage(data); line > 0 {
			s.list(f.use, match, r.at(line))
		}
	}
	for i := range r.climbs {
		if c := &r.climbs[i]; c.from && c.up > 0 {
			s.climb(later(use(i)), c.folders(), c.own)
		}
	}
	if c := &r.climbs[tests]; r.climbs[f.use].from && c.up > 0 {
		s.wide(tests, s.ws.Show(f.name)+" looks in the folders above the package")
		s.climb(tests, c.folders(), c.own)
	}
	for _, m := range modules {
		s.rust(m.source, m.root)
	}
}

// mark handles an operator or bracket: the "!" of a macro.
func (r *reading) mark(c *code, t rustToken, u use) {
	if t.text[0] != '!' {
		return
	}
	macro := c.tail[lastWord(c.tail):]
	if u == compiles && bytes.Contains(macro, []byte("dotenv")) { // in the workspace's root
		r.dotenv(r.pkg.Dir, ".env", u, r.at(t.line))
		r.dotenv(r.ws.Root, ".env", u, r.at(t.line))
	}
	for _, folder := range folders[string(macro)] {
		for _, base := range []string{r.pkg.Dir, r.ws.Root} {
			if name := path.Join(base, folder); base == r.pkg.Dir || r.common(name) {
				r.reach(name, u, u == tests, r.at(t.line))
			}
		}
	}
	if strings.HasPrefix(string(macro), "git_version") || strings.HasPrefix(string(macro), "git_describe") {
		r.git(u, r.at(t.line))
	}
	if len(macro) > 0 && len(c.frames) > 0 && !slices.Contains(followed, string(macro)) && c.argument().include {
		if r.inc == nil {
			r.inc = &composed{use: u, at: r.at(t.line)}
		}
		r.inc.known = false
		r.inc.whys = append(r.inc.whys, fmt.Sprintf("%s names what %s! gives, which cannot be followed", r.at(t.line)(), macro))
	}
}

// str handles a string.
func (r *reading) str(c *code, t rustToken, u use) {
	text, arg, at, climb := string(t.text), c.argument(), r.at(t.line), &r.climbs[u]
	if name := readsVariable(c, u, text, arg); name != "" && r.found.Variables[name] == "" {
		if r.found.Variables == nil {
			r.found.Variables = map[string]string{}
		}
		r.found.Variables[name] = at()
	}
	if arg.include && arg.composed {
		r.compose(u, t.line)
		r.piece(c.frames[len(c.frames)-1].macro, text)
	}
	only := func() bool { return r.tidies() || compared(r.data[:t.start], r.data[t.end:], arg, c.listed()) }
	if up := r.literal(r.src.name, u, at, text, arg, string(t.before), only, r.inc); up > 0 {
		climb.rise(up)
	}
	if text == "OUT_DIR" || text == "CARGO_MANIFEST_DIR" {
		climb.out = text == "OUT_DIR"
		climb.from = climb.from || !climb.out
	}
	if r.variables[text] {
		r.variable(u, at, text)
	}
	command := strings.HasSuffix(arg.call, "Command::new")
	if slices.Contains(cargoCalls, text) && (u.early() || command) {
		r.wide(later(u), at()+" may call cargo")
	}
	if u.early() && (text == "git" && command || strings.HasPrefix(text, "git ") && endsWith(arg.call, []string{".arg", ".args"})) {
		r.git(u, at)
	}
	if (u.early() || u == tests) && (arg.macro == "" || arg.macro == "format" || arg.macro == "vec") {
		r.filled(u, at, text)
	}
	if u != compiles && endsWith(arg.call, searching) && text != ".env" && pathLike(text) {
		r.dotenv(r.pkg.Dir, text, u, at)
	}
}

// compose begins a path that an include macro puts together, unless one is read.
func (r *reading) compose(u use, line int) {
	if r.inc == nil {
		r.inc = &composed{known: true, use: u, at: r.at(line)}
	}
}

// git notes that git's folder is read.
func (r *reading) git(u use, at func() string) {
	if repository := r.ws.FS.Repository(); repository != "" {
		r.name(path.Join(repository, ".git"), u, false, at)
	}
}

// gits are words of the crates by which build scripts read git's folder.
var gits = []string{"git2", "gix", "vergen_git2", "vergen_gix", "vergen_gitcl", "shadow_rs"}

// gitCalls are functions of vergen by which they ask for what it reads there.
var gitCalls = []string{"all_git", "git_sha", "git_describe"}

// folders are those that macros read where they are given no other, in the package or in the workspace's root.
var folders = map[string][]string{
	"migrate": {"migrations"}, "embed_migrations": {"migrations"}, "i18n": {"locales"},
	"query": {".sqlx"}, "query_as": {".sqlx"}, "query_scalar": {".sqlx"}, "query_file": {".sqlx"}, "query_file_as": {".sqlx"},
}

// searching are the ends of functions that look for a file in the folders above as well.
var searching = []string{"from_filename", "from_filename_override", "from_filename_iter"}

// readsVariable returns the variable of the environment that a string names to have it read while packages are compiled: by
// the compiler, or by code that runs meanwhile.
func readsVariable(c *code, u use, text string, arg argument) string {
	if _, watched, ok := strings.Cut(text, "rerun-if-env-changed="); ok && u == scripts {
		text = watched
	} else if macro := c.innermost(); !(u != tests && (macro == "env" || macro == "option_env")) && !(u.early() && endsWith(arg.call, environment)) {
		return ""
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 || !isWord(byte(r)) }) {
		return ""
	}
	return text
}

// environment are the ends of functions that read a variable of the environment.
var environment = []string{"env::var", "env::var_os"}

// word handles a word.
func (r *reading) word(c *code, t rustToken, u use) {
	climb := &r.climbs[u]
	switch string(t.text) {
	case "MetadataCommand":
		r.wide(later(u), r.at(t.line)()+" may call cargo")
	case "workspace_root":
		if u != compiles {
			r.wide(later(u), r.at(t.line)()+" may call cargo")
		}
	case "current_dir": // that of a command is one that the code knows
		climb.from = climb.from || u != compiles && !bytes.HasSuffix(c.tail, []byte("."))
	case "ancestors":
		climb.rise(unbounded)
	case "parent":
		climb.rise(1)
	case "ParentDir":
		r.parent = 0
	case "pop":
		if r.pops && !r.tidies() {
			climb.rise(1)
		}
	case "while", "loop":
		climb.loop = true
	case "macro_rules":
		r.macros.inside = true
	default:
		if t.text[0] <= '9' && c.innermost() == "concat" && c.argument().include { // concat!("v", 1)
			r.compose(u, t.line)
			r.piece("concat", string(t.text))
		}
		call := slices.Contains(gitCalls, string(t.text)) && bytes.HasSuffix(c.tail, []byte("."))
		if u.early() && (call || slices.Contains(gits, string(t.text))) {
			r.git(u, r.at(t.line))
		}
		if u != compiles && bytes.HasPrefix(t.text, []byte("dotenv")) {
			r.dotenv(r.pkg.Dir, ".env", u, r.at(t.line))
		}
	}
}

// suspicious reports that a source is worth reading word by word.
func (s *scanner) suspicious(data []byte) bool {
	has := func(text string) bool { return bytes.Contains(data, []byte(text)) }
	for name := range s.variables {
		if has(name) {
			return true
		}
	}
	return slices.ContainsFunc(hints, has) || s.ignores && slices.ContainsFunc(ignoredHints, has)
}

// hints are words of sources that may name files beyond the package, or some that lpipe leaves out. ignoredHints are those
// of sources that may name other files.
var (
	hints = []string{
		"../", "/..", `".."`, "mod ", "include", `"cargo"`, "CARGO", "env!", "current_dir", "locate-project", "workspace_root", "MetadataCommand", ".env", "dotenv", ".git",
		"lpipe.toml", ".lpipeignore", "git_version", "git_describe",
	}
	ignoredHints = []string{"path =", "path=", "folder", "_file!", "_dir!", "migrat", "locale", "i18n!", "query", "embed", "asset", "template", "fs::", "File::"}
)

// later is when code that is for u runs: that of a program does in its tests.
func later(u use) use {
	if u == compiles {
		return tests
	}
	return u
}

func (s *scanner) exists(name string) bool {
	info, err := s.ws.FS.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// literal handles one string of a Rust source; inc is the composed path that it is a piece of. It returns how many folders
// it goes up where that is the name of a folder above alone, of which nobody knows what becomes.
func (s *scanner) literal(name string, u use, at func() string, text string, arg argument, before string, compared func() bool, inc *composed) (up int) {
	dir := path.Dir(name)
	switch {
	case u == tests:
		if pathLike(text) {
			s.namedByTests.add(text)
		}
	case u.early() || arg.include || arg.attribute != "" || arg.macro != "":
		s.named.add(text)
	}
	if arg.include && !arg.composed {
		file := path.Join(dir, text)
		s.beyond(file, at, text, false)
		s.reach(file, u, false, at)
		if path.Ext(file) == ".rs" && cargo.Within(s.pkg.Dir, file) && s.exists(file) {
			s.rust(source{file, u}, true)
		}
		return 0
	}
	if !strings.Contains(text, "..") {
		if !arg.include {
			s.plain(dir, u, at, text, arg, before)
		}
		return 0
	}
	if arg.attribute != "" && opening(before) == "path=" {
		s.beyond(path.Join(dir, text), at, text, false)
		if s.reach(path.Join(dir, text), u, false, at) == settled {
			return 0 // else it is relative to a module inside the file, or not about modules
		}
	}
	// The compiler opens files for macros and attributes; all other code opens them itself, when it runs.
	compiled := arg.compiled()
	running := u.early() && !compiled
	prints := slices.Contains(harmless, arg.macro) && arg.macro != "format" && arg.macro != "format_args" && arg.macro != "vec"
	says := running && (sentence(text, arg) || endsWith(arg.call, saying) || endsWith(arg.call, replacing) && strings.HasSuffix(opening(before), "(") ||
		compared())
	opens := compiled || running && !prints && !says || u == tests && endsWith(arg.call, openers)
	if s.spaced(text, []string{dir, s.pkg.Dir, s.ws.Root}, u, !compiled && !running, at) {
		return 0
	}
	for _, word := range upPaths(text) {
		found := missing
		for _, w := range []string{word, strings.TrimLeft(word, "/"), word[max(strings.Index(word, ".."), 0):]} {
			for _, base := range []string{dir, s.pkg.Dir, s.ws.Root} {
				found = max(found, s.reach(path.Join(base, w), u, !compiled && !running, at))
			}
		}
		why := func() string { return fmt.Sprintf("%s names %s, which cannot be followed", at(), fault.Quote(text)) }
		switch {
		case found == settled:
		case arg.include: // composed of this and more
			if found == above || !strings.HasSuffix(text, "/") {
				inc.whys = append(inc.whys, why())
			}
		case says, inert(arg.attribute):
		case found == missing && opens && (s.beyond(path.Join(dir, word), at, text, true) || s.beyond(path.Join(s.pkg.Dir, word), at, text, true)):
		case compiled:
			// What is written out and is not there, the compiler would not find either. In braces is code, or a field; a text
			// with more than a path in it is a sentence, a query or an expression.
			if found == above && !strings.ContainsAny(text, " \t\n\"'`<>()|") && (!arg.block || strings.HasSuffix(opening(before), ":")) {
				text := why()
				s.macros.ask(arg.macro, func() {
					if s.aboutFiles(arg, opening(before)) {
						s.wide(u, text)
						s.climb(u, ups(word), true)
					}
				})
			}
		case u == runs && running && strings.Trim(text, "./") == "" && !endsWith(arg.call, openers) && !endsWith(arg.call, paths):
			up += ups(word)
		case running:
			if !prints {
				s.wide(u, why())
				s.climb(u, ups(word), true)
			}
		case found == above && u == tests && opens:
			s.wide(u, why())
			s.climb(u, ups(word), true)
		}
	}
	return up
}

// spaced adds what a path with spaces leads to; a text with spaces is more often something else.
func (s *scanner) spaced(text string, bases []string, u use, later bool, at func() string) bool {
	return strings.Contains(text, " ") && pathLike(text) && slices.ContainsFunc(bases, func(base string) bool {
		return s.reach(path.Join(base, strings.TrimLeft(text, "/")), u, later, at) == settled
	})
}

func endsWith(text string, ends []string) bool {
	return slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(text, end) })
}

// upPaths returns the words of a text that have ".." as a part of a path.
func upPaths(text string) []string {
	if !strings.Contains(text, "..") {
		return nil
	}
	var all []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n\"'`<>=,;:|(){}[]*?", r) }) {
		parts := strings.Split(word, "/")
		up := slices.ContainsFunc(parts, func(p string) bool {
			return p == ".." || len(p) == 4 && p[0] == '-' && strings.HasSuffix(p, "..") // -I.., -L..
		})
		if up && (strings.Contains(word, "/") || word == text) {
			all = append(all, word)
		}
	}
	return all
}

// opening returns the macro or attribute that a string is the argument of: "include_str!(", "path=".
func opening(before string) string {
	if len(before) > 64 {
		return "" // a comment lies between
	}
	return strings.Join(strings.Fields(before), "")
}

// sentence reports a text for people, an address of the network, or code that is written.
func sentence(text string, arg argument) bool {
	words := strings.Contains(text, " ") && !strings.ContainsAny(text, "&;|$-=")
	return strings.Contains(text, "://") || (words || strings.Contains(text, `"`)) && !endsWith(arg.call, openers) && !endsWith(arg.call, paths)
}

// aboutFiles reports that a macro or attribute may open a folder: its name says so, or the key before the text. Of macros that the
// project defines anything is possible.
func (s *scanner) aboutFiles(arg argument, key string) bool {
	_, own := s.macros.opens[arg.macro]
	if arg.macro != "" && (own || slices.ContainsFunc(s.pkg.Locals, func(p *cargo.Package) bool { return p.ProcMacro })) {
		return true
	}
	named := strings.ToLower(arg.macro + " " + arg.attribute + " " + key)
	return slices.ContainsFunc(slices.Concat(opensFiles, folderWords), func(word string) bool { return strings.Contains(named, word) })
}

// folderWords are further words in the names of macros that open folders, and in those of their arguments.
var folderWords = []string{
	"path", "folder", "root", "glob", "walk", "scan", "load", "read", "import", "source", "template", "fixture", "resource", "locale", "i18n", "generate", "codegen",
	"bindgen", "proto", "workspace", "test_each",
}

// inert reports an attribute that opens no file.
func inert(attribute string) bool {
	return slices.ContainsFunc(strings.Split(attribute, "::"), func(part string) bool { return slices.Contains(harmless, part) })
}

// macros are those that the package defines by macro_rules, and what hangs on whether one opens files.
type macros struct {
	inside bool            // a definition begins
	name   string          // of the one that is read
	opens  map[string]bool // by name: whether it may open a file
	asked  []asked
}

type asked struct {
	macro string
	then  func()
}

// follow reads definitions. One opens files if other macros do that it uses, or an attribute.
func (m *macros) follow(c *code, t rustToken) {
	switch {
	case m.inside && !t.mark && !t.str && string(t.text) != "macro_rules":
		m.inside, m.name = false, string(t.text)
		if m.opens == nil {
			m.opens = map[string]bool{}
		}
		m.opens[m.name] = m.opens[m.name] || false
	case c.rules == 0 || !t.mark || m.name == "":
	case t.text[0] == '!':
		used := string(c.tail[lastWord(c.tail):])
		if used != "" && used != m.name && !slices.Contains(harmless, used) && used != "concat" {
			m.opens[m.name] = true
		}
	}
}

func lastWord(tail []byte) int {
	i := len(tail)
	for i > 0 && isWord(tail[i-1]) {
		i--
	}
	return i
}

// ask has something done if the macro may open files, once all definitions are known. Code outside of macros is named "".
func (m *macros) ask(macro string, then func()) { m.asked = append(m.asked, asked{macro, then}) }

func (m *macros) settle() {
	for _, a := range m.asked {
		if opens, own := m.opens[a.macro]; opens || !own {
			a.then()
		}
	}
}
