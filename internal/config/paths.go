package config

import (
	"strings"

	"lpipe/cache"
)

// paths returns a checked value with each path in it passed through absolute.
type paths func(value string, absolute func(string) string) string

func filePath(v string, absolute func(string) string) string { return absolute(v) }

func basePath(v string, absolute func(string) string) string {
	l, ok := ParseLayout(v)
	if !ok {
		return v
	}
	l.Dir = absolute(l.Dir)
	return l.String()
}

func keyPath(v string, absolute func(string) string) string {
	if strings.HasPrefix(v, "env:") {
		return v
	}
	return absolute(v)
}

// cachePath is for caches of type local, whose folder is in the named attribute.
func cachePath(parse func(string) (cache.Entry, error), attribute string) paths {
	return func(v string, absolute func(string) string) string {
		e, err := parse(v)
		if err != nil || e.Type != "local" {
			return v
		}
		e.Attrs[attribute] = absolute(e.Attrs[attribute])
		return e.CSV()
	}
}
