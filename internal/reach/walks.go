package reach

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// listings are words of sources that list whole folders.
var listings = []string{"read_dir", "glob", "WalkDir", "WalkBuilder", "Walk::new", "GlobWalkerBuilder"}

// listsPackage finds where a build script or a test lists the folder of its package: what of that is left out has no name in
// the source. match is the pattern of the files that it means, "" for all; a line of 0 says that it does not.
func listsPackage(data []byte) (line int, match string) {
	if !slices.ContainsFunc(listings, func(word string) bool { return bytes.Contains(data, []byte(word)) }) {
		return 0, ""
	}
	w := &walk{roots: map[string]bool{}, others: map[string]bool{}}
	scanRust(data, func(t rustToken) bool {
		w.tokens = append(w.tokens, t)
		return true
	})
	w.variables()
	unknown := false // a folder is listed that only the caller knows
	for i := range w.tokens {
		args, ok := w.call(i)
		if !ok || !w.walks(i) {
			continue
		}
		from, to := args[0], args[1]
		if w.mark(i-1, '.') {
			from, to = w.before(i), i-1
		}
		if match, ok := w.pattern(from, to, w.word(i-3) == "GlobWalkerBuilder"); ok || w.isRoot(from, to) {
			return w.tokens[i].line, match
		}
		unknown = unknown || !w.named(from, to)
	}
	for i := range w.tokens {
		if args, ok := w.call(i); ok && unknown && w.function(i) && w.anyRoot(args[0], args[1]) {
			return w.tokens[i].line, ""
		}
	}
	return 0, ""
}

// walk is a source while it is looked for what lists folders.
type walk struct {
	tokens []rustToken
	roots  map[string]bool // variables that are the folder of the package
	others map[string]bool // and those that are another, which the source names
}

func (w *walk) mark(i int, c byte) bool {
	return i >= 0 && i < len(w.tokens) && w.tokens[i].mark && w.tokens[i].text[0] == c
}

// word is the one at i, "" for another token.
func (w *walk) word(i int) string {
	if i < 0 || i >= len(w.tokens) || w.tokens[i].mark || w.tokens[i].str {
		return ""
	}
	return string(w.tokens[i].text)
}

