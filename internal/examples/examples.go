// Package examples has events as the services of AWS send them to a function, by the names that they have in AWS's own
// libraries and in cargo lambda.
//
// They are the examples of github.com/aws/aws-lambda-go, and those of services that it has none of, from the pages of AWS's
// documentation. A name that ends in -null is the same event with null wherever the library's types allow that a value is
// missing, as services send fields that have no value.
package examples

import (
	"embed"
	"slices"
	"strings"
)

// files are written by the test, which needs the types of the library: go test ./internal/examples -update
//
//go:embed events/*.json
var files embed.FS

// Null ends the names of events with nulls.
const Null = "-null"

// Names returns the names of the events, sorted.
func Names() []string {
	entries, _ := files.ReadDir("events") // embedded, so it is there
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = strings.TrimSuffix(entry.Name(), ".json")
	}
	slices.Sort(names)
	return names
}

// Event returns the event of a name as JSON; ok is false if there is none.
func Event(name string) (event []byte, ok bool) {
	event, err := files.ReadFile("events/" + name + ".json")
	return event, err == nil
}

// Like are the names with a text in them, but for those with null in some fields.
func Like(text string) (names []string) {
	for _, name := range Names() {
		if text != "" && strings.Contains(name, text) && !strings.HasSuffix(name, Null) {
			names = append(names, name)
		}
	}
	return names
}
