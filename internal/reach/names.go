package reach

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"lpipe/internal/cargo"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
)

// Named is an existing file or folder that the sources of a package name.
type Named struct {
	Path string // relative to the workspace's base
	At   string // the place that names it, for messages: "src/main.rs:3"
	// Tests is set when tests alone open it, Runs when the program does, and no test by itself.
	Tests, Runs bool
	Match       string // of a folder the pattern of the files that are meant, "" for all
}

// name notes that what is at name is named.
func (s *scanner) name(name string, u use, later bool, at func() string) {
	if name == s.pkg.Dir {
		return
	}
	n := Named{Path: name, At: at(), Tests: later || u == tests, Runs: later && u == compiles}
	i, known := s.names[name]
	switch {
	case !known:
		s.names[name] = len(s.found.Names)
		s.found.Names = append(s.found.Names, n)
	case s.found.Names[i].Tests && !n.Tests || s.found.Names[i].Runs && !n.Runs:
		s.found.Names[i] = n
	}
}

// list notes that the folder of the package is listed: a source has no name of what is left out of it.
func (s *scanner) list(u use, match string, at func() string) {
	n := Named{Path: s.pkg.Dir, At: at(), Tests: u == tests, Match: match}
	if !slices.ContainsFunc(s.found.Names, func(o Named) bool { return o.Path == n.Path && o.Match == match && (n.Tests || !o.Tests) }) {
		s.found.Names = append(s.found.Names, n)
	}
}

// templates are folders in which macros look for what they are given, beside the package's own: askama and sailfish.
const templates = "templates"

// plain handles a string without "..": what it names may be kept out of a context.
func (s *scanner) plain(dir string, u use, at func() string, text string, arg argument, before string) {
	bases := []string{s.pkg.Dir}
	program := u == compiles && !arg.compiled()
	switch {
	case arg.attribute != "" && inert(arg.attribute) && u != tests: // a case of a test may be the path of its data
		return
	case slices.Contains(harmless, arg.macro) && !arg.compiled():
		_, watched, ok := strings.Cut(text, "rerun-if-changed=")
		switch {
		case ok && u == scripts:
			text = watched
		case arg.macro != "format" && arg.macro != "vec" && arg.macro != "format_args":
			return
		}
	case arg.compiled():
		bases = []string{dir, s.pkg.Dir, path.Join(s.pkg.Dir, templates), s.ws.Root} // rustc runs in the workspace's root
		short := strings.TrimPrefix(text, "$CARGO_MANIFEST_DIR")
		if (short != text || text != "") && strings.Trim(strings.TrimPrefix(short, "."), "/") == "" && s.aboutFiles(arg, opening(before)) {
			s.list(u, "", at)
			return
		}
		text = short
	case u == runs:
		bases = append(bases, s.ws.Root)
	}
	if program && !endsWith(arg.call, openers) && !endsWith(arg.call, dotenvs) {
		return
	}
	if u == scripts && !endsWith(arg.call, saying) {
		s.word(text, at)
	}
	text = strings.TrimLeft(text, "/")
	if !pathLike(text) || u == tests && !strings.ContainsAny(text, "./") {
		return
	}
	for _, base := range bases {
		name := path.Join(base, text)
		if base == s.ws.Root && base != s.pkg.Dir && !s.common(name) {
			continue
		}
		if s.reach(name, u, u == tests || program, at) == settled {
			return
		}
	}
}

// word remembers what a string of a build script may be a part of a name of, and names what a command for a shell opens.
func (s *scanner) word(text string, at func() string) {
	if strings.ContainsAny(text, " \t\n") && !s.exists(path.Join(s.pkg.Dir, text)) {
		for _, word := range pathsIn(text) {
			if !strings.Contains(word, "..") && s.mayHold(s.pkg.Dir, word) {
				s.reach(path.Join(s.pkg.Dir, word), scripts, false, at)
			}
		}
		return
	}
	for part := range strings.SplitSeq(text, "/") {
		if part = strings.TrimLeft(part, "."); part != "" && s.parts[part] == nil {
			s.parts[part] = at
		}
	}
}

