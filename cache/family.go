package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strings"
)

// Refs are the image names that a build of one branch keeps its cache under.
type Refs struct {
	Export string   // empty when the branch is not known
	Import []string // the nearest first
}

// Family returns the refs for a branch: its own to write and read, then that of the main branch to read. ref names
// the repository; where it has a tag, the tags of the family start with it. A branch that is "" (a detached
// checkout) reads from the main branch only. The error is an [*Error] when ref is not an image name or has a digest.
func Family(ref, branch, mainBranch string) (Refs, error) {
	name, tag, digest, ok := splitRef(ref)
	if !ok || digest != "" {
		return Refs{}, &Error{"ref=" + cut(ref), "it is not an image name that can be tagged", "write it as registry.example.com/app/cache"}
	}
	if tag != "" {
		tag += "-"
	}
	var refs Refs
	if branch != "" {
		refs.Export = name + ":" + safeTag(tag, branch)
		refs.Import = append(refs.Import, refs.Export)
	}
	if mainBranch != "" && mainBranch != branch {
		refs.Import = append(refs.Import, name+":"+safeTag(tag, mainBranch))
	}
	return refs, nil
}

var unsafeInTag = compiled(`[^A-Za-z0-9_.-]+`)

// safeTag returns prefix and branch as a tag. A branch that had to be changed gets a hash of its name, so that
// feature/x and feature-x stay apart.
func safeTag(prefix, branch string) string {
	tag := prefix + branch
	if tagPattern().MatchString(tag) {
		return tag
	}
	sum := sha256.Sum256([]byte(branch))
	hash := "-" + hex.EncodeToString(sum[:4])
	tag = prefix + strings.Trim(unsafeInTag().ReplaceAllString(branch, "-"), "-.")
	tag = tag[:min(len(tag), 128-len(hash))] + hash
	return strings.TrimLeft(tag, "-.")
}

// Untagged reports whether the entry is a repository in a registry without a tag or digest, so that its tags are
// free for a family.
func (e Entry) Untagged() bool {
	_, tag, digest, ok := splitRef(e.Attrs["ref"])
	return e.Type == "registry" && ok && tag == "" && digest == ""
}

// With returns a copy of the entry with one attribute set.
func (e Entry) With(key, value string) Entry {
	attrs := maps.Clone(e.Attrs)
	attrs[key] = value
	return Entry{e.Type, attrs}
}

// Tag returns name as a tag: unchanged where it is one, else with what does not fit replaced, and a hash.
func Tag(name string) string { return safeTag("", name) }
