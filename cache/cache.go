// Package cache reads the options that say where BuildKit takes build cache from and where it puts it, in the
// syntax of docker buildx: type=registry,ref=registry.example.com/app/cache,mode=max.
//
// It checks options strictly, since BuildKit passes over what it does not know, and opens nothing: an [Entry] has
// the shape of BuildKit's own client.CacheOptionsEntry. Import is --cache-from, export is --cache-to; the two have
// different attributes. A family is the set of refs that the branches of one project keep their caches under.
package cache

import (
	"encoding/csv"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Entry is one place of build cache.
type Entry struct {
	Type  string            // "registry", "local", "inline", "gha", "s3" or "azblob"
	Attrs map[string]string // as BuildKit takes them, the type excluded
}

// String returns the entry for display: secrets are replaced by "***". See [Entry.CSV] for the whole of it.
func (e Entry) String() string {
	attrs := maps.Clone(e.Attrs)
	for key, value := range attrs {
		switch a := table[e.Type][key]; {
		case a.secret:
			attrs[key] = "***"
		case strings.Contains(key, "url"):
			attrs[key] = hideCredentials(value)
		}
	}
	return Entry{e.Type, attrs}.CSV()
}

// hideCredentials leaves out of a URL what may log in: the user and password, and the query, which in a shared
// access signature of Azure is the key.
func hideCredentials(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "***"
	}
	if u.User != nil {
		u.User = url.User("hidden")
	}
	if u.RawQuery != "" {
		u.RawQuery = "hidden"
	}
	return u.String()
}

// CSV returns the entry, secrets included, as an option that parses to the same entry. The order of attributes is
// fixed: the type, the place, then the others by name.
func (e Entry) CSV() string {
	fields := []string{"type=" + e.Type}
	for _, key := range slices.SortedFunc(maps.Keys(e.Attrs), byRank) {
		fields = append(fields, key+"="+e.Attrs[key])
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(fields) // a strings.Builder takes everything
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// byRank orders names of attributes: those of places first.
func byRank(a, b string) int {
	rank := func(key string) string {
		if key == "ref" || key == "src" || key == "dest" {
			return "0" + key
		}
		return "1" + key
	}
	return strings.Compare(rank(a), rank(b))
}

// Error is a mistake in an option. It never quotes the value of a secret attribute.
type Error struct {
	Option string // the part that tells which option it is: "type=registry"
	What   string // what is wrong with it
	Fix    string // what to write instead; may be empty
}

func (e *Error) Error() string {
	text := "cache option: " + e.What
	if e.Option != "" {
		text = fmt.Sprintf("cache option %s: %s", e.Option, e.What)
	}
	if e.Fix != "" {
		text += " (" + e.Fix + ")"
	}
	return text
}
