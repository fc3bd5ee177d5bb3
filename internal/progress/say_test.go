package progress

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

func TestLinesOfItsOwnStandBetweenThoseOfSteps(t *testing.T) {
	for _, mode := range []string{"plain", "rawjson", "quiet"} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			d, err := Start(t.Context(), Options{Out: &out, Mode: mode})
			if err != nil {
				t.Fatal(err)
			}
			now, step := time.Now(), digest.FromString("step")
			d.Status() <- &client.SolveStatus{
				Vertexes: []*client.Vertex{{Digest: step, Name: "a step", Started: &now}},
				Logs:     []*client.VertexLog{{Vertex: step, Data: []byte("no end of line"), Timestamp: now}},
			}
			time.Sleep(200 * time.Millisecond) // for the plain display, which draws at intervals
			d.Say("ssh: a line")
			close(d.Status())
			d.Wait()
			d.Say("ssh: too late")
			switch lines := strings.Split(out.String(), "\n"); {
			case mode == "quiet" && out.Len() > 0, strings.Contains(out.String(), "too late"):
				t.Errorf("%s: got %q", mode, out.String())
			case mode == "rawjson" && !strings.Contains(out.String(), `"ssh: a line"`):
				t.Errorf("%s: got %q", mode, out.String())
			case mode == "plain" && strings.Count("\n"+strings.Join(lines, "\n")+"\n", "\nssh: a line\n") != 1:
				t.Errorf("%s: got %q", mode, lines)
			}
		})
	}
}
