package publish

import (
	"maps"
	"strings"
	"testing"

	"lpipe/internal/testparts"
)

type noLogins struct{}

func (noLogins) For(string) (user, secret string, err error) { return "", "", nil }
func (noLogins) Forget(string)                               {}

func TestSizesAreKeptInARegistry(t *testing.T) {
	r := testparts.NewRegistry(t, testparts.RegistryOptions{})
	p := &Pusher{Logins: noLogins{}, Log: func(string) {}, Registries: map[string]Registry{r.Host: {HTTP: true}}}
	name := r.Host + "/app/cache:zip-sizes-main"
	if sizes, err := p.Sizes(t.Context(), name); sizes != nil || err != nil {
		t.Errorf("before there are any: %v, %v", sizes, err)
	}
	for _, want := range []map[string]int64{{"orders": 1 << 40, "users/arm64": 3}, {"orders": 7}, {strings.Repeat("long", 3000): 1}} {
		if err := p.PushSizes(t.Context(), name, want); err != nil {
			t.Fatal(err)
		}
		if got, err := p.Sizes(t.Context(), name); err != nil || !maps.Equal(got, want) {
			t.Errorf("%v, %v, want %v", got, err, want)
		}
	}
}

func FuzzSizes(f *testing.F) {
	f.Add([]byte(`{"annotations":{"lpipe.zip-sizes":"{\"orders\":7}"}}`))
	f.Add([]byte(`{"annotations":{"lpipe.zip-sizes":"{\"orders\":-7}"}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		sizes, err := readSizes(data)
		for label, n := range sizes {
			if n < 0 || err != nil {
				t.Errorf("%q is %d: %v", label, n, err)
			}
		}
	})
}
