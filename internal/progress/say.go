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

// Say shows a line between the steps, at once: the format is lpipe's own, text in the arguments may be of others.
// Several goroutines may call it; once the display has ended it does nothing.
func (d *Display) Say(format string, args ...any) {
	select {
	case d.said <- foreign.Sprintf(format, args...):
	case <-d.done:
	}
}

// say writes the line where lines are written; other displays of BuildKit know steps only, so there it is one.
func (d *Display) say(line string, lines io.Writer, drawn chan<- *client.SolveStatus) {
	if d.mode == progressui.PlainMode {
		fmt.Fprintln(lines, line)
		return
	}
	now := time.Now()
	drawn <- &client.SolveStatus{Vertexes: []*client.Vertex{{
		Digest: digest.FromString(now.String() + line), Name: line, Started: &now, Completed: &now,
	}}}
}
