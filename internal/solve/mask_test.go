package solve

import (
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/redact"
)

// shown passes an output, in pieces, through a mask and returns what comes out.
func shown(secrets []string, pieces ...string) string {
	m := mask{secrets: func() []string { return secrets }}
	var out strings.Builder
	step, other := digest.FromString("step"), digest.FromString("other")
	pass := func(status *client.SolveStatus) {
		m.hide(status)
		for _, l := range status.Logs {
			if l.Vertex == step {
				out.Write(l.Data)
			}
		}
	}
	for _, p := range pieces {
		pass(&client.SolveStatus{Logs: []*client.VertexLog{{Vertex: other, Data: []byte("sec")}, {Vertex: step, Stream: 2, Data: []byte(p)}}})
	}
	now := time.Now()
	pass(&client.SolveStatus{Vertexes: []*client.Vertex{{Digest: step, Completed: &now}}})
	return out.String()
}

func TestSecretsAreMasked(t *testing.T) {
	for _, test := range []struct {
		secrets []string
		pieces  []string
		want    string
	}{
		{[]string{"secret"}, []string{"a secret, a secret"}, "a ***, a ***"},
		{[]string{"secret"}, []string{"a se", "cret", "!"}, "a ***!"},
		{[]string{"secret"}, []string{"s", "e", "c", "r", "e", "t"}, "***"},
		{[]string{"secret"}, []string{"a sec", "tion"}, "a section"},
		{[]string{"secret"}, []string{"a sec"}, "a sec"},
		{[]string{"secret"}, []string{"sesecret"}, "se***"},
		{[]string{"secret", "secret-token"}, []string{"a secret-", "token"}, "a ***"},
		{[]string{"aba"}, []string{"xa", "ba", "ba"}, "x***ba"},
		{nil, []string{"a secret"}, "a secret"},
	} {
		if got := shown(test.secrets, test.pieces...); got != test.want {
			t.Errorf("%q of %q: got %q, want %q", test.secrets, test.pieces, got, test.want)
		}
	}
	m := mask{}
	status := &client.SolveStatus{Logs: []*client.VertexLog{{Data: []byte("x")}}}
	if m.hide(status); string(status.Logs[0].Data) != "x" {
		t.Error("without secrets the output changed")
	}
}

// However an output is cut, no secret is shown, and nothing else is lost.
func FuzzMask(f *testing.F) {
	f.Add("aba", "xabababax", uint(3))
	f.Add("secret", "asecretsecret", uint(2))
	f.Fuzz(func(t *testing.T, secret, text string, cut uint) {
		if secret == "" {
			return
		}
		var pieces []string
		for rest := text; rest != ""; {
			n := min(int(cut%7)+1, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
			cut = cut*31 + 7
		}
		if got := shown([]string{secret}, pieces...); got != strings.ReplaceAll(text, secret, redact.Hidden) {
			t.Errorf("%q in %q: got %q", secret, text, got)
		}
	})
}
