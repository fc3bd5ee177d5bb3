package config

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"lpipe/internal/fault"
)

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
	case n.kind == unstable.String && (row.kind == text || row.kind == oneOrMore), n.kind == unstable.Bool && row.kind == boolean,
		n.kind == unstable.Integer && row.kind == number:
		items = []item{{n.text, n.at}}
	default:
		l.mistyped(n, full, row.kind.String())
		return
	}
	if key == "ci.cache-write" {
		where = byCI
	}
	if key == allowOutside && !l.foreign {
		l.mistakes.Addf(n.key.exact()+": "+Key(full...)+" is not for a file of the project",
			"a project cannot allow itself files of this machine, or a pull request could",
			"give --allow-outside or LPIPE_ALLOW_OUTSIDE, or put it into an lpipe.toml outside of the project, named with --config")
		return
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
	fix := "write " + expected
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
