package reach

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// code follows Rust source token by token and knows where each one stands: in which macros, attributes, calls and modules,
// and whether it is compiled for tests alone. It reads what the compiler would refuse as well; where it is not sure, code is
// not for tests alone.
type code struct {
	frames   []frame
	tail     []byte // the tokens before, without white space
	attr     []byte // the tokens of the attribute
	path     string // of #[path], for the next item
	fileTest bool   // #![cfg(test)]
	item     int    // how many frames the item that is for tests alone lies in, -1 outside of one
	attrs    int    // open attributes
	macros   int    // open macros
	rules    int    // open definitions of macros
}

// frame is an open bracket.
type frame struct {
	attr, inner bool   // #[…], #![…]
	macro       string // m of m!(…)
	call        string // f of f(…), with its path: "std::fs::read", ".join"
	module      string // m of mod m {…}
	item        bool   // the body of an item that is for tests alone
	brace       bool   // {…}
	list        bool   // […]
}

// walkCode calls fn for each token, once the code knows where that stands.
func walkCode(src []byte, fn func(*code, rustToken)) {
	c := &code{item: -1}
	scanRust(src, func(t rustToken) bool {
		c.before(t)
		fn(c, t)
		c.after(t)
		return true
	})
}

func (c *code) before(t rustToken) {
	if !t.mark {
		return
	}
	switch t.text[0] {
	case ')', ']', '}':
		if len(c.frames) == 0 {
			return
		}
		closed := c.frames[len(c.frames)-1]
		c.frames = c.frames[:len(c.frames)-1]
		c.count(closed, -1)
		if closed.attr {
			if c.attrs == 0 {
				c.attribute(closed.inner)
			}
		}
		if closed.item || len(c.frames) < c.item {
			c.item = -1
		}
	}
}

func (c *code) after(t rustToken) {
	if c.attrs > 0 {
		c.attr = append(c.attr, t.text...)
		if t.str && bytes.HasSuffix(c.tail, []byte("path=")) {
			c.path = string(t.text)
		}
	}
	if t.mark {
		switch t.text[0] {
		case '(', '[', '{':
			c.open(t.text[0])
		case ';', ',':
			if len(c.frames) == c.item {
				c.item = -1
			}
		}
		switch t.text[0] {
		case ';', '{', '}':
			c.tail, c.path = c.tail[:0], ""
			return
		}
	}
	switch {
	case t.str:
		c.tail = append(c.tail, `""`...)
	default:
		if n := len(c.tail); n > 0 && isWord(c.tail[n-1]) && isWord(t.text[0]) {
			c.tail = append(c.tail, ' ')
		}
		c.tail = append(c.tail, t.text...)
	}
	if len(c.tail) > 1<<10 {
		c.tail = append(c.tail[:0], c.tail[len(c.tail)-1<<8:]...)
	}
}

func (c *code) open(bracket byte) {
	var f frame
	tail, end := c.tail, len(c.tail)
	start := end
	for start > 0 && (isWord(tail[start-1]) || tail[start-1] == ':' || tail[start-1] == '.') {
		start--
	}
	name := string(tail[start:end])
	switch {
	case bracket == '[' && bytes.HasSuffix(tail, []byte("#")):
		f.attr = true
	case bracket == '[' && bytes.HasSuffix(tail, []byte("#!")):
		f.attr, f.inner = true, true
	case end > 0 && tail[end-1] == '!':
		for start = end - 1; start > 0 && isWord(tail[start-1]); start-- {
		}
		f.macro = string(tail[start : end-1])
	case bracket == '{' && bytes.HasSuffix(tail[:start], []byte("macro_rules!")):
		f.macro = "macro_rules"
	case bracket == '{' && isModule(tail[:start]):
		f.module = name
	case bracket == '(':
		f.call = name
	}
	if f.attr && c.attrs == 0 {
		c.attr = c.attr[:0]
	}
	c.count(f, 1)
	f.brace = bracket == '{'
	f.list = bracket == '[' && !f.attr && f.macro == ""
	f.item = f.brace && len(c.frames) == c.item
	c.frames = append(c.frames, f)
}

// count keeps account of a frame that opens or closes.
func (c *code) count(f frame, by int) {
	if f.attr {
		c.attrs += by
	}
	if f.macro != "" {
		c.macros += by
	}
	if f.macro == "macro_rules" {
		c.rules += by
	}
}

// isModule reports that a module's name follows.
func isModule(tail []byte) bool {
	before, ok := bytes.CutSuffix(tail, []byte("mod "))
	return ok && (len(before) == 0 || !isWord(before[len(before)-1]))
}

// attribute reads the attribute that ends here. Within a macro nobody knows what becomes of it.
func (c *code) attribute(inner bool) {
	text := string(c.attr)
	switch {
	case !forTests(text) || c.macros > 0:
	case inner:
		c.fileTest = c.fileTest || len(c.frames) == 0
	case c.item < 0:
		c.item = len(c.frames)
	}
}

