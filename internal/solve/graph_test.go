package solve

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/cargo"
	"lpipe/internal/dockerfile"
	"lpipe/internal/plan"
)

// noImages has an empty image under every name.
type noImages struct{}

func (noImages) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return ref, digest.FromString(ref), []byte(`{"architecture":"amd64","os":"linux"}`), nil
}

func TestStepsAreKnownByTheirStages(t *testing.T) {
	one, two := &cargo.Package{Name: "one", Dir: "one"}, &cargo.Package{Name: "two", Dir: "two"}
	text, err := dockerfile.Render(&plan.Variant{
		Base: "rust", Dir: ".", Target: "x86_64-unknown-linux-musl", Profile: "release", Libs: []plan.Libraries{{one}, {one, two}},
	})
	if err != nil {
		t.Fatal(err)
	}
	caps := pb.Caps.CapSet(pb.Caps.All())
	result, err := dockerfile2llb.Dockerfile2LLB(t.Context(), text, dockerfile2llb.ConvertOpt{
		SourceMap: llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", text), MetaResolver: noImages{}, LLBCaps: &caps,
	})
	if err != nil {
		t.Fatal(err)
	}
	def, err := result.State.Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGraph(client.SolveRequest{Definition: def.ToPB()}, dockerfile.StagesOf(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for dgst, k := range g.known {
		title := k.Stage + ": " + k.Title
		if k.Speaks {
			title += ", speaks"
		}
		if name := def.Metadata[dgst].Description["llb.customname"]; !strings.HasPrefix(k.Title, name[:strings.Index(name, " ")]+"]") {
			t.Errorf("%q is taken for %q", name, k.Title)
		}
		got = append(got, title)
	}
	slices.Sort(got)
	want := []string{
		"build: [build] compile the lambda", "crates: [crates] read the manifests of the crates", "deps: [deps] compile the dependencies", "fetch: [fetch] download the dependencies, speaks",
		"libs: [libs-2] compile the local libraries", "libs: [libs] compile the local libraries", "test: [test] run the tests",
		"toolchain: [toolchain] prepare packages and Rust targets, speaks",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