// end is where the bracket at i is closed.
func (w *walk) end(i int) int {
	depth := 0
	for ; i < len(w.tokens); i++ {
		if !w.tokens[i].mark {
			continue
		}
		switch w.tokens[i].text[0] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return i
}

// call returns where the arguments of the function at i are.
func (w *walk) call(i int) (args [2]int, ok bool) {
	if w.word(i) == "" || !w.mark(i+1, '(') {
		return args, false
	}
	return [2]int{i + 2, w.end(i + 1)}, true
}

// walks reports that the function at i lists a folder.
func (w *walk) walks(i int) bool {
	switch w.word(i) {
	case "read_dir", "glob", "glob_with":
		return w.word(i-1) != "fn"
	case "new", "from_patterns":
		return slices.Contains([]string{"WalkDir", "WalkBuilder", "Walk", "GlobWalkerBuilder"}, w.word(i-3))
	}
	return false
}

// function reports that the one at i may be of the project, which lists what it is given.
func (w *walk) function(i int) bool {
	name := w.word(i)
	return !w.walks(i) && !w.mark(i-1, '.') && w.word(i-1) != "fn" && name[0] >= 'a' && name[0] <= 'z' &&
		!slices.Contains([]string{"new", "from", "var", "var_os", "current_dir", "set_current_dir", "canonicalize", "drop"}, name)
}

// before is where the expression begins that has a method at i.
func (w *walk) before(i int) int {
	for i > 0 && !w.mark(i-1, ';') && !w.mark(i-1, '{') && !w.mark(i-1, '}') && !w.mark(i-1, '=') && w.word(i-1) != "in" {
		i--
	}
	return i
}

// variables finds those that are the folder of the package.
func (w *walk) variables() {
	for i := range w.tokens {
		if !slices.Contains([]string{"let", "const", "static"}, w.word(i)) {
			continue
		}
		name := i + 1
		if w.word(name) == "mut" {
			name++
		}
		from := name
		for from < len(w.tokens) && !w.mark(from, '=') && !w.mark(from, ';') {
			from++
		}
		to := from
		for depth := 0; to < len(w.tokens) && !(depth == 0 && w.mark(to, ';')); to++ {
			switch {
			case w.mark(to, '('), w.mark(to, '{'), w.mark(to, '['):
				depth++
			case w.mark(to, ')'), w.mark(to, '}'), w.mark(to, ']'):
				depth--
			}
		}
		switch {
		case w.word(name) == "":
		case w.isRoot(from, to):
			w.roots[w.word(name)] = true
		case w.named(from, to):
			w.others[w.word(name)] = true
		}
	}
	for i := range w.tokens {
		if w.mark(i+1, '.') && slices.Contains([]string{"push", "pop"}, w.word(i+2)) {
			delete(w.roots, w.word(i))
		}
	}
}

// elsewhere are words that lead from one folder to another.
var elsewhere = []string{"join", "push", "pop", "parent", "ancestors", "with_file_name", "strip_prefix", "temp_dir", "tempdir", "home_dir"}

// isRoot reports that an expression is the folder of the package.
func (w *walk) isRoot(from, to int) bool {
	found := false
	for i := from; i < to; i++ {
		t := w.tokens[i]
		switch text := string(t.text); {
		case (text == "join" || text == "push") && i+2 < to && w.tokens[i+2].str && slices.Contains([]string{"", ".", "./"}, string(w.tokens[i+2].text)):
			i += 2
		case w.mark(i, '['): // a list for a compiler
			return false
		case t.mark:
		case t.str && (text == "CARGO_MANIFEST_DIR" || text == "." || text == "./"):
			found = true
		case t.str && text != "" && !strings.Contains(text, " "), slices.Contains(elsewhere, text):
			return false
		case t.str:
		case w.roots[text], text == "current_dir" && !w.mark(i-1, '.'):
			found = true
		}
	}
	return found
}

// anyRoot reports that one of the arguments is the folder of the package.
func (w *walk) anyRoot(from, to int) bool {
	start := from
	for i, depth := from, 0; i <= to && i < len(w.tokens); i++ {
		switch {
		case i == to, depth == 0 && w.mark(i, ','):
			if w.isRoot(start, i) {
				return true
			}
			start = i + 1
		case w.mark(i, '('), w.mark(i, '{'), w.mark(i, '['):
			depth++
		case w.mark(i, ')'), w.mark(i, '}'), w.mark(i, ']'):
			depth--
		}
	}
	return false
}

// named reports that an expression has the name of another folder.
func (w *walk) named(from, to int) bool {
	for i := from; i < to; i++ {
		if t := w.tokens[i]; t.str && string(t.text) != "" || slices.Contains(elsewhere, w.word(i)) || w.others[w.word(i)] {
			return true
		}
	}
	return false
}

// pattern is that of files anywhere in the package, or of all that is in its folder. deep says that any pattern means files at
// any depth.
func (w *walk) pattern(from, to int, deep bool) (match string, ok bool) {
	for i := from; i < to; i++ {
		t := w.tokens[i]
		if !t.str {
			continue
		}
		text := string(t.text)
		if name, rest, ok := strings.Cut(text, "}"); ok && strings.HasPrefix(name, "{") { // "{}/**/*.proto"
			if name = strings.TrimLeft(name, "{"); !w.roots[name] && !(name == "" && w.isRoot(i+1, to)) {
				continue
			}
			text = strings.TrimPrefix(rest, "/")
		}
		text = strings.TrimPrefix(text, "./")
		if strings.HasPrefix(text, "**") || text == "*" || text == "*.*" || deep && strings.HasPrefix(text, "*") {
			if match = path.Base(text); strings.Trim(match, "*.") == "" {
				match = ""
			}
			return match, true
		}
	}
	return "", false
}
