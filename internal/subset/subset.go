// Package subset says whether a JSON value holds all that is expected of it.
//
// Of an object it must have the expected members, at any depth, and may have more. Every other value must be the expected one:
// a list has the same elements in the same order, and objects within it have no other members. Numbers are compared as they are
// written, so 1 is not 1.0, and none is rounded.
package subset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Value is a JSON value; numbers are as they were written.
type Value struct{ v any }

// Parse reads one JSON value, with nothing but white space around it.
func Parse(data []byte) (Value, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return Value{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Value{}, errors.New("something follows the value")
	}
	return Value{v}, nil
}

// Lacks says where an answer does not hold what is wanted of it, such as "a.b is 2 and not 1", and "" where it does. Of several
// places it is the first by name.
func (answer Value) Lacks(want Value) string { return lacks(answer.v, want.v, "") }

func lacks(is, want any, at string) string {
	members, object := want.(map[string]any)
	if !object {
		if !reflect.DeepEqual(is, want) {
			return fmt.Sprintf("%s is %s and not %s", place(at), shown(is), shown(want))
		}
		return ""
	}
	has, object := is.(map[string]any)
	if !object {
		return fmt.Sprintf("%s is %s and no object", place(at), shown(is))
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		value, there := has[name]
		if !there {
			return place(at+"."+name) + " is missing"
		}
		if why := lacks(value, members[name], at+"."+name); why != "" {
			return why
		}
	}
	return ""
}

func place(at string) string {
	if at == "" {
		return "the answer"
	}
	return strings.TrimPrefix(at, ".")
}

// maxShown is how many bytes of a value a message has.
const maxShown = 300

func shown(v any) string {
	text, _ := json.Marshal(v) // it was read from JSON
	if len(text) > maxShown {
		return strings.ToValidUTF8(string(text[:maxShown]), "") + "..."
	}
	return string(text)
}
