package cargo

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"lpipe/internal/fault"
	"lpipe/internal/pattern"
)

// table is a TOML table as decoded: string, int64, float64, bool, dates, []any and table.
type table = map[string]any

// document is a TOML file that knows where its keys are.
type document struct {
	name string // as shown to people
	data []byte
	tree table
	// spots are the places of the keys, by their paths joined with \x00. Only messages need them.
	spots func() map[string]unstable.Position
}

// correctTOML is what to do about a file that a person writes.
const correctTOML = "correct it; https://toml.io has the syntax"

// parse reads TOML; the error is a usage fault with file, line and column. fix is its advice.
func parse(name string, data []byte, fix string) (*document, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // a byte order mark, which cargo takes too
	d := &document{name: name, data: data, tree: table{}, spots: sync.OnceValue(func() map[string]unstable.Position { return spots(data) })}
	if pattern.LongKey(data) {
		return nil, &fault.Error{Kind: fault.Usage, What: name + " cannot be read", Why: "a key has more than a thousand parts", Fix: fix}
	}
	if err := toml.Unmarshal(data, &d.tree); err != nil {
		at := name
		var decode *toml.DecodeError
		if errors.As(err, &decode) {
			line, column := decode.Position()
			at = fmt.Sprintf("%s:%d:%d", name, line, column)
		}
		return nil, &fault.Error{
			Kind: fault.Usage, What: at + " is not valid TOML",
			Why: strings.TrimPrefix(err.Error(), "toml: "), Fix: fix, Err: err,
		}
	}
	return d, nil
}

// at returns file:line:column of the key, or of the closest parent that is written down.
func (d *document) at(key ...string) string {
	for n := len(key); n > 0; n-- {
		if p, ok := d.spots()[strings.Join(key[:n], "\x00")]; ok {
			return fmt.Sprintf("%s:%d:%d", d.name, p.Line, p.Column)
		}
	}
	return d.name
}

// get returns the value at key, or nil.
func (d *document) get(key ...string) any { return get(d.tree, key...) }

func get(t table, key ...string) any {
	var v any = t
	for _, k := range key {
		t, ok := v.(table)
		if !ok {
			return nil
		}
		v = t[k]
	}
	return v
}

func asTable(v any) table {
	t, _ := v.(table)
	return t
}

func asString(v any) string {
	s, _ := v.(string)
	return s
}

func asBool(v any) bool {
	b, _ := v.(bool)
	return b
}

// asStrings returns the strings of an array, or the one string.
func asStrings(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}

func asTables(v any) []table {
	list, _ := v.([]any)
	var all []table
	for _, e := range list {
		if t, ok := e.(table); ok {
			all = append(all, t)
		}
	}
	return all
}

// walkTOML calls fn for each key that is followed by a value or opens a table, with its full path (array tables
// count as "#0", "#1", …) and the value's node, nil for a table.
func walkTOML(data []byte, fn func(p *unstable.Parser, path []string, key, value *unstable.Node)) error {
	var (
		p      unstable.Parser
		prefix []string
		counts = map[string]int{}
	)
	p.Reset(data)
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			var key *unstable.Node
			prefix = nil
			for it := e.Key(); it.Next(); {
				key = it.Node()
				if n := counts[strings.Join(prefix, "\x00")]; n > 0 {
					prefix = append(prefix, "#"+strconv.Itoa(n-1))
				}
				prefix = append(prefix, string(key.Data))
			}
			at := strings.Join(prefix, "\x00")
			if e.Kind == unstable.ArrayTable {
				fn(&p, prefix, key, nil)
				prefix = append(prefix, "#"+strconv.Itoa(counts[at]))
				counts[at]++
			}
			fn(&p, prefix, key, nil)
		case unstable.KeyValue:
			walkKeyValue(&p, prefix, e, fn)
		}
	}
	return p.Error()
}

func walkKeyValue(p *unstable.Parser, prefix []string, e *unstable.Node, fn func(*unstable.Parser, []string, *unstable.Node, *unstable.Node)) {
	path := append([]string(nil), prefix...)
	var key *unstable.Node
	for it := e.Key(); it.Next(); {
		key = it.Node()
		path = append(path, string(key.Data))
	}
	value := e.Value()
	fn(p, path, key, value)
	if value.Kind == unstable.InlineTable {
		for it := value.Children(); it.Next(); {
			if it.Node().Kind == unstable.KeyValue {
				walkKeyValue(p, path, it.Node(), fn)
			}
		}
	}
}

// spots finds the keys of a valid document.
func spots(data []byte) map[string]unstable.Position {
	found := map[string]unstable.Position{}
	_ = walkTOML(data, func(p *unstable.Parser, path []string, key, _ *unstable.Node) {
		for n := 1; n <= len(path); n++ {
			k := strings.Join(path[:n], "\x00")
			if _, ok := found[k]; !ok || n == len(path) {
				found[k] = p.Shape(key.Raw).Start
			}
		}
	})
	return found
}
