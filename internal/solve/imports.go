package solve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"
)

// importTimeout is how long a registry may take to say whether it has a cache. It says so in milliseconds.
const importTimeout = 15 * time.Second

// reachable returns the caches whose registries answer, and a warning for each other one.
//
// BuildKit asks them in the one thread that moves all builds of an engine, with no limit of time: a registry that
// accepts a connection and then says nothing would stop this build, the next one without imports, and everybody
// else's. So the engine is asked to look for them first, which does not hold up anything and can be cancelled. A
// cache that is not there, as in the first build of a branch, is left out and no news.
func reachable(ctx context.Context, g gateway.Client, imports []client.CacheOptionsEntry, limit time.Duration) (kept []client.CacheOptionsEntry, warnings []string) {
	errs := make([]error, len(imports))
	var all sync.WaitGroup
	for i, entry := range imports {
		if entry.Type != "registry" || entry.Attrs["registry.insecure"] != "" { // the question would not go that way
			continue
		}
		all.Go(func() { errs[i] = look(ctx, g, entry.Attrs["ref"], limit) })
	}
	all.Wait()
	for i, err := range errs {
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			warnings = append(warnings, fmt.Sprintf("the cache %s was not read: its registry did not answer for %s", imports[i].Attrs["ref"], limit))
		case err != nil && strings.HasSuffix(err.Error(), "not found"):
		default: // what else is wrong the import says itself
			kept = append(kept, imports[i])
		}
	}
	return kept, warnings
}

// importLimit is less than the stall that ends the build, so that only the cache is given up.
func importLimit(stall time.Duration) time.Duration {
	if stall <= 0 {
		return importTimeout
	}
	return min(importTimeout, stall/2)
}

// lookName opens the name of the step that looks for a cache.
const lookName = "[cache] look for "

// look reads the manifest of ref. That what it describes is no image is no matter.
func look(ctx context.Context, g gateway.Client, ref string, limit time.Duration) error {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return err
	}
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	name := reference.TagNameOnly(named).String()
	_, err = g.ResolveSourceMetadata(inner, &pb.SourceOp{Identifier: "docker-image://" + name}, sourceresolver.Opt{
		LogName:  lookName + ref,
		ImageOpt: &sourceresolver.ResolveImageOpt{},
	})
	// The engine knows the limit as well, and may say that it has passed before this side's clock does.
	if err != nil && ctx.Err() == nil && (inner.Err() != nil || grpcerrors.Code(err) == codes.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return err
}

// setImports makes the Dockerfile frontend import the caches.
func setImports(opts map[string]string, imports []client.CacheOptionsEntry) error {
	entries := make([]gateway.CacheOptionsEntry, len(imports))
	for i, e := range imports {
		entries[i] = gateway.CacheOptionsEntry{Type: e.Type, Attrs: e.Attrs}
	}
	text, err := json.Marshal(entries)
	if err != nil {
		return fmt.Errorf("naming the imported caches: %w", err)
	}
	opts["cache-imports"] = string(text)
	return nil
}
