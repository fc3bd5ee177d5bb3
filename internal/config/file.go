package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"lpipe/internal/fault"
)

const (
	fileName = "lpipe.toml"
	// maxFile bounds what is parsed; a hundred lambdas with twenty keys each are 50 kB.
	maxFile = 1 << 20
)

// file reads lpipe.toml into the values.
func (l *loader) file() {
	name, shown, err := l.find()
	if err != nil {
		l.mistakes.Add(err)
		return
	}
	if name == "" {
		return
	}
	data, err := read(l.in.FS, inFS(name))
	if err != nil {
		l.mistakes.Add(&fault.Error{Kind: fault.Usage, What: "reading " + shown, Err: err})
		return
	}
	l.path = name
	root, err := parse(shown, data)
	if err != nil {
		l.mistakes.Add(err)
		return
	}
	l.walk(root, nil)
}

// find returns the path of lpipe.toml, and that as the person would write it; both empty when there is none.
func (l *loader) find() (name, shown string, err error) {
	given, at := l.in.Env["LPIPE_CONFIG"], Origin{Env: "LPIPE_CONFIG"}
	for _, s := range l.in.Settings {
		if s.Key == "config" && len(s.Values) > 0 {
			given, at = s.Values[len(s.Values)-1], Origin{Flag: s.Flag}
		}
	}
	if given != "" {
		name = l.resolve(given, l.in.Cwd)
		if _, err := fs.Stat(l.in.FS, inFS(name)); err != nil {
			return "", "", &fault.Error{
				Kind: fault.Usage,
				What: fmt.Sprintf("%s names %s, which cannot be read", at, show(given)), Err: cause(err),
				Fix: "give the path of an lpipe.toml, or leave it out to have it looked for",
			}
		}
		return name, given, nil
	}
	for dir := l.in.Dir; ; dir = path.Dir(dir) {
		name := path.Join(dir, fileName)
		shown := name
		if rel, err := filepath.Rel(l.in.Cwd, name); err == nil {
			shown = filepath.ToSlash(rel)
		}
		_, err := fs.Stat(l.in.FS, inFS(name))
		if err == nil {
			return name, shown, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", "", &fault.Error{Kind: fault.Usage, What: "looking for " + shown, Err: cause(err)}
		}
		if _, err := fs.Stat(l.in.FS, inFS(path.Join(dir, ".git"))); err == nil || dir == "/" {
			return "", "", nil
		}
	}
}

// inFS turns an absolute path into the form that [fs.FS] takes.
func inFS(name string) string { return path.Join(".", strings.TrimPrefix(name, "/")) }

// cause leaves the path out of an error that names it already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func read(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, cause(err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	return data, nil
}

// node is a value or table of the file with its place.
type node struct {
	kind   unstable.Kind // ArrayTable, InlineTable and Table are tables
	text   string
	items  []*node // of an Array
	names  []string
	fields map[string]*node
	key    Origin // of the name
	at     Origin // of the value; of the name for a table or an array
}

func (n *node) isTable() bool {
	return n.kind == unstable.Table || n.kind == unstable.InlineTable
}

// parse reads TOML into a tree; the error is that of the first mistake in the syntax, with its line.
func parse(shown string, data []byte) (*node, error) {
	var valid map[string]any
	if err := toml.Unmarshal(data, &valid); err != nil {
		return nil, syntaxError(shown, data, err)
	}
	p := places{file: shown, data: data}
	for i, c := range data {
		if c == '\n' {
			p.ends = append(p.ends, i)
		}
	}
	var parser unstable.Parser
	parser.Reset(data)
	root := &node{kind: unstable.Table}
	current := root
	for parser.NextExpression() {
		e := parser.Expression()
		switch e.Kind {
		case unstable.KeyValue:
			p.insert(current, e)
		case unstable.Table, unstable.ArrayTable:
			current = p.descend(root, e.Key())
			current.kind = e.Kind
		}
	}
	if err := parser.Error(); err != nil {
		return nil, syntaxError(shown, data, err)
	}
	return root, nil
}

func syntaxError(shown string, data []byte, err error) error {
	f := &fault.Error{Kind: fault.Usage, What: shown + " is not valid TOML", Err: err}
	var d *toml.DecodeError
	if !errors.As(err, &d) {
		return f
	}
	row, column := d.Position()
	f.What = fmt.Sprintf("%s:%d:%d: not valid TOML", shown, row, column)
	f.Why = clean(strings.TrimPrefix(d.Error(), "toml: "))
	if lines := bytes.Split(data, []byte("\n")); row >= 1 && row <= len(lines) {
		line := clean(strings.TrimSpace(string(lines[row-1])))
		// A line of a multi-line secret does not look like one itself.
		if line != "" && !secretText(line) && !bytes.Contains(data, []byte("-----BEGIN")) {
			f.Why += "\n" + line
		}
	}
	return f
}

// clean makes text of the file fit for a terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, cut(strings.ToValidUTF8(s, "?")))
}

// places turns offsets into origins.
type places struct {
	file string
	data []byte
	ends []int // offsets of the line ends
}

func (p *places) at(r unstable.Range) Origin {
	line := sort.SearchInts(p.ends, int(r.Offset))
	start := 0
	if line > 0 {
		start = p.ends[line-1] + 1
	}
	return Origin{File: p.file, Line: line + 1, Column: utf8.RuneCount(p.data[start:r.Offset]) + 1}
}

