package solve

import (
	"fmt"
	"strings"

	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/dockerfile"
	"lpipe/internal/progress"
)

// graph is what an engine is asked to do for a job: steps, each of which takes the results of others.
type graph struct {
	request client.SolveRequest
	ops     []*pb.Op                         // as in the request; nil where they are those of a draft with other names
	digests []digest.Digest                  // of the steps, in the order of the request
	known   map[digest.Digest]progress.Known // the steps that run a program; [progress.Known.Most] is not set
	images  map[digest.Digest]digest.Digest  // those of the steps that download an image
	asked   []asked                          // about images, while it was made; nil where it was made of another graph
}

// newGraph reads the steps of a request, which were made of a Dockerfile with these stages.
func newGraph(r client.SolveRequest, stages []dockerfile.From) (*graph, error) {
	g := &graph{request: r, known: map[digest.Digest]progress.Known{}, images: map[digest.Digest]digest.Digest{}}
	for _, def := range r.Definition.Def {
		var op pb.Op
		if err := op.UnmarshalVT(def); err != nil {
			return nil, fmt.Errorf("reading the build graph: %w", err)
		}
		dgst := digest.FromBytes(def)
		g.ops, g.digests = append(g.ops, &op), append(g.digests, dgst)
		if op.GetExec() != nil {
			if k, ok := known(r.Definition.Source.GetLocations()[string(dgst)], stages); ok {
				g.known[dgst] = k
			}
		}
		if kind, of, _ := strings.Cut(op.GetSource().GetIdentifier(), "://"); kind != "local" && of != "" {
			_, image, _ := strings.Cut(of, "@")
			g.images[dgst] = digest.Digest(image)
		}
	}
	return g, nil
}

// steps are the digests of all steps.
func (g *graph) steps() []digest.Digest {
	all := make([]digest.Digest, 0, len(g.request.Definition.Metadata))
	for dgst := range g.request.Definition.Metadata {
		all = append(all, digest.Digest(dgst))
	}
	return all
}