// assembled names the files of the package whose names a build script has in two parts, as for with_extension.
func (s *scanner) assembled() {
	for _, name := range s.files {
		ext := path.Ext(name)
		stem := strings.TrimSuffix(path.Base(name), ext)
		if at := s.parts[stem]; at != nil && ext != "" && s.parts[ext[1:]] != nil {
			s.reach(name, scripts, false, at)
		}
	}
}

// filled names what a path with places to fill in can be, as ".env.{profile}" and "proto/*.proto": the files that there are, or with
// "**" the folder before that. A place at its beginning is the folder of the package.
func (s *scanner) filled(u use, at func() string, text string) {
	parts := strings.Split(strings.TrimLeft(starred(text), "/"), "/")
	for len(parts) > 1 && parts[0] == "*" {
		parts = parts[1:]
	}
	last := parts[len(parts)-1]
	if deep := slices.Index(parts, "**"); deep > 0 {
		parts, last = parts[:deep], "folder"
	}
	if strings.Trim(last, "*.") == "" || strings.ContainsAny(s.pkg.Dir, `*?[\`) || slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(part, "**") }) {
		return
	}
	found, err := fs.Glob(s.ws.FS, path.Join(s.pkg.Dir, path.Join(parts...)))
	if err != nil || len(found) > mostFilled {
		return
	}
	for _, name := range found {
		if !strings.HasPrefix(path.Base(name), ".") || strings.HasPrefix(last, ".") { // a star means no hidden file, as in a shell
			s.reach(name, u, u == tests, at)
		}
	}
}

// mostFilled is how many files a path with places to fill in may name; more are a folder of data.
const mostFilled = 256

// starred is a path with stars in the places that are filled in, "" for a text that is none.
func starred(text string) string {
	var b strings.Builder
	for text != "" {
		before, rest, ok := strings.Cut(text, "{")
		b.WriteString(before)
		if !ok {
			break
		}
		if _, text, ok = strings.Cut(rest, "}"); !ok {
			return ""
		}
		b.WriteByte('*')
	}
	stars := b.String()
	if !strings.Contains(stars, "*") || !pathLike(strings.ReplaceAll(stars, "*", "x")) || strings.ContainsAny(stars, `\[`) {
		return ""
	}
	return stars
}

// dotenvs are the ends of functions that read the variables of a file.
var dotenvs = []string{"from_filename", "from_filename_override", "from_path", "from_path_override", "from_path_iter", "from_filename_iter", "EnvLoader::with_path"}

// common reports that a file below the workspace's root belongs to no package, or to this one.
func (s *scanner) common(name string) bool {
	owner := s.ws.Owner(name)
	first, _, _ := strings.Cut(cargo.Rel(s.ws.Root, name), "/")
	return owner == nil || owner == s.pkg || owner.Dir == s.ws.Root && !slices.Contains([]string{"src", "tests", "benches", "examples", "build.rs", "Cargo.toml"}, first)
}

// pathLike reports that a text may be the whole path of a file.
func pathLike(text string) bool {
	if text == "" || len(text) > 255 || text[0] == ' ' || text[len(text)-1] == ' ' {
		return false
	}
	for i := range len(text) {
		if text[i] < ' ' || strings.IndexByte("{}*?<>|\"=;,", text[i]) >= 0 {
			return false
		}
	}
	return true
}

// dotenv names the file that the crates dotenvy and dotenv read, mostly .env: that of the folder, or else of the closest one above.
func (s *scanner) dotenv(from, file string, u use, at func() string) {
	for _, dir := range s.ws.FS.Up(from) {
		if name := path.Join(dir, file); s.exists(name) {
			s.reach(name, u, u == tests, at)
			return
		}
	}
}

// variable handles a string that is the name of a variable in cargo's [env].
func (s *scanner) variable(u use, at func() string, text string) {
	e := s.ws.Config.Env[text]
	s.used[text] = true
	switch {
	case text == "CARGO_WORKSPACE_DIR" && e.Path == "":
		s.wide(u, at()+" uses "+text)
	case e.Path == "":
		for _, base := range []string{s.pkg.Dir, s.ws.Root} {
			name := path.Join(base, e.Value)
			if pathLike(e.Value) && strings.ContainsAny(e.Value, "./") && !path.IsAbs(e.Value) && fs.ValidPath(name) && s.common(name) {
				s.reach(name, u, u == tests, at)
			}
		}
	case s.beyond(e.Path, at, text, true):
	case s.reach(e.Path, u, u == tests, at) == above || e.Path == s.ws.Root:
		s.wide(u, at()+" uses "+text)
		if !cargo.Within(s.ws.Root, e.Path) {
			s.climb(u, unbounded, true)
		}
	}
}

// composed is a path that an include macro puts together, as by concat! and env!.
type composed struct {
	text  string
	known bool // each piece of it is
	use   use
	at    func() string
	whys  []string // for which the package reads the workspace unless the path is known
}

// followed are macros of which it is known what they give within a path.
var followed = []string{"concat", "env", "option_env", "include", "include_str", "include_bytes"}

// piece adds what a string of that macro in an include macro stands for.
func (r *reading) piece(macro, text string) {
	value, known := text, macro == "concat"
	if macro == "env" || macro == "option_env" {
		value, known = r.value(text)
	}
	r.inc.text += value
	r.inc.known = r.inc.known && known
}

// value is that of a variable while the package is compiled, as far as it is known.
func (s *scanner) value(name string) (string, bool) {
	switch name {
	case "CARGO_MANIFEST_DIR":
		return "/" + s.pkg.Dir, true
	case "CARGO_PKG_README":
		return s.pkg.Readme, s.pkg.Readme != ""
	case "CARGO_PKG_LICENSE_FILE":
		return s.pkg.LicenseFile, s.pkg.LicenseFile != ""
	case "CARGO_PKG_NAME":
		return s.pkg.Name, true
	case "CARGO_PKG_VERSION":
		return s.pkg.Version, true
	case "CARGO_PKG_VERSION_MAJOR", "CARGO_PKG_VERSION_MINOR", "CARGO_PKG_VERSION_PATCH":
		numbers, _, _ := strings.Cut(s.pkg.Version, "+")
		numbers, _, _ = strings.Cut(numbers, "-")
		parts := append(strings.Split(numbers, "."), "", "")
		return parts[slices.Index([]string{"MAJOR", "MINOR", "PATCH"}, strings.TrimPrefix(name, "CARGO_PKG_VERSION_"))], true
	}
	e, ok := s.ws.Config.Env[name]
	if e.Path != "" {
		return "/" + e.Path, true
	}
	return e.Value, ok
}

// include settles a composed path: it is followed where each piece is known and something is there.
func (r *reading) include() {
	inc := r.inc
	r.inc = nil
	name := path.Join(path.Dir(r.src.name), inc.text)
	if path.IsAbs(inc.text) {
		name = path.Join(".", inc.text[1:])
	}
	switch {
	case inc.known && r.beyond(name, inc.at, inc.text, true):
	case inc.known && r.reach(name, inc.use, false, inc.at) == settled:
		if path.Ext(name) == ".rs" && cargo.Within(r.pkg.Dir, name) && r.exists(name) {
			r.rust(source{name, inc.use}, true)
		}
	default:
		for _, why := range inc.whys {
			r.wide(inc.use, why)
			r.climb(inc.use, unbounded, true)
		}
	}
}

// unbounded is as many folders up as there are.
const unbounded = 1 << 10

// climb notes that code for u may go up that many folders more. own says that it starts at the package and not at a folder
// for what is generated.
func (s *scanner) climb(u use, up int, own bool) {
	s.climbs[u == tests] = min(s.climbs[u == tests]+up, unbounded)
	s.own[u == tests] = s.own[u == tests] || own
}

// ups counts the parts of a path that go up.
func ups(text string) int { return strings.Count(text, "..") }

// lookAbove finds what the package may read above the workspace's root: what its code has a name of, or else all that is
// there. As far as it may climb, it may also mean the folders of the workspace alone.
func (s *scanner) lookAbove(forTests bool) {
	up, u, why, words := s.climbs[forTests], s.use(), s.found.ReadsWorkspace, s.named
	if forTests {
		u, why, words = tests, s.found.TestsReadWorkspace, s.namedByTests
	}
	if up == 0 || why == "" {
		return
	}
	place := func() string {
		at := why
		for _, does := range []string{" looks in ", " names ", " uses ", " may call "} {
			at, _, _ = strings.Cut(at, does)
		}
		return at
	}
	found, highest := false, ""
	for dir, n := s.pkg.Dir, 0; dir != "." && n < up; n++ {
		dir = path.Dir(dir)
		inWorkspace := cargo.Within(s.ws.Root, dir)
		holds := s.ws.FS.Holds(dir)
		if holds && !inWorkspace {
			highest = dir
		}
		for _, word := range words.sorted() {
			name := path.Join(dir, word)
			if word == ".." || cargo.Within(name, s.pkg.Dir) || !inWorkspace && cargo.Within(name, s.ws.Root) {
				continue
			}
			info, err := s.ws.FS.Stat(name)
			switch out := disk.Outside(err); {
			case err == nil && inWorkspace:
				found = true
				if !info.IsDir() {
					s.name(name, u, forTests, place)
				}
			case err == nil:
				found = true
				s.name(name, u, forTests, place)
				s.add(name, u, forTests)
			case out != nil && out.Info != nil && !inWorkspace && !found:
				s.note(fmt.Sprintf("%s, and /%s is not sent: %s; %s", why, name, out, out.Fix()))
			}
		}
		if !holds {
			break
		}
	}
	if found || highest == "" || !s.own[forTests] {
		return
	}
	if forTests {
		s.found.TestsAbove = highest
	} else {
		s.found.Above = highest
	}
}

// words are names of files and folders that code has, the parts of the paths in its strings.
type words map[string]bool

func (w words) add(text string) {
	for part := range strings.SplitSeq(text, "/") {
		if part != "" && part != "." {
			w[part] = true
		}
	}
}

func (w words) sorted() []string {
	all := make([]string, 0, len(w))
	for word := range w {
		if pathLike(word) {
			all = append(all, word)
		}
	}
	slices.Sort(all)
	return all
}

// note adds to what is beyond the project.
func (s *scanner) note(text string) {
	if !slices.Contains(s.found.Beyond, text) {
		s.found.Beyond = append(s.found.Beyond, text)
	}
}

// beyond notes that a source names a file outside of the project, which the build will not find. existing says to do so only
// where something is there, and no folder that holds the package: any text may have the name of one.
func (s *scanner) beyond(name string, at func() string, text string, existing bool) bool {
	out := disk.Outside(s.ws.FS.Check(name))
	if out == nil || existing && (out.Info == nil || cargo.Within(name, s.pkg.Dir)) {
		return false
	}
	s.note(fmt.Sprintf("%s names %s, which is not sent: %s; %s", at(), fault.Quote(text), out, out.Fix()))
	return true
}

// variablesOfCrates takes what the variables of cargo's configuration lead to that no code of the project reads: they are for
// foreign crates. It returns the places that lead out of the project.
func (s *scanner) variablesOfCrates() (beyond []string) {
	for _, setting := range s.ws.Settings() {
		if len(setting.Key) < 2 || setting.Key[0] != "env" || s.used[setting.Key[1]] {
			continue
		}
		e := s.ws.Config.Env[setting.Key[1]]
		if e.Path == "" || e.Value != setting.Text || cargo.Within(e.Path, s.ws.Root) || s.holdsPackage(e.Path) {
			continue
		}
		_, err := s.ws.FS.Stat(e.Path)
		switch out := disk.Outside(err); {
		case out != nil && out.Info != nil:
			beyond = append(beyond, fmt.Sprintf("%s names %s, which is not sent: %s; %s", setting.At(), fault.Quote(setting.Text), out, out.Fix()))
		case err == nil && !slices.Contains(s.ws.Config.Extra, e.Path):
			s.ws.Config.Extra = append(s.ws.Config.Extra, e.Path)
		}
	}
	return beyond
}
