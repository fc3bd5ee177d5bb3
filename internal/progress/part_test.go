package progress

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

func TestEqualStepsOfTwoEnginesStayApart(t *testing.T) {
	var out bytes.Buffer
	d, err := Start(t.Context(), Options{Out: &out, Mode: "plain"})
	if err != nil {
		t.Fatal(err)
	}
	step, now := digest.FromString("step"), time.Now()
	one, endOne := d.Part("one")
	two, endTwo := d.Part("two")
	one.Own("a", []digest.Digest{step})
	two.Own("b", []digest.Digest{step})
	vertex := func(cached bool) []*client.Vertex {
		return []*client.Vertex{{Digest: step, Name: "compile", Started: &now, Completed: &now, Cached: cached}}
	}
	log := func(text string) []*client.VertexLog {
		return []*client.VertexLog{{Vertex: step, Data: []byte(text), Timestamp: now}}
	}
	one.Status() <- &client.SolveStatus{Vertexes: vertex(true), Logs: log("of one")}
	two.Status() <- &client.SolveStatus{Vertexes: vertex(false), Logs: log("of two")}
	one.Flush()
	two.Flush()
	endOne()
	endTwo()
	if steps, cached := d.Count(); steps != 2 || cached != 1 {
		t.Errorf("%d steps, %d cached", steps, cached)
	}
	if o := two.Output(step); o.Log != "of two\n" || !strings.HasSuffix(o.Name, "compile on two") {
		t.Errorf("the log of two is %q, of %q", o.Log, o.Name)
	}
	one.Again()
	if steps, cached := d.Count(); steps != 1 || cached != 0 {
		t.Errorf("after one began again: %d steps, %d cached", steps, cached)
	}
	close(d.Status())
	d.Wait()
	if !strings.Contains(out.String(), "a compile on one") || !strings.Contains(out.String(), "b compile on two") {
		t.Errorf("shown:\n%s", out.String())
	}
}
