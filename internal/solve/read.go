package solve

import (
	"context"
	"fmt"
	"path"
	"sync"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"golang.org/x/sync/errgroup"
)

// Large files come in ranges: an answer above 16 MiB is refused by BuildKit's limit on one message
// (util/grpcutil, defaults.DefaultMaxRecvMsgSize), and four at a time were the fastest of those tried.
const (
	rangeSize  = 4 << 20
	rangesOpen = 4
	smallSize  = 8 << 20
)

// readFiles returns small files by their names, all of them read at once.
func readFiles(ctx context.Context, ref gateway.Reference, paths []string) (map[string][]byte, error) {
	var mu sync.Mutex
	files := map[string][]byte{}
	eg, egctx := errgroup.WithContext(ctx)
	for _, p := range paths {
		eg.Go(func() error {
			whole := gateway.FileRange{Length: smallSize + 1}
			data, err := ref.ReadFile(egctx, gateway.ReadRequest{Filename: path.Join("/", p), Range: &whole})
			if err == nil && len(data) > smallSize {
				err = fmt.Errorf("it is larger than %d bytes", smallSize)
			}
			if err != nil {
				return fmt.Errorf("reading %s: %w", p, err)
			}
			mu.Lock()
			defer mu.Unlock()
			files[path.Base(p)] = data
			return nil
		})
	}
	return files, eg.Wait()
}

// readLarge is [ReadFile] for the result of a stage.
func readLarge(ctx context.Context, ref gateway.Reference, name string, accept func(size int64) error) ([]byte, error) {
	name = path.Join("/", name)
	info, err := ref.StatFile(ctx, gateway.StatRequest{Path: name})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if info.Size < 0 {
		return nil, fmt.Errorf("reading %s: its size is %d", name, info.Size)
	}
	if err := accept(info.Size); err != nil {
		return nil, err
	}
	data := make([]byte, info.Size)
	eg, egctx := errgroup.WithContext(ctx)
	eg.SetLimit(rangesOpen)
	for at := 0; at < len(data); at += rangeSize {
		eg.Go(func() error {
			want := min(rangeSize, len(data)-at)
			got, err := ref.ReadFile(egctx, gateway.ReadRequest{Filename: name, Range: &gateway.FileRange{Offset: at, Length: want}})
			if err == nil && len(got) != want {
				err = fmt.Errorf("%d bytes at %d of %d came back", len(got), at, want)
			}
			copy(data[at:], got)
			return err
		})
	}
	if err := eg.Wait(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return data, nil
}
