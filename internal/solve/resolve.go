package solve

import (
	"context"
	"fmt"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/fault"
)

// Resolve asks the engine which digest the image ref, a full name, stands for now.
func Resolve(ctx context.Context, c *client.Client, ref string, attachables []session.Attachable) (digest.Digest, error) {
	var dgst digest.Digest
	opt := client.SolveOpt{Internal: true, Session: attachables, FrontendAttrs: map[string]string{}}
	_, err := c.Build(ctx, opt, "lpipe", func(ctx context.Context, g gateway.Client) (*gateway.Result, error) {
		var err error
		_, dgst, _, err = g.ResolveImageConfig(ctx, ref, sourceresolver.Opt{ImageOpt: &sourceresolver.ResolveImageOpt{}})
		return gateway.NewResult(), err
	}, nil)
	switch {
	case ctx.Err() != nil:
		return "", cancelled(ctx)
	case err != nil:
		return "", &fault.Error{
			Kind: fault.Build, What: fmt.Sprintf("the image %s could not be resolved", ref), Err: err,
			Fix: baseFix(err.Error()),
		}
	}
	return dgst, nil
}
