package config

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"lpipe/internal/fault"
	"lpipe/internal/pattern"
)

// item is one string of a value with its own place.
type item struct {
	text string
	at   Origin
}

// set checks the items of one value, joins its paths to dir, and puts it. full is the key as it was written.
func (l *loader) set(row *key, key string, full []string, items []item, v value, dir string) {
	refused := false
	for _, i := range items {
		why, fix := row.refuse(full[len(full)-1], i.text)
		switch {
		case why == "" && row.kind == oneOrMore && slices.Contains(v.texts, i.text):
			why, fix = "it is listed twice", "list it once"
		case why == "":
			v.texts = append(v.texts, l.join(row, i.text, dir))
			continue
		}
		what := fmt.Sprintf("%s: %s cannot be %s", i.at.exact(), Key(full...), show(i.text))
		if row.private {
			what = fmt.Sprintf("%s: %s is refused", i.at.exact(), Key(full...))
		}
		l.mistakes.Addf(what, why, fix)
		refused = true
	}
	if refused {
		v.texts = nil
	}
	if (row.kind == oneOrMore || row.name == "lambdas") && len(items) == 0 {
		l.mistakes.Addf(v.origin.exact()+": "+Key(full...)+" is empty", "", "leave it out")
	}
	if v.layer != byCI || l.ci != "" {
		l.put(key, v)
	}
}

// refuse says why the key cannot have the value.
func (k *key) refuse(name, v string) (why, fix string) {
	if k.check != nil {
		why, fix = k.check(name, v)
	}
	if why == "" && k.choices != nil && !slices.Contains(k.choices, v) {
		return choose(v, k.choices)
	}
	return why, fix
}

// join makes the paths in a checked value absolute.
func (l *loader) join(row *key, v, dir string) string {
	if row.paths == nil {
		return v
	}
	return row.paths(v, func(name string) string { return l.resolve(name, dir) })
}

// resolve makes a path that starts at dir, or at ~, absolute.
func (l *loader) resolve(name, dir string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok && l.in.Env["HOME"] != "" {
		return path.Join(l.in.Env["HOME"], rest)
	}
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(dir, name)
}

// named checks a name that the person chose, where pattern ends in one.
func (l *loader) named(pattern string, at Origin, full []string) {
	var rule check
	switch {
	case strings.HasSuffix(pattern, "late-env.*"):
		rule = checkLateName
	case strings.HasSuffix(pattern, "env.*"):
		rule = checkEnvName
	case pattern == "lambda.*", pattern == "layer.*":
		rule = checkName
	case pattern == "registry.*":
		rule = checkHost
	case pattern == "ssh.deploy-keys.*":
		rule = checkRepository
	case pattern == "git.tokens.*":
		rule = checkTokenScope
	default:
		return
	}
	if why, fix := rule("", full[len(full)-1]); why != "" {
		l.mistakes.Addf(fmt.Sprintf("%s: no key can be called %s", at.exact(), Key(full...)), why, fix)
	}
}

// environment reads the LPIPE_ variables.
func (l *loader) environment() {
	// These are no keys: the file itself, the branch, where the embedded engine keeps its state, and where the results go.
	rows := map[string]*key{"LPIPE_CONFIG": nil, "LPIPE_BRANCH": nil, "LPIPE_ENGINE_ROOT": nil, "LPIPE_OUT_DIR": nil}
	for i := range table {
		if name := table[i].env(); name != "" {
			rows[name] = &table[i]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.in.Env)) {
		if !strings.HasPrefix(name, "LPIPE_") {
			continue
		}
		row, ok := rows[name]
		if !ok && !ofOwnTests(name, slices.Collect(maps.Keys(rows))) && !ofJobs().MatchString(name) && !l.names("env:"+name) {
			l.mistakes.Addf("unknown variable "+Key(name), "", suggestEnv(name, slices.Sorted(maps.Keys(rows))))
		}
		if row == nil || l.in.Env[name] == "" {
			continue
		}
		l.given(row, row.name, []string{l.in.Env[name]}, value{layer: byEnv, origin: Origin{Env: name}})
	}
}

