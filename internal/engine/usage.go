package engine

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/client"

	"lpipe/internal/fault"
)

// Usage is what an engine keeps of one kind.
type Usage struct {
	Kind            string // in BuildKit's words, such as "exec cachemount"
	Count           int
	Size, Removable int64 // in bytes; Removable is what no build is using
}

// again is what to do when an engine that was reached does not do as it is asked.
const again = "run the command again; if that does not help, look at the engine's log (lpipe engine status)"

// Usage tells what the engine keeps, the largest kind first, and the sum of all.
func (e *Engine) Usage(ctx context.Context) (kinds []Usage, total Usage, err error) {
	records, err := e.client.DiskUsage(ctx)
	if err != nil {
		return nil, total, &fault.Error{Kind: fault.Engine, What: "the engine does not tell what it keeps", Err: err, Fix: again}
	}
	kinds, total = usage(records)
	return kinds, total, nil
}

func usage(records []*client.UsageInfo) (kinds []Usage, total Usage) {
	byKind := map[string]Usage{}
	for _, r := range records {
		kind := strings.ReplaceAll(cmp.Or(string(r.RecordType), "regular"), ".", " ")
		byKind[kind] = byKind[kind].with(r)
		total = total.with(r)
	}
	for kind, u := range byKind {
		u.Kind = kind
		kinds = append(kinds, u)
	}
	slices.SortFunc(kinds, func(a, b Usage) int { return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Kind, b.Kind)) })
	return kinds, total
}

func (u Usage) with(r *client.UsageInfo) Usage {
	u.Count++
	u.Size += r.Size
	if !r.InUse {
		u.Removable += r.Size
	}
	return u
}

// Prune is what [Engine.Prune] leaves.
type Prune struct {
	Keep       time.Duration // what was used in this time
	KeepBytes  int64         // so much of what was used last
	MountsOnly bool          // everything but cache mounts
}

// Prune removes what the engine keeps and no build is using. It returns how many records there were, and their bytes.
func (e *Engine) Prune(ctx context.Context, p Prune) (count int, size int64, err error) {
	options := []client.PruneOption{client.WithKeepOpt(p.Keep, p.KeepBytes, 0, 0), client.PruneAll}
	if p.MountsOnly {
		options[1] = client.WithFilter([]string{"type==exec.cachemount"})
	}
	removed, done := make(chan client.UsageInfo), make(chan struct{})
	go func() {
		defer close(done)
		for r := range removed {
			size += r.Size
			count++
		}
	}()
	err = e.client.Prune(ctx, removed, options...)
	close(removed)
	<-done
	if err != nil {
		err = &fault.Error{Kind: fault.Engine, What: "the engine did not remove everything", Err: err, Fix: again}
	}
	return count, size, err
}
