package solve

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/proto"

	"lpipe/internal/progress"
)

// names are what a lambda has of its own in a Dockerfile that others share, or a run in one that others had.
type names struct {
	Bin      string
	Session  string
	Contexts map[string]contextNames // by the context's name in the Dockerfile
}

// contextNames are those of a context.
type contextNames struct {
	Mount string // in the session
	Hint  string // under which the engine keeps what it was sent
	Title string // as its step is shown
}

// names are those of a job, once it has its mounts.
func (f *frontend) names(j *Job) names {
	n := names{j.Bin, f.gateway.BuildOpts().SessionID, map[string]contextNames{}}
	for name, mount := range j.mounts {
		n.Contexts[name] = contextNames{
			Mount: mount,
			// By size and time the engine is told the difference to what is sent the next time. Two files can have equal ones, so
			// it never compares trees that are not the same.
			Hint:  j.SharedKey + ":" + mount + ":" + j.Contexts[name].Digest(),
			Title: strings.TrimSuffix(mount, progress.OwnerMark+j.Owner),
		}
	}
	return n
}

// draft is the graph of jobs that differ by their names alone, with marks in the place of those. To convert a Dockerfile takes
// many times as long as to put in the names.
type draft struct {
	of     *Job   // the first of them
	madeOf string // as of [keptGraph]
	with   names
	mark   []byte // what all marks in them begin with; nil where there are none, of one job alone
	known  *keptGraph

	once  sync.Once
	graph *graph
	own   []bool // the steps of the graph that have a mark, or need one that has
	err   error
}

// setDrafts has the jobs that have the same Dockerfile and differ by their names share a draft.
func (f *frontend) setDrafts(jobs []*Job) {
	alike := map[shape][]*Job{}
	for _, j := range jobs {
		alike[j.shape()] = append(alike[j.shape()], j)
	}
	f.drafts = map[*Job]*draft{}
	for s, group := range alike {
		d := f.newDraft(s, group)
		for _, j := range group {
			f.drafts[j] = d
		}
	}
}

// shape is equal for jobs that differ by their names alone.
type shape struct{ dockerfile, stage, kind, late, base, contexts string }

func (j *Job) shape() shape {
	same := map[string]int{} // contexts that are one
	var contexts []string
	for i, name := range slices.Sorted(maps.Keys(j.mounts)) {
		first, ok := same[j.mounts[name]]
		if !ok {
			first, same[j.mounts[name]] = i, i
		}
		contexts = append(contexts, fmt.Sprintf("%s=%d", name, first))
	}
	base := ""
	if j.Base != nil {
		base = j.baseStore + "@" + j.Base.Digest.String()
	}
	return shape{string(j.Dockerfile), j.Stage, j.Kind, fmt.Sprintf("%q", j.Late), base, strings.Join(contexts, " ")}
}

// newDraft has marks for the names that not all jobs of the group have, those of the graph that is kept of it where there is one.
func (f *frontend) newDraft(s shape, group []*Job) *draft {
	d := &draft{of: group[0], with: f.names(group[0])}
	if f.graphs != nil {
		d.madeOf = f.madeOf(s)
		d.known = f.kept(d.of, d.madeOf)
	}
	if len(group) == 1 {
		return d
	}
	var others []names
	for _, j := range group[1:] {
		others = append(others, f.names(j))
	}
	mark := "lpipe-" + rand.Text()
	if d.known != nil && d.known.Mark != "" {
		mark = d.known.Mark
	}
	d.mark = []byte(mark)
	marks := map[string]contextNames{} // by the mount that the first job has
	for _, name := range slices.Sorted(maps.Keys(d.with.Contexts)) {
		mine := d.with.Contexts[name]
		if !slices.ContainsFunc(others, func(n names) bool { return n.Contexts[name] != mine }) {
			continue
		}
		if _, ok := marks[mine.Mount]; !ok {
			at := fmt.Sprintf("-%d.", len(marks))
			marks[mine.Mount] = contextNames{mark + ".mount" + at, mark + ".hint" + at, mark + ".title" + at}
		}
		d.with.Contexts[name] = marks[mine.Mount]
	}
	d.with.Bin = mark + ".bin."
	return d
}

