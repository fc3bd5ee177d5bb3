package solve

import (
	"context"
	"fmt"

	"github.com/containerd/containerd/v2/core/content"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/session"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"lpipe/internal/fault"
)

// Unpack has the engine write the files of an image for Linux on a processor, in the words of OCI, to dir. The image is ref, a full
// name, or the one of a layout. All files are this user's.
func Unpack(ctx context.Context, c *client.Client, ref string, layout *Layout, processor, dir string, attachables []session.Attachable) error {
	platform := llb.Platform(ocispecs.Platform{OS: "linux", Architecture: processor})
	opt := client.SolveOpt{
		Internal: true, Session: attachables, Exports: []client.ExportEntry{{Type: client.ExporterLocal, OutputDir: dir}},
	}
	state := llb.Image(ref, platform)
	if layout != nil {
		store, err := contentlocal.NewStore(layout.Dir)
		if err != nil {
			return fmt.Errorf("opening the image %s: %w", layout.Dir, err)
		}
		const name = "image"
		opt.OCIStores = map[string]content.Store{name: store}
		state = llb.OCILayout("lpipe/"+name+"@"+layout.Digest.String(), llb.OCIStore("", name), platform)
	}
	definition, err := state.Marshal(ctx, platform)
	if err == nil {
		_, err = c.Solve(ctx, definition, opt, nil)
	}
	switch {
	case ctx.Err() != nil:
		return cancelled(ctx)
	case err != nil:
		return &fault.Error{
			Kind: fault.Engine, What: "the files of the image " + ref + " could not be written", Err: err, Fix: "check its name, and that the engine reaches its registry; TMPDIR and XDG_CACHE_HOME move lpipe's folders",
		}
	}
	return nil
}
