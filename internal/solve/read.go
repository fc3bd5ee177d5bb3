package solve

import (
	"context"
	"fmt"
	"path"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"golang.org/x/sync/errgroup"
)

// Files come in ranges: an answer above 16 MiB is refused by BuildKit's limit on one message
// (util/grpcutil, defaults.DefaultMaxRecvMsgSize), and four at a time were the fastest of those tried.
const (
	rangeSize  = 4 << 20
	rangesOpen = 4
)

// readAll returns the regular files directly in dir.
func readAll(ctx context.Context, ref gateway.Reference, dir string) (map[string][]byte, error) {
	entries, err := ref.ReadDir(ctx, gateway.ReadDirRequest{Path: path.Join("/", dir)})
	if err != nil {
		return nil, fmt.Errorf("listing the result: %w", err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		data := make([]byte, e.Size)
		eg, egctx := errgroup.WithContext(ctx)
		eg.SetLimit(rangesOpen)
		for at := 0; at < len(data); at += rangeSize {
			eg.Go(func() error {
				want := min(rangeSize, len(data)-at)
				got, err := ref.ReadFile(egctx, gateway.ReadRequest{
					Filename: path.Join("/", dir, e.Path),
					Range:    &gateway.FileRange{Offset: at, Length: want},
				})
				if err != nil {
					return err
				}
				if len(got) != want {
					return fmt.Errorf("%d bytes at %d of %d came back", len(got), at, want)
				}
				copy(data[at:], got)
				return nil
			})
		}
		if err := eg.Wait(); err != nil {
			return nil, fmt.Errorf("reading %s: %w", e.Path, err)
		}
		files[e.Path] = data
	}
	return files, nil
}
