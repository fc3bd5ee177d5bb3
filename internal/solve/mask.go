package solve

import (
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/redact"
)

// mask takes secrets out of the output of steps. A secret may come in pieces, so the end of an output that may be the
// beginning of one waits for the rest.
type mask struct {
	secrets func() []string // none of them empty; nil for none
	held    map[stream]string
}

// stream is one output of a step.
type stream struct {
	vertex digest.Digest
	fd     int
}

// hide masks the logs of a status.
func (m *mask) hide(status *client.SolveStatus) {
	if m.secrets == nil {
		return
	}
	for _, l := range status.Logs {
		l.Data = m.pass(stream{l.Vertex, l.Stream}, string(l.Data), false)
	}
	for _, v := range status.Vertexes {
		if v.Completed != nil {
			status.Logs = append(status.Logs, m.rest(func(key stream) bool { return key.vertex == v.Digest })...)
		}
	}
}

// pass returns what can be shown once more text came; with last, no more comes.
func (m *mask) pass(key stream, text string, last bool) []byte {
	text = m.held[key] + text
	delete(m.held, key)
	secrets := m.secrets()
	if len(secrets) == 0 {
		return []byte(text)
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // the longer one counts
	var out []byte
	for text != "" {
		found := ""
		for _, s := range secrets {
			if strings.HasPrefix(text, s) {
				found = s
				break
			}
			if !last && strings.HasPrefix(s, text) {
				if m.held == nil {
					m.held = map[stream]string{}
				}
				m.held[key] = text
				return out
			}
		}
		if found != "" {
			out, text = append(out, redact.Hidden...), text[len(found):]
		} else {
			out, text = append(out, text[0]), text[1:]
		}
	}
	return out
}

// rest returns what still waits of the streams for which is is true.
func (m *mask) rest(is func(stream) bool) []*client.VertexLog {
	var logs []*client.VertexLog
	for key := range m.held {
		if is(key) {
			logs = append(logs, &client.VertexLog{Vertex: key.vertex, Stream: key.fd, Data: m.pass(key, "", true), Timestamp: time.Now()})
		}
	}
	return logs
}
