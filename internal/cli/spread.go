package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/moby/buildkit/client"

	"lpipe/cache"
	"lpipe/internal/engine"
	"lpipe/internal/progress"
	"lpipe/internal/solve"
)

// solveOn solves on the one engine, or spreads the lambdas over several.
func (r *run) solveOn(ctx context.Context, engines []*engine.Engine, request solve.Request, d *progress.Display) (*solve.Result, error) {
	parts := r.parts()
	if len(engines) == 1 && parts == nil {
		return solve.Run(ctx, engines[0].Client(), request, d)
	}
	var all []solve.Engine
	for _, e := range engines {
		at, machine := e.Description().Address, ""
		if platforms := e.Description().Platforms; len(platforms) > 0 {
			machine = platforms[0]
		}
		all = append(all, solve.Engine{
			Name: at, Platform: machine, Client: e.Client(),
			CacheFrom: cacheParts(request.CacheFrom, parts[at]), CacheTo: cacheParts(request.CacheTo, parts[at]),
		})
	}
	return solve.Spread(ctx, all, request, d)
}

// parts are the parts of a cache that several engines keep, by their addresses; nil where there is one engine.
//
// Each engine writes and reads its own, where its lambdas are again in the next run. One part would hold what the last
// engine built, and an engine that read all could take the dependencies that another has compiled, on which none of its
// own lambdas is based. The part of the first engine is "", the cache itself, where who has one engine finds it.
func (r *run) parts() map[string]string {
	o, err := r.engineOptions(r.cfg)
	if err != nil {
		return nil
	}
	each := engine.Each(o)
	if len(each) == 1 {
		return nil
	}
	parts := map[string]string{}
	for i, o := range each {
		c, err := engine.Choose(o)
		if err != nil { // which connecting to it tells
			continue
		}
		sum := sha256.Sum256([]byte(c.Address))
		if parts[c.Address] = hex.EncodeToString(sum[:4]); i == 0 {
			parts[c.Address] = ""
		}
	}
	return parts
}

// cacheParts are one part of each cache.
func cacheParts(all []client.CacheOptionsEntry, part string) []client.CacheOptionsEntry {
	if part == "" {
		return all
	}
	parts := make([]client.CacheOptionsEntry, len(all))
	for i, e := range all {
		of := cache.Entry{Type: e.Type, Attrs: e.Attrs}.Part(part)
		parts[i] = client.CacheOptionsEntry{Type: of.Type, Attrs: of.Attrs}
	}
	return parts
}
