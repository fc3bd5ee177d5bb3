// Package symptom knows what other programs say when they cannot do their work, and what to do about it.
//
// Its table has a row for each: the words of the tool, what happened, why, and the setting of lpipe or of cargo that
// mends it. The words are those of the tools, so a row needs none of lpipe's stages unless the same words mean
// something else in another one.
//
// Output is written by code and servers of others. It chooses a row and no more: what of it gets into a sentence are
// the words that the row's expression allows, a name at most, and in the reason they are quoted.
package symptom

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/pattern"
)

// Step is a step that failed.
type Step struct {
	Stage string // of the Dockerfile, as in [dockerfile.StageDeps]
	Log   string // what it said
	// Setting says where the project's configuration names a program, as in ".cargo/config.toml:2:1: build.rustc-wrapper";
	// "" where it does not. It may be nil.
	Setting func(program string) string
}

// Symptom is what the output of a step tells.
type Symptom struct {
	Kind fault.Kind
	What string
	// Instead is set where What takes the place of what the stage is for: a compiler that cannot be started while the
	// dependencies are downloaded is no failed download.
	Instead  bool
	Why, Fix string
}

// row is one entry of the table. In the three sentences $1 is what the group of the expression matched, in every line
// that it matches, and $2 is that as cargo writes it in the name of a variable.
type row struct {
	stages  []string // where the words count; nil is everywhere
	words   func() *regexp.Regexp
	what    string
	why     string
	fix     string
	kind    fault.Kind
	instead bool
	program bool // $1 is a program that the project's configuration may name
}

// Find returns what the output tells; ok is false where it has no words that the table knows.
func Find(s Step) (found Symptom, ok bool) {
	lines := linesOf(s)
	for _, r := range table {
		if r.stages != nil && !slices.Contains(r.stages, s.Stage) {
			continue
		}
		if found, ok := r.find(lines, s.Setting); ok {
			return found, true
		}
	}
	return Symptom{}, false
}

// maxNames bounds how many names a sentence lists.
const maxNames = 8

func (r row) find(lines []string, setting func(string) string) (Symptom, bool) {
	var said string
	var names []string
	for _, line := range lines {
		m := r.words().FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if said == "" {
			said = m[0]
		}
		if name := cmp.Or(m[1:]...); name != "" && len(names) < maxNames && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if said == "" {
		return Symptom{}, false
	}
	list := strings.Join(names, ", ")
	fill := strings.NewReplacer("$1", list, "$2", strings.ToUpper(strings.ReplaceAll(list, "-", "_"))).Replace
	s := Symptom{Kind: r.kind, What: fill(r.what), Instead: r.instead, Why: fill(r.why) + ": " + quote(said), Fix: fill(r.fix)}
	if r.program && setting != nil {
		for _, name := range names {
			if at := setting(name); at != "" {
				s.Why += "; it is named by " + at
			}
		}
	}
	return s, true
}

// maxQuote bounds what is quoted of a line, in bytes.
const maxQuote = 160

func quote(text string) string {
	if len(text) > maxQuote {
		text = text[:maxQuote]
		for !utf8.ValidString(text) {
			text = text[:len(text)-1]
		}
		text += "…"
	}
	if strings.Contains(text, `"`) && strconv.CanBackquote(text) {
		return "`" + text + "`"
	}
	return strconv.Quote(text)
}

// maxLog is how much of the end of an output is looked at, in bytes: tools end with what went wrong.
const maxLog = 256 << 10

var (
	// excerpt is a line of source that rustc or a C compiler shows, and the marks below it.
	excerpt = pattern.Of(`^(?:\d+ +|\.\.\. +)?\|(?: |$)|^\d+ +[-+~] `)
	// failedScript is how cargo names the package of a build script that failed.
	failedScript = pattern.Of("^error: failed to run custom build command for `([^ `]+) v")
	// warning is a line that a build script of a package has cargo print; old versions do not name the package.
	warning = pattern.Of(`^warning: (?:([A-Za-z0-9_-]+)@[^ :]+: )?`)
)

// linesOf are the lines of an output that a tool may have failed with: none that quotes a source, and no warning but
// those of a build script that failed itself, which hands on the words of the compilers that it runs.
func linesOf(s Step) []string {
	log := s.Log
	if cut := len(log) - maxLog; cut > 0 {
		log = log[cut:]
	}
	all := strings.Split(log, "\n")
	failed := map[string]bool{}
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
		if m := failedScript().FindStringSubmatch(all[i]); m != nil {
			failed[m[1]] = true
		}
	}
	compiles := slices.Contains(compiling, s.Stage)
	return slices.DeleteFunc(all, func(line string) bool {
		if line == "" || excerpt().MatchString(line) {
			return true
		}
		if m := warning().FindStringSubmatch(line); m != nil && compiles {
			return !failed[m[1]] && (m[1] != "" || len(failed) == 0)
		}
		return false
	})
}

// Where code of the project and its dependencies runs, without a network unless the configuration has one.
var compiling = []string{dockerfile.StageStrata, dockerfile.StageDeps, dockerfile.StageLibs, dockerfile.StageBuild, dockerfile.StageTest}

// Where a step always has the network.
var (
	installing  = []string{dockerfile.StageToolchain}
	fetching    = []string{dockerfile.StageFetch}
	downloading = []string{dockerfile.StageToolchain, dockerfile.StageFetch}
)
