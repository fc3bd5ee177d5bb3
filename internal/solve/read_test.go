package solve

import (
	"context"
	"errors"
	"strings"
	"testing"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	fstypes "github.com/tonistiigi/fsutil/types"
)

// vast is a result whose files have a size and no end. It counts what is read of them.
type vast struct {
	gateway.Reference
	size int64
	read int
}

func (v *vast) StatFile(context.Context, gateway.StatRequest) (*fstypes.Stat, error) {
	return &fstypes.Stat{Size: v.size}, nil
}

func (v *vast) ReadFile(_ context.Context, r gateway.ReadRequest) ([]byte, error) {
	if r.Range == nil {
		return nil, errors.New("the whole file was asked for")
	}
	v.read += r.Range.Length
	return make([]byte, r.Range.Length), nil
}

// TestSizesBeforeContents: of a file that is not accepted nothing is read, and of one that should be small no more than
// that.
func TestSizesBeforeContents(t *testing.T) {
	refused := errors.New("too large")
	v := &vast{size: 700 << 20}
	_, err := readLarge(t.Context(), v, "bootstrap", func(size int64) error {
		if size != v.size {
			t.Errorf("the size is %d", size)
		}
		return refused
	})
	if !errors.Is(err, refused) || v.read > 0 {
		t.Errorf("%v, %d bytes were read", err, v.read)
	}
	v.size = -1
	if _, err := readLarge(t.Context(), v, "bootstrap", func(int64) error { return nil }); err == nil || v.read > 0 {
		t.Errorf("%v, %d bytes were read", err, v.read)
	}
	if _, err := readFiles(t.Context(), v, []string{"receipt.json"}); err == nil || !strings.Contains(err.Error(), "larger than") || v.read > smallSize+1 {
		t.Errorf("%v, %d bytes were read", err, v.read)
	}
}
