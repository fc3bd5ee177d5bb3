package build

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/moby/buildkit/client"

	"lpipe/cache"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/project"
	"lpipe/internal/publish"
)

// sizeTags begins the tags of the sizes of zips, in the repository of a cache.
const sizeTags = ":zip-sizes"

// sizeNames are where the sizes of zips are kept beside the caches of branches: those of the main branch to read, the nearest
// last, and those of this one to write where its cache is written.
func sizeNames(
	cfg *config.Config, env map[string]string, at project.Checkout, scope string, written []client.CacheOptionsEntry,
) (read, write []string) {
	var none fault.List // said by [caches]
	tags := func(ref, scope, branch string) string {
		prefix := sizeTags
		if scope != "" {
			prefix += "-" + scope[1:]
		}
		refs, _ := cache.Family(ref+prefix, branch, "")
		return refs.Export
	}
	imports, _ := cacheEntries(&none, cfg, env, "cache.from", cfg.Cache.From, cache.ParseImport)
	exports, _ := cacheEntries(&none, cfg, env, "cache.to", cfg.Cache.To, cache.ParseExport)
	for _, e := range imports {
		if e.Untagged() && at.Main != "" {
			for _, scope := range slices.Compact([]string{"", scope}) {
				read = append(read, tags(e.Attrs["ref"], scope, at.Main))
			}
		}
	}
	for _, e := range exports {
		if !e.Untagged() || at.Branch == "" {
			continue
		}
		for _, own := range family(e, at, scope, true) {
			if slices.ContainsFunc(written, func(w client.CacheOptionsEntry) bool { return w.Attrs["ref"] == own.Attrs["ref"] }) {
				write = append(write, tags(e.Attrs["ref"], scope, at.Branch))
			}
		}
	}
	return read, write
}

// beginMainSizes asks for [Request.readMainSizes] while something else is done; the function waits for the answer.
func (r *Request) beginMainSizes(ctx context.Context, p *publish.Pusher) func() (map[string]int64, error) {
	read := sync.OnceValues(func() (map[string]int64, error) { return r.readMainSizes(ctx, p) })
	go func() { _, _ = read() }()
	return read
}

// readMainSizes are the sizes of the zips of the main branch, by the labels of their lambdas, as far as a cache has them. The error
// is why a registry does not tell.
func (r *Request) readMainSizes(ctx context.Context, p *publish.Pusher) (all map[string]int64, err error) {
	all = map[string]int64{}
	for _, name := range r.mainSizes {
		sizes, sizesErr := p.Sizes(ctx, name)
		if sizesErr != nil {
			err = sizesErr
		}
		maps.Copy(all, sizes)
	}
	return all, err
}

// keepSizes keeps the sizes of the zips of this branch where its cache is written.
func (r *Request) keepSizes(ctx context.Context, p *publish.Pusher, sizes map[string]int64) error {
	var l fault.List
	for _, name := range r.ownSizes {
		l.Add(p.PushSizes(ctx, name, sizes))
	}
	return l.Err()
}
