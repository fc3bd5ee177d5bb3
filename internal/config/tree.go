package config

import (
	"bytes"
	"errors"
	"fmt"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"lpipe/internal/fault"
	"lpipe/internal/pattern"
)

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
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // a byte order mark, as some editors write one
	if pattern.LongKey(data) {
		return nil, &fault.Error{Kind: fault.Usage, What: shown + " is no lpipe.toml", Why: "a key has more than a thousand parts", Fix: "correct it; docs/config.md has the keys"}
	}
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
	f := &fault.Error{Kind: fault.Usage, What: shown + " is not valid TOML", Err: err, Fix: "correct it; https://toml.io has the syntax, and docs/config.md the keys"}
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