// descend follows a dotted key from n, making the tables on the way.
func (p *places) descend(n *node, keys unstable.Iterator) *node {
	for keys.Next() {
		k := keys.Node()
		name := string(k.Data)
		child, ok := n.fields[name]
		if !ok {
			child = &node{kind: unstable.Table, key: p.at(k.Raw), at: p.at(k.Raw)}
			if n.fields == nil {
				n.fields = map[string]*node{}
			}
			n.fields[name] = child
			n.names = append(n.names, name)
		}
		n = child
	}
	return n
}

func (p *places) insert(table *node, e *unstable.Node) {
	n := p.descend(table, e.Key())
	p.fill(n, e.Value())
}

func (p *places) fill(n *node, v *unstable.Node) {
	n.kind, n.text = v.Kind, string(v.Data)
	if v.Raw.Length > 0 {
		n.at = p.at(v.Raw)
	}
	for it := v.Children(); it.Next(); {
		child := it.Node()
		if child.Kind == unstable.KeyValue {
			p.insert(n, child)
			continue
		}
		item := &node{at: n.at}
		p.fill(item, child)
		n.items = append(n.items, item)
	}
}

// walk checks the keys of a table and puts their values. Keys of [ci] are those of the whole file, a layer up.
func (l *loader) walk(n *node, dir []string) {
	for _, name := range n.names {
		child := n.fields[name]
		full := append(slices.Clone(dir), name)
		logical, where := full, byFile
		if full[0] == "ci" && Key(full...) != "ci.cache-write" {
			logical, where = full[1:], byCI
		}
		if len(logical) == 0 {
			l.open(child, full)
			continue
		}
		pattern, row := match(logical)
		switch {
		case pattern == "" || logical[0] == "ci" && len(logical) == 1:
			l.unknown(child.key, full)
		case row == nil:
			l.named(pattern, child.key, full)
			if where == byFile || l.ci != "" {
				l.tables[Key(logical...)] = child.key
			}
			l.open(child, full)
		default:
			l.named(pattern, child.key, full)
			l.take(child, full, Key(logical...), row, where)
		}
	}
}

func (l *loader) open(n *node, full []string) {
	if !n.isTable() {
		l.mistyped(n, full, "a table")
		return
	}
	l.walk(n, full)
}

// take puts the value of one node.
func (l *loader) take(n *node, full []string, key string, row *key, where layer) {
	var items []item
	switch {
	case n.kind == unstable.Array && (row.kind == list || row.kind == oneOrMore):
		for _, i := range n.items {
			if i.kind != unstable.String {
				l.mistyped(i, full, row.kind.String())
				return
			}
			items = append(items, item{i.text, i.at})
		}
	case n.kind == unstable.String && (row.kind == text || row.kind == oneOrMore), n.kind == unstable.Bool && row.kind == toggle:
		items = []item{{n.text, n.at}}
	default:
		l.mistyped(n, full, row.kind.String())
		return
	}
	if key == "ci.cache-write" {
		where = byCI
	}
	l.set(row, key, full, items, value{layer: where, origin: n.key}, path.Dir(l.path))
}

// found names the kinds of TOML as a person calls them.
var found = map[unstable.Kind]string{
	unstable.String: "a string", unstable.Bool: "true or false", unstable.Integer: "a number", unstable.Float: "a number",
	unstable.Array: "a list", unstable.Table: "a table", unstable.InlineTable: "a table", unstable.ArrayTable: "a list of tables",
	unstable.LocalDate: "a date", unstable.LocalTime: "a time", unstable.LocalDateTime: "a date", unstable.DateTime: "a date",
}

func (l *loader) mistyped(n *node, full []string, expected string) {
	fix := ""
	switch {
	case expected == "true or false" && n.kind == unstable.String:
		fix = "leave out the quotes"
	case expected == "a string" && (n.kind == unstable.Integer || n.kind == unstable.Float || n.kind == unstable.Bool):
		fix = "put it in quotes"
	case expected == "a list of strings" && n.kind == unstable.String:
		fix = "put it in brackets"
	case expected == "a table" && n.kind == unstable.ArrayTable:
		fix = "write [" + Key(full...) + "]"
	}
	l.mistakes.Addf(n.at.exact()+": "+Key(full...)+" has the wrong type", "it takes "+expected+" and this is "+found[n.kind], fix)
}

// unknown reports a key that the table does not have.
func (l *loader) unknown(at Origin, full []string) {
	name, dir := full[len(full)-1], full[:len(full)-1]
	names := siblings(dir)
	if dir := dir; len(dir) > 0 && dir[0] == "ci" {
		names = siblings(dir[1:])
		if len(dir) == 1 {
			names = append(slices.DeleteFunc(names, func(n string) bool { return n == "ci" }), "cache-write")
		}
	}
	in := "the top level"
	if len(dir) > 0 {
		in = "[" + Key(dir...) + "]"
	}
	l.mistakes.Addf(fmt.Sprintf("%s: unknown key %s", at.exact(), Key(full...)), "", suggest(name, in, names))
}

// suggest finds the key that was meant: the nearest of the same table, or one of that name elsewhere.
func suggest(name, in string, names []string) string {
	if near := fault.Nearest(name, names); near != "" {
		return meant(near)
	}
	for _, k := range table {
		if strings.HasSuffix(k.name, "."+name) && !strings.Contains(k.name, "*") {
			return fmt.Sprintf("%s belongs in [%s]", name, strings.TrimSuffix(k.name, "."+name))
		}
	}
	return in + " has " + strings.Join(names, ", ")
}
