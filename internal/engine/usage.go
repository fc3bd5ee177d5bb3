package engine

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/client"

	"lpipe/internal/fault"
	"lpipe/internal/pattern"
)

// Usage is what an engine keeps of one kind.
type Usage struct {
	Kind      string `json:"kind"` // in words, such as "base images"
	Count     int    `json:"records"`
	Size      int64  `json:"size"`      // in bytes
	Removable int64  `json:"removable"` // what of it no build is using
}

// again is what to do when an engine that was reached does not do as it is asked.
const again = "run the command again; if that does not help, look at the engine's log (lpipe engine status)"

// Usage tells what the engine keeps, the largest kind first, and the sum of all.
func (e *Engine) Usage(ctx context.Context) (kinds []Usage, total Usage, err error) {
	records, err := e.records(ctx)
	if err != nil {
		return nil, total, err
	}
	kinds, total = usage(records)
	return kinds, total, nil
}

func (e *Engine) records(ctx context.Context) ([]*client.UsageInfo, error) {
	records, err := e.client.DiskUsage(ctx)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Engine, What: "the engine does not tell what it keeps", Err: err, Fix: again}
	}
	return records, nil
}

// stages are what the steps of a stage of lpipe's Dockerfile leave, in words.
var stages = map[string]string{
	"toolchain":        "packages and Rust targets",
	"fetch":            "downloaded crates",
	"units":            "downloaded crates",
	"strata":           "compiled dependencies",
	"deps":             "compiled dependencies",
	"libs":             "compiled libraries of projects",
	"build":            "programs",
	"bootstrap":        "programs",
	"bootstrap-stated": "programs",
	"lambda":           "programs",
	"lambda-stated":    "programs",
	"crates":           "programs",
	"image-files":      "programs",
	"test":             "tests",
	"runner":           "smoke tests",
	"smoke":            "smoke tests",
}

// made is how the description of a record begins that a step of lpipe's Dockerfile made: the program that it ran, or its line.
var made = pattern.Of(`^(?:mount \S+ from exec /bin/sh -c set -eu # |\[)([a-z]+(?:-[a-z]+)*)`)

// stage is the stage of lpipe's Dockerfile that made a record, "" for what is of no stage.
func stage(r *client.UsageInfo) string {
	if m := made().FindStringSubmatch(r.Description); m != nil && stages[m[1]] != "" {
		return m[1]
	}
	return ""
}

const sourcesKind = "sources of projects"

// kind is what a record holds, in words. BuildKit says what made it in its description.
func kind(r *client.UsageInfo) string {
	switch r.RecordType {
	case client.UsageRecordTypeCacheMount:
		if strings.HasPrefix(r.Description, "cached mount /downloads ") {
			return "downloaded crates"
		}
		return "compiled dependencies kept for the next build"
	case client.UsageRecordTypeLocalSource:
		return sourcesKind
	case client.UsageRecordTypeGitCheckout:
		return "git checkouts"
	case client.UsageRecordTypeInternal, client.UsageRecordTypeFrontend:
		return "the engine's own"
	}
	switch {
	case strings.HasPrefix(r.Description, "pulled from "):
		return "base images"
	case strings.HasPrefix(r.Description, "local source for "): // one that is mounted is of the regular type
		return sourcesKind
	}
	return cmp.Or(stages[stage(r)], "other steps")
}

func usage(records []*client.UsageInfo) (kinds []Usage, total Usage) {
	byKind := map[string]Usage{}
	for _, r := range records {
		byKind[kind(r)] = byKind[kind(r)].with(r)
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

// Prune removes what the engine keeps and no build is using. It returns what there was of it, as [Engine.Usage] does.
func (e *Engine) Prune(ctx context.Context, p Prune) (kinds []Usage, total Usage, err error) {
	options := []client.PruneOption{client.WithKeepOpt(p.Keep, p.KeepBytes, 0, 0), client.PruneAll}
	if p.MountsOnly {
		options[1] = client.WithFilter([]string{"type==exec.cachemount"})
	}
	var gone []*client.UsageInfo
	removed, done := make(chan client.UsageInfo), make(chan struct{})
	go func() {
		defer close(done)
		for r := range removed {
			gone = append(gone, &r)
		}
	}()
	err = e.client.Prune(ctx, removed, options...)
	close(removed)
	<-done
	if err != nil {
		err = &fault.Error{Kind: fault.Engine, What: "the engine did not remove everything", Err: err, Fix: again}
	}
	kinds, total = usage(gone)
	return kinds, total, err
}

// Prunable returns what [Engine.Prune] would remove now. With KeepBytes it is about that: the engine weighs how often
// something was used, too.
func (e *Engine) Prunable(ctx context.Context, p Prune) (kinds []Usage, total Usage, err error) {
	records, err := e.records(ctx)
	if err != nil {
		return nil, total, err
	}
	kinds, total = usage(prunable(records, p, time.Now()))
	return kinds, total, nil
}

func prunable(records []*client.UsageInfo, p Prune, now time.Time) []*client.UsageInfo {
	var kept int64
	var all []*client.UsageInfo
	for _, r := range records {
		kept += r.Size
		mount := r.RecordType == client.UsageRecordTypeCacheMount
		recent := p.Keep > 0 && now.Sub(used(r)) < p.Keep
		if !r.InUse && !recent && (mount || !p.MountsOnly) {
			all = append(all, r)
		}
	}
	if p.KeepBytes == 0 {
		return all
	}
	slices.SortStableFunc(all, func(a, b *client.UsageInfo) int { return used(a).Compare(used(b)) })
	for i, r := range all {
		if kept <= p.KeepBytes {
			return all[:i]
		}
		kept -= r.Size
	}
	return all
}

// used is when a record was used last.
func used(r *client.UsageInfo) time.Time {
	if r.LastUsedAt != nil {
		return *r.LastUsedAt
	}
	return r.CreatedAt
}
