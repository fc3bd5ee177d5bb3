package require_test

import (
	"fmt"
	"runtime"
	"testing"

	"lpipe/internal/testparts/require"
)

// recorder is a test that notes how it ended.
type recorder struct {
	testing.TB
	end string
}

func (r *recorder) Helper() {}

func (r *recorder) Skipf(format string, args ...any) {
	r.end = "skip: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.end = "fail: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestAMissingPartSkipsUnlessAllAreRequired(t *testing.T) {
	for _, c := range []struct {
		parts string
		ok    bool
		want  string
	}{
		{"", true, ""},
		{"", false, "skip: needs runc: apt-get install runc"},
		{"require", true, ""},
		{"require", false, "fail: needs runc: apt-get install runc"},
	} {
		t.Setenv("LPIPE_TEST_PARTS", c.parts)
		r := &recorder{}
		done := make(chan struct{})
		go func() {
			defer close(done)
			require.Part(r, c.ok, "runc", "apt-get install runc")
		}()
		<-done
		if r.end != c.want {
			t.Errorf("with parts %q and ok %t: got %q, want %q", c.parts, c.ok, r.end, c.want)
		}
	}
}
