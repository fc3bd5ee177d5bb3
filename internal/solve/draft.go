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

// names are what a lambda has of its own in a Dockerfile that others share.
type names struct {
	bin      string
	contexts map[string]contextNames // by the context's name in the Dockerfile
}

// contextNames are those of a context.
type contextNames struct {
	mount string // in the session
	hint  string // under which the engine keeps what it was sent
	title string // as its step is shown
}

// names are those of the job, once it has its mounts.
func (j *Job) names() names {
	n := names{j.Bin, map[string]contextNames{}}
	for name, mount := range j.mounts {
		n.contexts[name] = contextNames{
			mount: mount,
			// By size and time the engine is told the difference to what is sent the next time. Two files can have equal ones, so
			// it never compares trees that are not the same.
			hint:  j.SharedKey + ":" + mount + ":" + j.Contexts[name].Digest(),
			title: strings.TrimSuffix(mount, progress.OwnerMark+j.Owner),
		}
	}
	return n
}

// draft is the graph of jobs that differ by their names alone, with marks in the place of those. To convert a Dockerfile takes
// many times as long as to put in the names.
type draft struct {
	mark []byte // what all marks begin with
	with names

	once  sync.Once
	graph *graph
	own   []bool // the steps of the graph that have a mark, or need one that has
	err   error
}

// drafts returns those of jobs of which there are others with another name and the same Dockerfile.
func drafts(jobs []*Job) map[*Job]*draft {
	alike := map[string][]*Job{}
	for _, j := range jobs {
		alike[j.shape()] = append(alike[j.shape()], j)
	}
	all := map[*Job]*draft{}
	for _, group := range alike {
		if len(group) < 2 {
			continue
		}
		d := newDraft(group)
		for _, j := range group {
			all[j] = d
		}
	}
	return all
}

// shape is equal for jobs that differ by their names alone.
func (j *Job) shape() string {
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
	return fmt.Sprintf("%q %q %q %q %q %q", j.Dockerfile, j.Stage, j.Kind, j.Late, base, contexts)
}

// newDraft has marks for the names that not all jobs of the group have.
func newDraft(group []*Job) *draft {
	mark := "lpipe-" + rand.Text()
	d := &draft{mark: []byte(mark), with: names{mark + ".bin.", map[string]contextNames{}}}
	var all []names
	for _, j := range group {
		all = append(all, j.names())
	}
	marks := map[string]contextNames{} // by the mount that the first job has
	for name, mine := range all[0].contexts {
		everyone := !slices.ContainsFunc(all, func(n names) bool { return n.contexts[name] != mine })
		switch known, ok := marks[mine.mount]; {
		case everyone:
			d.with.contexts[name] = mine
		case ok:
			d.with.contexts[name] = known
		default:
			n := len(marks)
			marks[mine.mount] = contextNames{
				fmt.Sprintf("%s.mount-%d.", mark, n), fmt.Sprintf("%s.hint-%d.", mark, n), fmt.Sprintf("%s.title-%d.", mark, n),
			}
			d.with.contexts[name] = marks[mine.mount]
		}
	}
	return d
}

// of returns the graph of a job, and false where the marks do not do.
func (d *draft) of(ctx context.Context, f *frontend, j *Job) (*graph, bool) {
	d.once.Do(func() {
		if d.graph, d.err = f.draw(ctx, j, j.Stage, d.with); d.err != nil {
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
	if d.err != nil {
		return nil, false
	}
	return d.fill(j.names())
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
				g.Id += "-" + n.bin // what a display takes for one step is none of another lambda
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
	pairs := []string{d.with.bin, n.bin}
	for name, with := range d.with.contexts {
		if mine := n.contexts[name]; with != mine {
			pairs = append(pairs, with.mount, mine.mount, with.hint, mine.hint, with.title, mine.title)
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
