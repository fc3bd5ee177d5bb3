package progress

import (
	"fmt"
	"io"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/foreign"
)

// Say shows a line of lpipe's own between the steps, at once. Several goroutines may call it; once the display has
// ended it does nothing.
func (d *Display) Say(line string) {
	select {
	case d.said <- line:
	case <-d.done:
	}
}

// say writes the line where lines are drawn; other displays know steps only, so there it is one.
func (d *Display) say(line string, lines io.Writer, drawn chan<- *client.SolveStatus) {
	line = foreign.Line(line)
	if d.mode == progressui.PlainMode {
		fmt.Fprintln(lines, line)
		return
	}
	now := time.Now()
	drawn <- &client.SolveStatus{Vertexes: []*client.Vertex{{
		Digest: digest.FromString(now.String() + line), Name: line, Started: &now, Completed: &now,
	}}}
}
