package cache

import (
	"path/filepath"
	"strings"
)

// nameOf is the attribute that names a cache within its place, and what it is when it is not given: in BuildKit v0.33.1
// cache/remotecache/gha/gha.go, s3/s3.go and azblob/utils.go.
var nameOf = map[string][2]string{
	"gha":    {"scope", "buildkit"},
	"s3":     {"name", "buildkit"},
	"azblob": {"name", "buildkit"},
}

// Scope returns an entry beside e for one of several writers, which would overwrite each other's cache: the ref, folder or
// name of e with the scope added. The same scope gives the same entry. What has no place to write to, as an inline cache, and
// what is fixed by a digest, comes back as it is.
func (e Entry) Scope(scope string) Entry {
	switch e.Type {
	case "registry":
		name, tag, digest, ok := splitRef(e.Attrs["ref"])
		if !ok || digest != "" {
			return e
		}
		if tag == "" {
			tag = "latest"
		}
		return e.With("ref", name+":"+Tag(tag+"-"+scope))
	case "local":
		for _, key := range []string{"src", "dest"} {
			if dir := e.Attrs[key]; dir != "" {
				e = e.With(key, filepath.Join(dir, Tag(scope)))
			}
		}
		return e
	}
	if key, ok := nameOf[e.Type]; ok {
		name := e.Attrs[key[0]]
		if name == "" {
			name = key[1]
		}
		// Object stores take several names.
		return e.With(key[0], strings.ReplaceAll(name, ";", "-"+scope+";")+"-"+scope)
	}
	return e
}
