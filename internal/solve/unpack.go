package solve

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/archive"
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
	// As a tar: BuildKit's client, which could write the files itself, now and then waits for ever with as many as an image has.
	files, stream := io.Pipe()
	opt := client.SolveOpt{
		Internal: true, Session: attachables, Exports: []client.ExportEntry{{
			Type: client.ExporterTar, Output: func(map[string]string) (io.WriteCloser, error) { return stream, nil },
		}},
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
	if err != nil {
		return fmt.Errorf("writing the build graph: %w", err)
	}
	unpacked := make(chan error, 1)
	go func() {
		_, err := archive.Apply(ctx, dir, files, archive.WithNoSameOwner(), archive.WithFilter(noSpecialFile))
		if err == nil {
			_, err = io.Copy(io.Discard, files) // what fills the last block
		}
		files.CloseWithError(err)
		unpacked <- err
	}()
	_, err = c.Solve(ctx, definition, opt, nil)
	stream.CloseWithError(err)
	err = errors.Join(err, <-unpacked)
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

// noSpecialFile leaves out devices and pipes, which not every user can make.
func noSpecialFile(h *tar.Header) (bool, error) {
	return h.Typeflag != tar.TypeChar && h.Typeflag != tar.TypeBlock && h.Typeflag != tar.TypeFifo, nil
}
