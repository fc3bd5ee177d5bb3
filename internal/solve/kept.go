package solve

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/apicaps"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/dockerfile"
)

// Graphs keeps what Dockerfiles were converted to for later runs. It reads only what a run of this program by this user wrote
// under the name.
type Graphs interface {
	Read(name string) []byte // nil where there is nothing
	Write(name string, graph []byte)
}

// keptGraph is a graph as it is kept: as JSON on a line of its own, which the definition follows.
type keptGraph struct {
	Of    string  `json:"of"`   // what it was made of, but for names and what an engine said
	With  names   `json:"with"` // the names in it
	Mark  string  `json:"mark"` // what marks in those begin with, "" for none
	Asked []asked `json:"asked"`

	definition *pb.Definition
}

// asked is what an engine was asked about an image while a Dockerfile was converted, and what it said.
type asked struct {
	Ref    string             `json:"ref"`
	Opt    sourceresolver.Opt `json:"opt"` // without the session
	Full   string             `json:"full"`
	Digest digest.Digest      `json:"digest"`
	Config digest.Digest      `json:"config"`
}

// kept returns the graph that is kept in the place of this job, nil where that was made of something else.
func (f *frontend) kept(j *Job, madeOf string) *keptGraph {
	if k := readKept(f.graphs.Read(slot(j))); k != nil && k.Of == madeOf {
		return k
	}
	return nil
}

// revive returns the graph of a draft: the one that is kept with the names of this run, or else a new one, which is kept then.
func (f *frontend) revive(ctx context.Context, d *draft) (*graph, error) {
	j := d.of
	if k := d.known; k != nil && k.rename(d.with) && f.holds(ctx, k.Asked) {
		if g, err := newGraph(client.SolveRequest{Definition: k.definition, Evaluate: true}, dockerfile.StagesOf(j.Dockerfile)); err == nil {
			return g, nil
		}
	}
	g, err := f.draw(ctx, j, j.Stage, d.with)
	if err != nil || f.graphs == nil {
		return g, err
	}
	k := keptGraph{d.madeOf, d.with, string(d.mark), g.asked, g.request.Definition}
	if text, err := k.text(); err == nil {
		f.graphs.Write(slot(j), text)
	}
	return g, nil
}

// rename replaces names in the definition by those of this run. It returns false where others than the session's and those that
// say what contexts hold have changed: these have always the same length, and nothing else in a graph is equal to one.
func (k *keptGraph) rename(n names) bool {
	pairs := [][2][]byte{{[]byte(k.With.Session), []byte(n.Session)}}
	for name, was := range k.With.Contexts {
		now := n.Contexts[name]
		if now.Mount != was.Mount || now.Title != was.Title {
			return false
		}
		pairs = append(pairs, [2][]byte{[]byte(was.Hint), []byte(now.Hint)})
	}
	for _, p := range pairs {
		if len(p[0]) != len(p[1]) || len(p[0]) == 0 {
			return false
		}
	}
	if k.With.Bin != n.Bin || len(k.With.Contexts) != len(n.Contexts) {
		return false
	}
	d := k.definition
	for i, step := range d.Def {
		renamed := step
		for _, p := range pairs {
			if !bytes.Equal(p[0], p[1]) {
				renamed = bytes.ReplaceAll(renamed, p[0], p[1])
			}
		}
		from, to := digest.FromBytes(step).String(), digest.FromBytes(renamed).String()
		if from == to {
			continue
		}
		d.Def[i] = renamed
		pairs = append(pairs, [2][]byte{[]byte(from), []byte(to)}) // for the steps that need it, which follow
		if meta, ok := d.Metadata[from]; ok {
			delete(d.Metadata, from)
			d.Metadata[to] = meta
		}
		if at, ok := d.Source.GetLocations()[from]; ok {
			delete(d.Source.Locations, from)
			d.Source.Locations[to] = at
		}
	}
	return true
}

// holds reports that the engine says the same of these images as then.
func (f *frontend) holds(ctx context.Context, all []asked) bool {
	for _, was := range all {
		c := &inputClient{Client: f.gateway, images: f.images}
		if _, _, _, err := c.ResolveImageConfig(ctx, was.Ref, was.Opt); err != nil {
			return false
		}
		now := c.asked[0]
		if now.Full != was.Full || now.Digest != was.Digest || now.Config != was.Config {
			return false
		}
	}
	return true
}

// slot names the place of a job's graph. There is one, so that those of old Dockerfiles go.
func slot(j *Job) string {
	return digestOf(j.SharedKey, j.Label, j.Platform, j.Stage)[:32]
}

// madeOf identifies all that decides about the graph of jobs of a shape, but for names and what an engine says of images.
func (f *frontend) madeOf(s shape) string {
	o := f.gateway.BuildOpts()
	all := []string{s.dockerfile, s.stage, s.kind, s.late, s.base, s.contexts}
	for _, name := range slices.Sorted(maps.Keys(f.opts)) {
		all = append(all, name, f.opts[name])
	}
	for _, w := range o.Workers {
		all = append(all, "worker")
		for _, p := range w.Platforms {
			all = append(all, fmt.Sprintf("%q", p))
		}
	}
	var caps strings.Builder
	for _, c := range pb.Caps.All() {
		fmt.Fprint(&caps, o.LLBCaps.Supports(apicaps.CapID(c.ID)) == nil)
	}
	for _, c := range gatewaypb.Caps.All() {
		fmt.Fprint(&caps, o.Caps.Supports(apicaps.CapID(c.ID)) == nil)
	}
	return digestOf(append(all, caps.String())...)
}

// digestOf is a digest of texts, hexadecimal.
func digestOf(all ...string) string {
	sum := sha256.New()
	for _, text := range all {
		fmt.Fprintf(sum, "%d:%s", len(text), text)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func (k *keptGraph) text() ([]byte, error) {
	head, err := json.Marshal(k)
	if err != nil {
		return nil, err
	}
	definition, err := k.definition.MarshalVT()
	return slices.Concat(head, []byte("\n"), definition), err
}

func readKept(data []byte) *keptGraph {
	head, definition, _ := bytes.Cut(data, []byte("\n"))
	k := &keptGraph{definition: &pb.Definition{}}
	if json.Unmarshal(head, k) != nil || k.definition.UnmarshalVT(definition) != nil {
		return nil
	}
	return k
}
