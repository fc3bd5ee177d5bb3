package sshfwd

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh/agent"
)

// deadSocket is the path of a socket that nobody listens on any more.
func deadSocket(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sshfwd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "agent")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	return path
}

func TestCheckNamesEachProblem(t *testing.T) {
	_, key := newSigner(t)

	empty := listenConn(t, func(c net.Conn) { agent.ServeAgent(agent.NewKeyring(), c) })
	absent := "SHA256:" + strings.Repeat("A", 43)
	errPreflight := errors.New("no key is chosen for org/private")
	notAgent := listenConn(t, func(c net.Conn) { c.Write([]byte("SSH-2.0-junk\r\n")) })

	for _, tt := range []struct {
		name      string
		sources   []Source
		wanted    []string
		preflight error
		want      []error
		text      []string
	}{
		{name: "all is well", sources: []Source{memory(t, key)}},
		{name: "no agent given", sources: []Source{Socket("")}, want: []error{ErrNoAgent}, text: []string{"no socket is given", "ssh-agent"}},
		{name: "no such socket", sources: []Source{Socket("/nonexistent/agent")}, want: []error{ErrNoAgent}, text: []string{"/nonexistent/agent", "does not exist"}},
		{name: "dead agent", sources: []Source{Socket(deadSocket(t))}, want: []error{ErrNoAgent}, text: []string{"nothing answers"}},
		{name: "not an agent", sources: []Source{Socket(notAgent)}, want: []error{ErrNoAgent}, text: []string{"listing its identities"}},
		{name: "empty agent", sources: []Source{Socket(empty)}, want: []error{ErrEmptyAgent}, text: []string{empty, "ssh-add"}},
		{name: "an empty agent beside a key", sources: []Source{Socket(empty), memory(t, key)}},
		{name: "missing identity", sources: []Source{memory(t, key)}, wanted: []string{absent}, want: []error{ErrMissingIdentity}, text: []string{absent, "there: SHA256:", "ssh-add"}},
		{name: "preflight", sources: []Source{memory(t, key)}, preflight: errPreflight, want: []error{errPreflight}},
		{
			name: "all problems in one report", sources: []Source{Socket(""), Socket("/nonexistent/agent")}, preflight: errPreflight,
			want: []error{ErrNoAgent, errPreflight}, text: []string{"no socket is given", "/nonexistent/agent", "org/private"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := new(events)
			var ran atomic.Int32
			a := &Agent{
				Sources: tt.sources,
				Policy:  Policy{Identities: tt.wanted, Hosts: []Host{{"git.example.com", "git"}}, Pinned: pins(nil)},
				Log:     seen.add,
				Preflight: func(context.Context) error {
					ran.Add(1)
					return tt.preflight
				},
			}
			err := a.Check(t.Context())
			if ran.Load() != 1 {
				t.Errorf("preflight ran %d times", ran.Load())
			}
			if tt.want == nil {
				if err != nil || len(seen.all) != 0 {
					t.Errorf("%v, events %v", err, seen.all)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, text := range tt.text {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%v\nwant %q in it", err, text)
				}
			}
			failed, ok := seen.all[0].(CheckFailed)
			if !ok {
				t.Fatalf("events %v", seen.all)
			}
			for _, want := range tt.want {
				if !errors.Is(failed.Err, want) {
					t.Errorf("%v is not %v", failed.Err, want)
				}
			}
		})
	}
}

func TestDeadAgentDuringTheBuildIsLogged(t *testing.T) {
	a, _, _, seen := simple(t)
	a.Sources = []Source{Socket(deadSocket(t))}
	if keys, err := connect(t, a).List(); err == nil {
		t.Errorf("listed %v", keys)
	}
	if !errors.Is(seen.refusal(), ErrNoAgent) {
		t.Errorf("refused because %v", seen.refusal())
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	a, _, _, _ := simple(t)
	reached, _ := listenSilent(t)
	a.Sources = []Source{Socket(reached.path)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-reached.ch
		cancel()
	}()
	if err := a.Check(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
