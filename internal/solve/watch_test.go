package solve

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/fault"
)

// vertex is the status of one step.
func vertex(name string, completed bool, failure string) *client.SolveStatus {
	now := time.Now()
	v := &client.Vertex{Digest: digest.FromString(name), Name: name, Started: &now, Error: failure}
	if completed {
		v.Completed = &now
	}
	return &client.SolveStatus{Vertexes: []*client.Vertex{v}}
}

func TestWatchTellsStepsThatRunFromWaiting(t *testing.T) {
	const deps = "[deps 1/1] RUN <<EOF"
	w := newWatch(func(step digest.Digest) bool { return step == digest.FromString(deps) })
	w.see(vertex("importing cache manifest from r/c:main", false, ""))
	w.see(vertex("[context] RUN ", false, ""))
	if _, runs, name := w.silence(); runs || name == "" {
		t.Errorf("waiting for a registry: runs %v, %q", runs, name)
	}
	w.see(vertex(deps, false, ""))
	if _, runs, _ := w.silence(); !runs {
		t.Error("a step that runs is not seen")
	}
	w.see(vertex(deps, true, ""))
	if _, runs, _ := w.silence(); runs {
		t.Error("a step that ended still runs")
	}
}

func TestWatchKeepsWhatBuildKitPassesOver(t *testing.T) {
	w := newWatch(nil)
	w.see(vertex("exporting cache to registry", true, "503"))
	w.see(vertex("exporting to image", true, "no cache"))
	w.see(vertex("importing cache manifest from r/c:main", true, "denied"))
	w.see(vertex("importing cache manifest from r/c:x", true, "context canceled"))
	missing := vertex(lookName+"r/c:y", true, "r/c:y: not found")
	w.see(missing)
	if !slices.Equal(w.exports, []string{"503"}) || !slices.Equal(w.imports, []string{"the cache r/c:main was not read: denied"}) {
		t.Errorf("exports %q, imports %q", w.exports, w.imports)
	}
	if missing.Vertexes[0].Error != "" {
		t.Error("a cache that is not there is shown as a failure")
	}
}

func TestImportFailureIsToldFromOthers(t *testing.T) {
	with := Request{CacheFrom: []client.CacheOptionsEntry{{Type: "registry"}}}
	lost := errors.New("failed to copy: httpReadSeeker: failed open: not found")
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"a lost layer":        {lost, true},
		"no failure":          {nil, false},
		"a step that failed":  {fmt.Errorf("running: %w", &gatewaypb.ExitError{ExitCode: 1}), false},
		"a base that is gone": {errors.New("failed to resolve source metadata for r/b: not found"), false},
		"a full disk":         {errors.New("write /x: no space left on device"), false},
		"no engine":           {errors.New("rpc error: code = Unavailable desc = error reading from server: EOF"), false},
		"words of lpipe":      {&fault.Error{What: "x"}, false},
	} {
		if got := importFailure(with, []Outcome{{}, {Err: c.err}}) != nil; got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if importFailure(Request{}, []Outcome{{Err: lost}}) != nil {
		t.Error("without imports there is nothing to retry")
	}
}

func TestFullDiskHasAKindOfItsOwn(t *testing.T) {
	for _, err := range []error{
		engineError(errors.New("ResourceExhausted: mkdir /x: no space left on device")),
		unexplained("echo", errors.New("write /y: no space left on device")),
	} {
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.NoSpace || !strings.Contains(f.Fix, "lpipe cache prune") {
			t.Errorf("%#v", err)
		}
	}
}