// graphOf returns the graph of a job, and false where the marks do not do.
func (d *draft) graphOf(ctx context.Context, f *frontend, j *Job) (*graph, bool) {
	d.once.Do(func() {
		if d.graph, d.err = f.revive(ctx, d); d.err != nil || d.mark == nil {
			return
		}
		own := map[string]bool{}
		for i, op := range d.graph.ops {
			mine := bytes.Contains(d.graph.request.Definition.Def[i], d.mark)
			for _, in := range op.Inputs {
				mine = mine || own[in.Digest]
			}
			own[string(d.graph.digests[i])] = mine
			d.own = append(d.own, mine)
		}
	})
	if d.err != nil || d.mark == nil {
		return d.graph, d.err == nil
	}
	return d.fill(f.names(j))
}

// fill puts names into the place of the marks.
func (d *draft) fill(n names) (*graph, bool) {
	put, from := d.replacer(n), d.graph.request.Definition
	g := &graph{
		request: d.graph.request, digests: slices.Clone(d.graph.digests),
		known: map[digest.Digest]progress.Known{}, images: d.graph.images, // which are nobody's own
	}
	def := &pb.Definition{
		Def: slices.Clone(from.Def), Metadata: make(map[string]*pb.OpMetadata, len(from.Metadata)),
		Source: &pb.Source{Infos: from.Source.GetInfos(), Locations: make(map[string]*pb.Locations, len(from.Source.GetLocations()))},
	}
	g.request.Definition = def
	now := map[string]string{} // the digests that the marks are no part of
	for i, old := range d.graph.digests {
		if !d.own[i] {
			continue
		}
		op := d.graph.ops[i].CloneVT()
		replace(op, put)
		for _, in := range op.Inputs {
			if to, ok := now[in.Digest]; ok {
				in.Digest = to
			}
		}
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(op)
		if err != nil || bytes.Contains(data, d.mark) {
			return nil, false
		}
		g.digests[i], def.Def[i] = digest.FromBytes(data), data
		now[string(old)] = string(g.digests[i])
	}
	renamed := func(dgst string) string {
		if to, ok := now[dgst]; ok {
			return to
		}
		return dgst
	}
	for dgst, meta := range from.Metadata {
		if to, ok := now[dgst]; ok {
			dgst, meta = to, meta.CloneVT()
			for key, text := range meta.Description {
				meta.Description[key] = put.Replace(text)
			}
			if g := meta.ProgressGroup; g != nil {
				g.Id += "-" + n.Bin // what a display takes for one step is none of another lambda
			}
		}
		def.Metadata[dgst] = meta
	}
	for dgst, at := range from.Source.GetLocations() {
		def.Source.Locations[renamed(dgst)] = at
	}
	for dgst, k := range d.graph.known {
		g.known[digest.Digest(renamed(string(dgst)))] = k
	}
	return g, true
}

// replacer replaces the marks by names.
func (d *draft) replacer(n names) *strings.Replacer {
	pairs := []string{d.with.Bin, n.Bin}
	for name, with := range d.with.Contexts {
		if mine := n.Contexts[name]; with != mine {
			pairs = append(pairs, with.Mount, mine.Mount, with.Hint, mine.Hint, with.Title, mine.Title)
		}
	}
	return strings.NewReplacer(pairs...)
}

// replace puts names into a step, where a Dockerfile of lpipe has them: in the variables of a program and in contexts.
func replace(op *pb.Op, put *strings.Replacer) {
	if source := op.GetSource(); source != nil {
		source.Identifier = put.Replace(source.Identifier)
		for key, value := range source.Attrs {
			source.Attrs[key] = put.Replace(value)
		}
	}
	if exec := op.GetExec(); exec != nil {
		for i, value := range exec.Meta.Env {
			exec.Meta.Env[i] = put.Replace(value)
		}
	}
}
