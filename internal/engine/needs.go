package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/apicaps"

	"lpipe/internal/fault"
)

// Needs is what a build asks of an engine beyond what every BuildKit does.
type Needs struct {
	OCILayout    bool     // a base image that lies in a folder of this machine (oci-layout://)
	SecretEnv    bool     // a secret in an environment variable
	ImageFile    bool     // an image as a file: exporter oci or docker
	CacheExports []string // the types of cache exports, such as "registry"
}

// Check returns nil when the engine can do all of n, and otherwise an error for each thing that it cannot, with
// the way out. BuildKit would say so only in the middle of the build.
func (e *Engine) Check(ctx context.Context, n Needs) error {
	if e.complete {
		return nil
	}
	var wrong fault.List
	const tooOld, noStore = "its BuildKit is too old", "Docker Engine can do so only with the containerd image store"
	refuse := func(what, why, fix string) {
		wrong.Add(&fault.Error{
			Kind: fault.Engine,
			What: fmt.Sprintf("the engine at %s cannot %s", e.desc.Address, what),
			Why:  why,
			Fix:  fix + "; or use the embedded engine (--engine embedded)",
		})
	}
	if n.OCILayout || n.SecretEnv {
		caps, err := e.capabilities(ctx)
		if err != nil {
			return err
		}
		if n.OCILayout && caps.Supports(pb.CapSourceOCILayout) != nil {
			refuse("read a base image from a folder", tooOld, "use an image of a registry as base")
		}
		if n.SecretEnv && caps.Supports(pb.CapExecSecretEnv) != nil {
			refuse("put a secret into an environment variable", tooOld, "update it (Docker Engine: 23.0 or newer)")
		}
	}
	if !e.ownStore {
		return wrong.Err()
	}
	if n.ImageFile {
		refuse("write an image to a file", noStore, "push the image instead, or turn on Docker's containerd image store")
	}
	for _, t := range n.CacheExports {
		if t != "inline" {
			refuse(fmt.Sprintf("export a cache of type %s", t), noStore, "use --cache-to type=inline, or turn on Docker's containerd image store")
		}
	}
	return wrong.Err()
}

// errAsked ends a build that was only started to learn something.
var errAsked = errors.New("asked")

// capabilities asks for what a build can use. BuildKit tells that to builds alone.
func (e *Engine) capabilities(ctx context.Context) (*apicaps.CapSet, error) {
	var caps *apicaps.CapSet
	_, err := e.client.Build(ctx, client.SolveOpt{Internal: true}, "lpipe", func(_ context.Context, gw gateway.Client) (*gateway.Result, error) {
		c := gw.BuildOpts().LLBCaps
		caps = &c
		return nil, errAsked
	}, nil)
	if caps == nil {
		return nil, fmt.Errorf("asking the engine what it can do: %w", err)
	}
	return caps, nil
}