// forTests reports an attribute of what is compiled for tests alone: a condition that needs test, or a test of whatever crate.
func forTests(attribute string) bool {
	if conditions, ok := strings.CutPrefix(attribute, "cfg(all("); ok {
		return slices.Contains(arguments(strings.TrimSuffix(conditions, "))")), "test")
	}
	name, _, _ := strings.Cut(attribute, "(")
	return attribute == "cfg(test)" || name == "test" || strings.HasSuffix(name, "::test") || name == "rstest" || name == "test_case" || name == "test_case::test_case"
}

// test reports that what stands here is compiled for tests alone.
func (c *code) test() bool { return c.fileTest || c.item >= 0 }

// declares returns the module that ends here with a ";" and lies in a file of its own, and the inline modules around it.
func (c *code) declares(t rustToken) (inline []string, name string, ok bool) {
	if !t.mark || t.text[0] != ';' {
		return nil, "", false
	}
	start := len(c.tail)
	for start > 0 && isWord(c.tail[start-1]) {
		start--
	}
	if start == len(c.tail) || !isModule(c.tail[:start]) {
		return nil, "", false
	}
	for _, f := range c.frames[max(0, len(c.frames)-deepest):] {
		if f.module != "" {
			inline = append(inline, f.module)
		}
	}
	return inline, string(c.tail[start:]), true
}

// afterMod reports that the word before is mod.
func (c *code) afterMod() bool { return isModule(append(slices.Clip(c.tail), ' ')) }

// argument is what a string is an argument of.
type argument struct {
	include   bool   // of include!, include_str! or include_bytes!
	composed  bool   // by concat! or another macro inside of that
	attribute string // its first word
	macro     string // another macro
	block     bool   // in braces within that
	call      string // a function
}

// innermost returns the macro whose argument is read, "" for none.
func (c *code) innermost() string {
	if len(c.frames) == 0 {
		return ""
	}
	return c.frames[len(c.frames)-1].macro
}

// listed reports that what stands here is one of a list, of an array or of vec!.
func (c *code) listed() bool {
	if len(c.frames) == 0 {
		return false
	}
	f := c.frames[len(c.frames)-1]
	return f.list || f.macro == "vec"
}

// compiled reports that the compiler may open what the string names, by itself or for a macro or an attribute.
func (a argument) compiled() bool {
	return a.include || a.attribute != "" && !inert(a.attribute) || a.macro != "" && !slices.Contains(harmless, a.macro)
}

// composing are macros that put a text together, which another function or macro is given.
var composing = []string{"format", "format_args"}

var includes = []string{"include", "include_str", "include_bytes"}

// deepest is how many brackets code is looked for in: rustc itself refuses more than 128 macros in each other.
const deepest = 256

// argument returns what the string that stands here is an argument of.
func (c *code) argument() argument {
	var a argument
	for i := len(c.frames) - 1; i >= max(0, len(c.frames)-deepest); i-- {
		switch f := c.frames[i]; {
		case slices.Contains(includes, f.macro):
			a.include = true
			return a
		case f.attr:
			a.attribute = firstWord(c.attr)
			return a
		case c.attrs > 0 && f.macro == "": // a(b = "")
		case f.macro == "concat" || f.macro == "env" || f.macro == "option_env":
			a.composed = true
		case f.macro == "macro_rules":
			return a
		case f.macro != "" && a.macro == "" && slices.Contains(composing, f.macro):
			a.macro = f.macro // what becomes of the text is said further out
		case f.macro != "" && (a.macro == "" || slices.Contains(harmless, f.macro)):
			a.macro = f.macro
			return a
		case f.macro != "":
			return a
		case f.call != "":
			a.call = f.call
			return a
		case f.item || f.module != "":
			return a
		case f.brace:
			a.block = true
		}
	}
	return a
}

// firstWord is that of an attribute, with its path. Of one on a condition it is that of what it stands for.
func firstWord(attr []byte) string {
	text := string(attr)
	if rest, ok := strings.CutPrefix(text, "cfg_attr("); ok {
		if parts := arguments(rest); len(parts) > 1 {
			text = parts[len(parts)-1]
		}
	}
	text, _, _ = strings.Cut(text, "(")
	text, _, _ = strings.Cut(text, "=")
	return text
}

// arguments splits what stands in brackets at its own commas.
func arguments(text string) (all []string) {
	depth, start := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case ',':
			if depth == 0 {
				all = append(all, text[start:i])
				start = i + 1
			}
		}
	}
	return append(all, text[start:])
}

// moduleFiles are the files in which a module may lie that the file name declares. root is set where the modules of that
// file lie beside it.
func moduleFiles(name string, root bool, inline []string, module, attr string) []string {
	beside := path.Dir(name)
	dir := beside
	if stem := strings.TrimSuffix(path.Base(name), ".rs"); !root && stem != "mod" {
		dir = path.Join(beside, stem)
	}
	dir = path.Join(append([]string{dir}, inline...)...)
	if attr != "" {
		return []string{path.Join(beside, attr), path.Join(dir, attr)}
	}
	return []string{path.Join(dir, module+".rs"), path.Join(dir, module, "mod.rs")}
}
