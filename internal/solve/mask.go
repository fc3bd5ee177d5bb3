package solve

import (
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

// masked stands for a secret in the output of a step.
const masked = "[hidden]"

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
	secrets := m.secrets()
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // one may hold another
	for _, l := range status.Logs {
		key := stream{l.Vertex, l.Stream}
		text := m.held[key] + string(l.Data)
		for _, s := range secrets {
			text = strings.ReplaceAll(text, s, masked)
		}
		rest := len(text) - unfinished(text, secrets)
		m.hold(key, text[rest:])
		l.Data = []byte(text[:rest])
	}
	for _, v := range status.Vertexes {
		if v.Completed != nil {
			status.Logs = append(status.Logs, m.release(func(key stream) bool { return key.vertex == v.Digest })...)
		}
	}
}

func (m *mask) hold(key stream, text string) {
	if m.held == nil {
		m.held = map[stream]string{}
	}
	m.held[key] = text
	if text == "" {
		delete(m.held, key)
	}
}

// release returns the ends that wait, of the streams for which is is true.
func (m *mask) release(is func(stream) bool) []*client.VertexLog {
	var logs []*client.VertexLog
	for key, text := range m.held {
		if is(key) {
			logs = append(logs, &client.VertexLog{Vertex: key.vertex, Stream: key.fd, Data: []byte(text), Timestamp: time.Now()})
			delete(m.held, key)
		}
	}
	return logs
}

// unfinished is the length of the longest end of the text with which a secret begins.
func unfinished(text string, secrets []string) int {
	longest := 0
	for _, s := range secrets {
		for n := min(len(s)-1, len(text)); n > longest; n-- {
			if strings.HasSuffix(text, s[:n]) {
				longest = n
			}
		}
	}
	return longest
}
