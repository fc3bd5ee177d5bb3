package solve

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/protobuf/proto"

	"lpipe/internal/dockerfile"
)

// idle is an engine that has an empty image under every name, and solves nothing.
type idle struct{ client.Client }

func (idle) BuildOpts() client.BuildOpts {
	caps := pb.Caps.CapSet(pb.Caps.All())
	return client.BuildOpts{
		SessionID: "session", LLBCaps: caps, Caps: gatewaypb.Caps.CapSet(gatewaypb.Caps.All()),
		Workers: []client.WorkerInfo{{Platforms: []ocispec.Platform{{OS: "linux", Architecture: "amd64"}}}},
	}
}

func (idle) ResolveImageConfig(ctx context.Context, ref string, o sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return noImages{}.ResolveImageConfig(ctx, ref, o)
}

// named is a context that nobody reads.
type named struct {
	Context
	name string
}

func (n named) Digest() string { return digest.FromString(n.name).Encoded() }

// fleet are lambdas that are alike, of which each second has no tests of its own, and all have the same skeleton.
func fleet(t *testing.T, text []byte, stage string, n int) []*Job {
	t.Helper()
	skeleton := &named{name: "skeleton"}
	var jobs []*Job
	for i := range n {
		j := &Job{
			Label: fmt.Sprintf("f%d", i), Dockerfile: text, Stage: stage, Kind: "bin", Bin: fmt.Sprintf("f%d", i),
			SharedKey: "lpipe-key", Owner: "0123", Late: map[string]string{"COMMIT": "abc"}, Contexts: map[string]Context{dockerfile.Skeleton: skeleton},
		}
		for _, name := range []string{dockerfile.Closure, dockerfile.Tests, dockerfile.Stubs, dockerfile.Smoke, dockerfile.Libraries(0), dockerfile.Libraries(1)} {
			j.Contexts[name] = &named{name: fmt.Sprint(name, i)}
		}
		if i%2 == 1 {
			j.Contexts[dockerfile.Tests] = j.Contexts[dockerfile.Closure]
		}
		jobs = append(jobs, j)
	}
	if _, _, err := contexts(jobs); err != nil {
		t.Fatal(err)
	}
	return jobs
}

func TestADraftIsWhatConversionMakes(t *testing.T) {
	files, err := filepath.Glob("../dockerfile/testdata/*.Dockerfile")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			jobs := fleet(t, text, dockerfile.Stated(dockerfile.StageLambda), 5)
			f := &frontend{gateway: idle{}, images: newImages(), opts: map[string]string{}}
			f.setDrafts(jobs)
			if a, b := f.drafts[jobs[0]], f.drafts[jobs[1]]; a == nil || b == nil || a == b || a != f.drafts[jobs[4]] {
				t.Fatal("lambdas with equal contexts, and they alone, share a draft")
			}
			for _, j := range jobs {
				want, err := f.draw(t.Context(), j, j.Stage, f.names(j))
				if err != nil {
					t.Fatal(err)
				}
				got, ok := f.drafts[j].graphOf(t.Context(), f, j)
				if !ok {
					t.Fatalf("%s has no draft: %v", j.Label, f.drafts[j].err)
				}
				sameGraph(t, j.Label, f.drafts[j], got, want)
			}
		})
	}
}

func TestMarksThatConversionPutsElsewhere(t *testing.T) {
	text := []byte("FROM scratch AS build\nARG LAMBDA_BIN\nRUN --mount=type=bind,from=closure,target=/src true\n" +
		"FROM scratch AS lambda\nARG LAMBDA_BIN\nCOPY --from=build /$LAMBDA_BIN /bootstrap\n")
	jobs := fleet(t, text, dockerfile.StageLambda, 2)
	delete(jobs[1].Contexts, dockerfile.Tests)
	delete(jobs[0].Contexts, dockerfile.Tests)
	if _, _, err := contexts(jobs); err != nil {
		t.Fatal(err)
	}
	f := &frontend{gateway: idle{}, images: newImages(), opts: map[string]string{}}
	f.setDrafts(jobs)
	for _, j := range jobs {
		if f.drafts[j] == nil {
			t.Fatal("there is no draft")
		}
		if _, ok := f.drafts[j].graphOf(t.Context(), f, j); ok {
			t.Error("a mark was left")
		}
		want, err := f.draw(t.Context(), j, j.Stage, f.names(j))
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.graph(t.Context(), j)
		if err != nil || !slices.Equal(got.digests, want.digests) {
			t.Errorf("%s: the graph is another: %v", j.Label, err)
		}
	}
}

func sameGraph(t *testing.T, label string, d *draft, got, want *graph) {
	t.Helper()
	for dgst, meta := range got.request.Definition.Metadata {
		if g := meta.ProgressGroup; g != nil {
			if _, common := d.graph.request.Definition.Metadata[dgst]; !common && !strings.HasSuffix(g.Id, "-"+label) {
				t.Errorf("%s: the progress group %s is also that of other lambdas", label, g.Id)
			}
		}
	}
	sameSteps(t, label, got, want)
}

func sameSteps(t *testing.T, label string, got, want *graph) {
	t.Helper()
	for dgst, meta := range got.request.Definition.Metadata {
		if g := meta.ProgressGroup; g != nil {
			want.request.Definition.Metadata[dgst].GetProgressGroup().Id = g.Id // which conversion makes at random
		}
	}
	if !proto.Equal(got.request.Definition, want.request.Definition) {
		t.Errorf("%s: the graph is another", label)
	}
	if !slices.EqualFunc(got.request.Definition.Def, want.request.Definition.Def, bytes.Equal) || !slices.Equal(got.digests, want.digests) {
		t.Errorf("%s: steps are others", label)
	}
	if !maps.Equal(got.known, want.known) || !maps.Equal(got.images, want.images) {
		t.Errorf("%s: other things are known of the steps", label)
	}
}
