package engine

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/client"

	"lpipe/internal/dockerfile"
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

// Usage tells what the engine keeps.
func (e *Engine) Usage(ctx context.Context) (Kept, error) {
	records, err := e.records(ctx)
	return kept(records), err
}

func (e *Engine) records(ctx context.Context) ([]*client.UsageInfo, error) {
	records, err := e.client.DiskUsage(ctx)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Engine, What: "the engine does not tell what it keeps", Err: err, Fix: again}
	}
	return records, nil
}

// fromProgram is between the mount and the stage's name in the description of what a step's program wrote.
const fromProgram = " from exec /bin/sh -c " + dockerfile.StepMark

// made is how the description of a record begins that a step of lpipe's Dockerfile made: the program that it ran, or its line.
var made = pattern.Of(`^(?:mount \S+` + fromProgram + `|\[)([a-z]+(?:-[a-z0-9]+)*)\b`)

// quick are filters of records, of which one fits what is made again in seconds to a minute.
func quick() []string {
	var names []string // of stages that are not numbered
	for _, s := range dockerfile.Stages() {
		if s.Quick {
			names = append(names, s.Name)
		}
	}
	stage := "(" + strings.Join(names, "|") + ")[^a-z-]"
	return []string{
		"type==" + string(client.UsageRecordTypeLocalSource), "type==" + string(client.UsageRecordTypeGitCheckout),
		`description~="^` + localSource + `"`, `description~="^mount [^ ]+` + fromProgram + stage + `"`, `description~="^.` + stage + `"`,
	}
}

const (
	localSource = "local source for "
	sourcesKind = "sources"
)

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
	case strings.HasPrefix(r.Description, localSource): // one that is mounted is of the regular type
		return sourcesKind
	}
	if m := made().FindStringSubmatch(r.Description); m != nil {
		if s, ok := dockerfile.StageOf(m[1]); ok && s.Keeps != "" {
			return s.Keeps
		}
	}
	return "other steps"
}

func usage(records []*client.UsageInfo) (kinds []Usage, total Usage) {
	var all []Usage
	for _, r := range records {
		u := Usage{Kind: kind(r), Count: 1, Size: r.Size}
		if !r.InUse {
			u.Removable = r.Size
		}
		all, total = append(all, u), total.Plus(u)
	}
	return AddUsage(nil, all), total
}

// AddUsage returns the sums of both by kind, the largest first.
func AddUsage(a, b []Usage) (kinds []Usage) {
	byKind := map[string]Usage{}
	for _, u := range slices.Concat(a, b) {
		byKind[u.Kind] = byKind[u.Kind].Plus(u)
	}
	kinds = []Usage{} // also where there is none: as JSON it is a list
	for kind, u := range byKind {
		u.Kind = kind
		kinds = append(kinds, u)
	}
	slices.SortFunc(kinds, func(a, b Usage) int { return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Kind, b.Kind)) })
	return kinds
}

// Plus returns the sum of both, of the kind of u.
func (u Usage) Plus(v Usage) Usage {
	return Usage{u.Kind, u.Count + v.Count, u.Size + v.Size, u.Removable + v.Removable}
}

// alone are the descriptions of what one project alone has: its contexts, and its dependencies kept for the next build.
var alone = pattern.Of(`(?s)^` + localSource + `\S+@([0-9a-f]+)$|^cached mount /warm .* with id "[^"]*-([0-9a-f]+)"$`)

// owner is the word by which the engine was told whose a record is, "" for what any project may use.
func owner(r *client.UsageInfo) string {
	if m := alone().FindStringSubmatch(r.Description); m != nil {
		return cmp.Or(m[1], m[2])
	}
	return ""
}

// Kept is what an engine keeps: of each project, and of what all share, since a layer is found by what it was made from.
type Kept struct {
	Kinds    []Usage            // of all, the largest first
	Total    Usage              // of all
	Shared   []Usage            // what any project may use
	Projects map[string][]Usage // what one project alone has, by the words by which the engine was told whose it is
}

// AddShared adds what this machine keeps beside the engine for any project.
func (k *Kept) AddShared(u Usage) {
	if u.Count == 0 {
		return
	}
	more := []Usage{u}
	k.Kinds, k.Shared, k.Total = AddUsage(k.Kinds, more), AddUsage(k.Shared, more), k.Total.Plus(u)
}

func kept(records []*client.UsageInfo) (k Kept) {
	byOwner := map[string][]*client.UsageInfo{}
	for _, r := range records {
		byOwner[owner(r)] = append(byOwner[owner(r)], r)
	}
	k.Kinds, k.Total = usage(records)
	k.Shared, _ = usage(byOwner[""])
	delete(byOwner, "")
	k.Projects = map[string][]Usage{}
	for owner, records := range byOwner {
		k.Projects[owner], _ = usage(records)
	}
	return k
}

// Prune is what [Engine.Prune] leaves.
type Prune struct {
	Keep       time.Duration // what was used in this time
	KeepBytes  int64         // so much of what was used last
	MountsOnly bool          // everything but cache mounts
}

// Prune removes what the engine keeps and no build is using. It returns what there was of it.
func (e *Engine) Prune(ctx context.Context, p Prune) (Kept, error) {
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
	err := e.client.Prune(ctx, removed, options...)
	close(removed)
	<-done
	if err != nil {
		err = &fault.Error{Kind: fault.Engine, What: "the engine did not remove everything", Err: err, Fix: again}
	}
	return kept(gone), err
}

// Prunable returns what [Engine.Prune] would remove now. With KeepBytes it is about that: the engine weighs how often
// something was used, too.
func (e *Engine) Prunable(ctx context.Context, p Prune) (Kept, error) {
	records, err := e.records(ctx)
	return kept(prunable(records, p, time.Now())), err
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
