package cli

import (
	"cmp"
	"context"
	"errors"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/client"

	"lpipe/cache"
	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/git"
	"lpipe/internal/solve"
)

// caches puts the caches that the configuration names into the request.
//
// A repository without a tag holds a family of caches, a tag for each branch: a build writes that of its branch and
// reads it and that of the main branch. A laptop names them as CI does, so it reads what CI has built. Builds of a
// part of the workspace have tags of their own, or two jobs for two lambdas would overwrite each other's.
func (r *run) caches(ctx context.Context, request *solve.Request) error {
	var l fault.List
	from := r.cacheEntries(&l, "cache.from", r.cfg.Cache.From, cache.ParseImport)
	to := r.cacheEntries(&l, "cache.to", r.cfg.Cache.To, cache.ParseExport)
	if err := l.Err(); err != nil || len(from)+len(to) == 0 {
		return err
	}
	at := r.checkout(ctx, r.projects[0].dir)
	if at.branch == "" && !at.tag && at.unread != nil && !errors.Is(at.unread, git.ErrNone) {
		r.notes = append(r.notes, "the branch of the cache is not known: "+at.unread.Error())
	}
	// Those of this machine alone reach nobody else.
	shared := func(e cache.Entry) bool { return e.Type != "local" && e.Type != "inline" }
	if only := r.cfg.CacheWrite; r.cfg.CI != "" && only != "" && (at.pull != "" || at.branch != only) && slices.ContainsFunc(to, shared) {
		to = slices.DeleteFunc(to, shared)
		r.notes = append(r.notes, "the cache is read and not written: [ci] cache-write lets only the branch "+only+" write it")
	}
	for _, e := range from {
		for _, e := range r.family(e, at, false) {
			request.CacheFrom = append(request.CacheFrom, client.CacheOptionsEntry{Type: e.Type, Attrs: e.Attrs})
		}
	}
	for _, e := range to {
		for _, e := range r.family(e, at, true) {
			e = cache.Defaults(e)
			request.CacheTo = append(request.CacheTo, client.CacheOptionsEntry{Type: e.Type, Attrs: e.Attrs})
		}
	}
	return nil
}

// family returns the entry itself, or for a repository without a tag those of this build.
func (r *run) family(e cache.Entry, at checkout, export bool) []cache.Entry {
	if !e.Untagged() || at.branch == "" && !at.tag {
		return []cache.Entry{e}
	}
	var refs []string
	for _, prefix := range slices.Compact([]string{r.part(), ""}) {
		family, err := cache.Family(e.Attrs["ref"]+prefix, at.branch, at.main)
		switch {
		case err != nil: // impossible: Untagged says that it is a name, and part returns a tag
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

// part is the beginning of the tags for a run that builds less than everything, "" for one that builds it all. Of
// projects that share an lpipe.toml, and so its caches, each is a part.
func (r *run) part() string {
	var words []string
	for _, part := range parts(r.projects) {
		others := part.plan.Others != nil && part.plan.Others()
		if !r.partial && !others {
			continue
		}
		folder := part.lambda.Within
		if others {
			folder, _ = filepath.Rel(filepath.Dir(part.configFile()), part.dir)
		}
		words = append(words, path.Join(filepath.ToSlash(folder), part.lambda.Name))
	}
	words = slices.Compact(words)
	if r.stage == dockerfile.StageTest {
		words = append(words, "test")
	}
	if len(words) == 0 {
		return ""
	}
	return ":" + cache.Tag(strings.Join(words, "-"))
}

// cacheEntries parses the options of one key, and adds what the engine cannot see of the environment.
func (r *run) cacheEntries(l *fault.List, key string, options []string, parse func(string) (cache.Entry, error)) []cache.Entry {
	var entries []cache.Entry
	for _, option := range options {
		e, err := parse(option)
		if err == nil {
			e, err = e.FromEnvironment(func(name string) (string, bool) { v, ok := r.env[name]; return v, ok })
		}
		for _, part := range fault.Parts(err) {
			f := &fault.Error{Kind: fault.Usage, What: "reading a cache option from " + r.cfg.Origin(key).String(), Err: part, Fix: "write it as for docker buildx build: type=registry,ref=HOST/NAME"}
			var mistake *cache.Error
			if errors.As(part, &mistake) {
				f.Why, f.Fix = mistake.Option+": "+mistake.What, cmp.Or(mistake.Fix, f.Fix)
			}
			l.Add(f)
		}
		r.notes = append(r.notes, e.Warnings()...)
		entries = append(entries, e)
	}
	return entries
}