// ofJobs are the variables by which the jobs of docs/ci install lpipe, and those that lpipe build --dotenv hands to later jobs.
var ofJobs = pattern.Of(`^LPIPE_(?:URL|SHA256|DOWNLOAD|OUTPUTS|LAMBDAS|(?:ZIP|SHA256|CODE_SHA256|IMAGE)_\w+)$`)

// names reports that a value of the file or of a flag is that text.
func (l *loader) names(text string) bool {
	for _, v := range l.values {
		if slices.Contains(v.texts, text) {
			return true
		}
	}
	return slices.ContainsFunc(l.in.Settings, func(s Setting) bool { return slices.Contains(s.Values, text) })
}

// ofOwnTests reports a variable for the tests of lpipe itself: LPIPE_TEST_ and what is like no key about the tests of a project.
func ofOwnTests(name string, rows []string) bool {
	const prefix = "LPIPE_TEST_"
	var keys []string
	for _, row := range rows {
		if short, ok := strings.CutPrefix(row, prefix); ok {
			keys = append(keys, short)
		}
	}
	return strings.HasPrefix(name, prefix) && fault.Nearest(strings.TrimPrefix(name, prefix), keys) == ""
}

func suggestEnv(name string, names []string) string {
	short := make([]string, len(names))
	for i, n := range names {
		short[i] = strings.TrimPrefix(n, "LPIPE_")
	}
	if near := fault.Nearest(strings.TrimPrefix(name, "LPIPE_"), short); near != "" {
		return meant("LPIPE_" + near)
	}
	return "there are " + strings.Join(names, ", ")
}

// settings reads the flags.
func (l *loader) settings() {
	by := map[string]string{}
	for _, s := range l.in.Settings {
		if other, ok := by[s.Key]; ok && other != s.Flag {
			l.mistakes.Addf(fmt.Sprintf("%s and %s cannot be combined", other, s.Flag), "both set "+s.Key, "give one of them")
		}
		by[s.Key] = s.Flag
		if s.Key == "config" {
			continue
		}
		v := value{layer: byFlag, origin: Origin{Flag: s.Flag}}
		full := split(s.Key)
		if _, row := match(full); row != nil {
			l.given(row, s.Key, s.Values, v)
			continue
		}
		if _, row := match(append(full, "*")); row == nil {
			l.mistakes.Addf(fmt.Sprintf("%s sets unknown key %s", s.Flag, s.Key), "", "docs/config.md lists the keys")
			continue
		}
		for _, pair := range s.Values {
			name, text, ok := strings.Cut(pair, "=")
			if !ok {
				l.mistakes.Addf(fmt.Sprintf("%s %s has no value", s.Flag, show(pair)), "", "write NAME=VALUE")
				continue
			}
			path := append(slices.Clone(full), name)
			pattern, row := match(path)
			l.named(pattern, v.origin, path)
			l.set(row, Key(path...), path, []item{{text, v.origin}}, v, l.in.Cwd)
		}
	}
}

// given sets a key from the texts of the environment or of a flag.
func (l *loader) given(row *key, key string, texts []string, v value) {
	full := split(key)
	var items []item
	switch row.kind {
	case boolean:
		on := true
		if len(texts) > 0 {
			last := texts[len(texts)-1]
			var err error
			if on, err = strconv.ParseBool(last); err != nil {
				l.mistakes.Addf(fmt.Sprintf("%s: %s cannot be %s", v.origin, key, show(last)), "it takes true or false", "write true or false")
				return
			}
		}
		items = []item{{strconv.FormatBool(on), v.origin}}
	case text, number:
		if len(texts) != 1 {
			l.mistakes.Addf(fmt.Sprintf("%s is given %d times", v.origin, len(texts)), key+" takes one value", "give it once")
			return
		}
		items = []item{{texts[0], v.origin}}
	default:
		for _, t := range texts {
			parts := []string{t}
			if row.sep != "" {
				parts = strings.Split(t, row.sep)
			}
			for _, p := range parts {
				if p = strings.TrimSpace(p); p != "" {
					items = append(items, item{p, v.origin})
				}
			}
		}
	}
	l.set(row, key, full, items, v, l.in.Cwd)
}
