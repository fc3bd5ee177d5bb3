package solve

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/gateway/client"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/dockerfile"
)

// shelf keeps graphs in memory.
type shelf struct {
	graphs map[string][]byte
	writes int
}

func (s *shelf) Read(name string) []byte { return s.graphs[name] }

func (s *shelf) Write(name string, graph []byte) {
	s.graphs[name] = graph
	s.writes++
}

// inSession is an engine of which the run has a session with that name.
type inSession struct {
	idle
	session, image string
}

func (e inSession) BuildOpts() client.BuildOpts {
	o := e.idle.BuildOpts()
	o.SessionID = e.session
	return o
}

func (e inSession) ResolveImageConfig(ctx context.Context, ref string, o sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	full, _, config, err := e.idle.ResolveImageConfig(ctx, ref, o)
	return full, digest.FromString(e.image), config, err
}

// later has the same lambdas with other contents.
func later(t *testing.T, jobs []*Job) []*Job {
	t.Helper()
	made := map[Context]Context{}
	var all []*Job
	for _, j := range jobs {
		copied := *j
		copied.Contexts = map[string]Context{}
		for name, c := range j.Contexts {
			if made[c] == nil {
				made[c] = &named{name: c.(*named).name + "!"}
			}
			copied.Contexts[name] = made[c]
		}
		all = append(all, &copied)
	}
	if _, _, err := contexts(all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAKeptGraphIsWhatConversionMakes(t *testing.T) {
	files, err := filepath.Glob("../dockerfile/testdata/*.Dockerfile")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		for _, n := range []int{1, 4} {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			kept := &shelf{graphs: map[string][]byte{}}
			first := fleet(t, text, dockerfile.Stated(dockerfile.StageLambda), n)
			for i, jobs := range [][]*Job{first, later(t, first), first} {
				f := &frontend{gateway: inSession{session: "session-" + string(rune('a'+i))}, images: newImages(), opts: map[string]string{}, graphs: kept}
				f.setDrafts(jobs)
				writes := kept.writes
				for at := range jobs {
					j := jobs[(at+i)%n] // any of them may be the first
					want, err := f.draw(t.Context(), j, j.Stage, f.names(j))
					if err != nil {
						t.Fatal(err)
					}
					got, err := f.graph(t.Context(), j)
					if err != nil {
						t.Fatal(err)
					}
					sameSteps(t, filepath.Base(file)+" "+j.Label, got, want)
				}
				if wrote := kept.writes > writes; wrote != (i == 0) {
					t.Errorf("%s, run %d of %d lambdas: kept a new graph: %t", filepath.Base(file), i, n, wrote)
				}
			}
		}
	}
}

func TestAGraphOfAnythingElseIsNotUsed(t *testing.T) {
	text, err := os.ReadFile("../dockerfile/testdata/warm.Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	run := func(kept *shelf, change func(j *Job, f *frontend)) *graph {
		t.Helper()
		j := fleet(t, text, dockerfile.Stated(dockerfile.StageLambda), 1)[0]
		f := &frontend{gateway: inSession{session: "session"}, images: newImages(), opts: map[string]string{}, graphs: kept}
		if change != nil {
			change(j, f)
		}
		f.setDrafts([]*Job{j})
		g, err := f.graph(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		f.graphs = nil
		want, err := f.draw(t.Context(), j, j.Stage, f.names(j))
		if err != nil {
			t.Fatal(err)
		}
		sameSteps(t, "after a change", g, want)
		return g
	}
	for name, change := range map[string]func(j *Job, f *frontend){
		"a line of the Dockerfile": func(j *Job, _ *frontend) { j.Dockerfile = append([]byte("# other\n"), j.Dockerfile...) },
		"the stage":                func(j *Job, _ *frontend) { j.Stage = dockerfile.StageDeps },
		"the kind":                 func(j *Job, _ *frontend) { j.Kind = "example" },
		"the program":              func(j *Job, _ *frontend) { j.Bin = "f1" },
		"a late value":             func(j *Job, _ *frontend) { j.Late = map[string]string{"COMMIT": "abd"} },
		"an option":                func(_ *Job, f *frontend) { f.opts["no-cache"] = "" },
		"the image":                func(_ *Job, f *frontend) { f.gateway = inSession{session: "session", image: "newer"} },
		"contexts that are one":    func(j *Job, _ *frontend) { j.mounts[dockerfile.Tests] = j.mounts[dockerfile.Closure] },
		"the user":                 func(j *Job, _ *frontend) { j.SharedKey = "lpipe-yek" },
	} {
		t.Run(name, func(t *testing.T) {
			kept := &shelf{graphs: map[string][]byte{}}
			run(kept, nil)
			before := maps.Clone(kept.graphs)
			run(kept, change)
			if kept.writes != 2 {
				t.Errorf("the graph of before was used: %d", kept.writes)
			}
			for name := range before { // and what stands there for another is none either
				kept.graphs[name] = []byte("{}\nnothing")
			}
			run(kept, nil)
		})
	}
}
