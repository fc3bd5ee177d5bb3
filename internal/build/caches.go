package build

import (
	"cmp"
	"errors"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/client"

	"lpipe/cache"
	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/git"
	"lpipe/internal/project"
)

// caches are those that the configuration names, to read and to write. The notes are for the report.
//
// A repository without a tag holds a family of caches, a tag for each branch: a build writes that of its branch and
// reads it and that of the main branch. A laptop names them as CI does, so it reads what CI has built. Builds of less than
// the workspace have a scope, which begins their tags, or two jobs for two lambdas would overwrite each other's. checkout and
// scope are called where there is a cache.
func caches(
	cfg *config.Config, env map[string]string, checkout func() project.Checkout, scope func() string,
) (from, to []client.CacheOptionsEntry, notes []string, err error) {
	var l fault.List
	imports, notes := cacheEntries(&l, cfg, env, "cache.from", cfg.Cache.From, cache.ParseImport)
	exports, more := cacheEntries(&l, cfg, env, "cache.to", cfg.Cache.To, cache.ParseExport)
	notes = append(notes, more...)
	if err := l.Err(); err != nil || len(imports)+len(exports) == 0 {
		return nil, nil, notes, err
	}
	at, tags := checkout(), scope()
	if at.Branch == "" && !at.Tag && at.Unread != nil && !errors.Is(at.Unread, git.ErrNone) {
		notes = append(notes, "the branch of the cache is not known: "+at.Unread.Error())
	}
	// Those of this machine alone reach nobody else.
	shared := func(e cache.Entry) bool { return e.Type != "local" && e.Type != "inline" }
	if only := cfg.CacheWrite; cfg.CI != "" && only != "" && (at.Pull != "" || at.Branch != only) && slices.ContainsFunc(exports, shared) {
		exports = slices.DeleteFunc(exports, shared)
		notes = append(notes, "the cache is read and not written: [ci] cache-write lets only the branch "+only+" write it")
	}
	for _, e := range imports {
		for _, e := range family(e, at, tags, false) {
			from = append(from, client.CacheOptionsEntry{Type: e.Type, Attrs: e.Attrs})
		}
	}
	for _, e := range exports {
		for _, e := range family(e, at, tags, true) {
			e = cache.Defaults(e)
			to = append(to, client.CacheOptionsEntry{Type: e.Type, Attrs: e.Attrs})
		}
	}
	return from, to, notes, nil
}

// family returns the entry itself, or for a repository without a tag those of this build.
func family(e cache.Entry, at project.Checkout, scope string, export bool) []cache.Entry {
	if !e.Untagged() || at.Branch == "" && !at.Tag {
		return []cache.Entry{e}
	}
	var refs []string
	for _, prefix := range slices.Compact([]string{scope, ""}) {
		family, err := cache.Family(e.Attrs["ref"]+prefix, at.Branch, at.Main)
		switch {
		case err != nil: // impossible: Untagged says that it is a name, and a scope is a tag
			return []cache.Entry{e}
		case !export:
			refs = append(refs, family.Import...)
		case family.Export != "":
			refs = []string{family.Export}
		}
		if export {
			break
		}
	}
	entries := make([]cache.Entry, len(refs))
	for i, ref := range refs {
		entries[i] = e.With("ref", ref)
	}
	return entries
}

// scope is the beginning of the tags for a run that builds less than everything, "" for one that builds it all. Of
// projects that share an lpipe.toml, and so its caches, each has its own.
func scope(targets []project.Target, stage string, partial bool) string {
	var words []string
	for _, t := range targets {
		others := t.Plan.Others != nil && t.Plan.Others()
		if !partial && !others {
			continue
		}
		folder := t.Lambda.Within
		if others {
			folder, _ = filepath.Rel(filepath.Dir(t.ConfigFile()), t.Dir)
		}
		words = append(words, path.Join(filepath.ToSlash(folder), t.Lambda.Name))
	}
	words = slices.Compact(words)
	if stage == dockerfile.StageTest {
		words = append(words, "test")
	}
	if len(words) == 0 {
		return ""
	}
	return ":" + cache.Tag(strings.Join(words, "-"))
}

// cacheEntries parses the options of one key, and adds what the engine cannot see of the environment.
func cacheEntries(
	l *fault.List, cfg *config.Config, env map[string]string, key string, options []string, parse func(string) (cache.Entry, error),
) (entries []cache.Entry, notes []string) {
	for _, option := range options {
		e, err := parse(option)
		if err == nil {
			e, err = e.FromEnvironment(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
		}
		for _, part := range fault.Parts(err) {
			f := &fault.Error{
				Kind: fault.Usage, What: "reading a cache option from " + cfg.Origin(key).String(), Err: part,
				Fix: "write it as for docker buildx build: type=registry,ref=HOST/NAME",
			}
			var mistake *cache.Error
			if errors.As(part, &mistake) {
				f.Why, f.Fix = mistake.Option+": "+mistake.What, cmp.Or(mistake.Fix, f.Fix)
			}
			l.Add(f)
		}
		notes = append(notes, e.Warnings()...)
		entries = append(entries, e)
	}
	return entries, notes
}

// CacheImages are the caches in registries that the configuration names, to read and to write. What cannot be read of it is
// an error of [Prepare].
func CacheImages(cfg *config.Config, env map[string]string) (from, to []string) {
	refs := func(key string, options []string, parse func(string) (cache.Entry, error)) (all []string) {
		entries, _ := cacheEntries(&fault.List{}, cfg, env, key, options, parse)
		for _, e := range entries {
			if e.Type == "registry" && e.Attrs["ref"] != "" {
				all = append(all, e.Attrs["ref"])
			}
		}
		return all
	}
	return refs("cache.from", cfg.Cache.From, cache.ParseImport), refs("cache.to", cfg.Cache.To, cache.ParseExport)
}
