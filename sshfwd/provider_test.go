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
	"time"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/sshforward"
	"github.com/moby/buildkit/session/testutil"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// attach runs a BuildKit session with the provider and returns the daemon's side of it.
func attach(t testing.TB, p *Provider) session.Caller {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := session.NewSession(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	s.Allow(p)
	m, err := session.NewManager()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx, session.Dialer(testutil.TestStream(func(_ context.Context, c net.Conn, meta map[string][]string) error {
			return m.HandleConn(ctx, c, meta)
		})))
	}()
	t.Cleanup(func() {
		s.Close()
		cancel()
		<-done
	})
	caller, err := m.Get(ctx, s.ID(), false)
	if err != nil {
		t.Fatal(err)
	}
	return caller
}

// mount makes the socket that a step of a build sees as its SSH agent.
func mount(t testing.TB, caller session.Caller, id string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	path, closer, err := sshforward.MountSSHSocket(ctx, caller, sshforward.SocketOpt{ID: id, UID: os.Getuid(), GID: os.Getgid(), Mode: 0o600})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		closer()
		os.RemoveAll(filepath.Dir(path))
	})
	return path
}

func dial(t testing.TB, path string) agent.ExtendedAgent {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return agent.NewClient(c)
}

func provide(t testing.TB, agents ...*Agent) session.Caller {
	t.Helper()
	p, err := NewProvider(agents...)
	if err != nil {
		t.Fatal(err)
	}
	return attach(t, p)
}

func TestProviderServesEachID(t *testing.T) {
	first, firstHost, firstIdentity, seen := simple(t)
	second, _, secondIdentity, _ := simple(t)
	second.ID = "second"
	caller := provide(t, first, second)
	for id, want := range map[string]ssh.Signer{"": firstIdentity, "default": firstIdentity, "second": secondIdentity} {
		if err := sshforward.CheckSSHID(context.Background(), caller, id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
		keys, err := dial(t, mount(t, caller, id)).List()
		if err != nil || len(keys) != 1 || fingerprint(keys[0].Blob) != ssh.FingerprintSHA256(want.PublicKey()) {
			t.Errorf("%q: listed %v, %v", id, keys, err)
		}
	}
	client := dial(t, mount(t, caller, ""))
	try := right(firstHost, firstIdentity)
	if _, err := client.Extension(bindExtension, try.bind(t)); err != nil {
		t.Fatal(seen.refusal())
	}
	sig, err := client.SignWithFlags(try.asked, try.login(), 0)
	if err != nil {
		t.Fatal(seen.refusal())
	}
	if err := firstIdentity.PublicKey().Verify(try.login(), sig); err != nil {
		t.Error(err)
	}
}

func TestUnknownIDIsRefusedWithTheKnownOnes(t *testing.T) {
	a, _, _, _ := simple(t)
	b, _, _, _ := simple(t)
	b.ID = "other"
	caller := provide(t, b, a)
	err := sshforward.CheckSSHID(context.Background(), caller, "third")
	if err == nil || !strings.Contains(err.Error(), `"third"; known ids: default, other`) || status.Code(err) != codes.NotFound {
		t.Errorf("check: %v", err)
	}
	if keys, err := dial(t, mount(t, caller, "third")).List(); err == nil {
		t.Errorf("listed %v", keys)
	}
}

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

func TestCheckAgentNamesEachProblem(t *testing.T) {
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
			caller := provide(t, a)
			if ran.Load() != 0 {
				t.Error("preflight ran before a step asked for the agent")
			}
			err := sshforward.CheckSSHID(context.Background(), caller, "")
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
	if keys, err := dial(t, mount(t, provide(t, a), "")).List(); err == nil {
		t.Errorf("listed %v", keys)
	}
	if !errors.Is(seen.refusal(), ErrNoAgent) {
		t.Errorf("refused because %v", seen.refusal())
	}
}

func TestProviderRefusesBadPolicies(t *testing.T) {
	good, _, _, _ := simple(t)
	twin, _, _, _ := simple(t)
	bad := &Agent{ID: "bad", Policy: Policy{Identities: []string{"MD5:aa"}, Hosts: []Host{{"github.com", ""}}, Mode: 7}}
	none := &Agent{ID: "none"}
	_, err := NewProvider(good, twin, bad, none)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`"default" is given twice`, `"bad" has no source`, `"MD5:aa" is no fingerprint`, `host "github.com" with user ""`,
		"no function to check host keys", "unknown mode 7", "no hosts are allowed",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %q in it", err, want)
		}
	}
}

// An answer under way reaches a client that has closed its sending side.
func TestAnswerSurvivesHalfClose(t *testing.T) {
	a, _, _, _ := simple(t)
	caller := provide(t, a)
	ctx := metadata.AppendToOutgoingContext(caller.Context(context.Background()), sshforward.KeySSHID, "default")
	stream, err := sshforward.NewSSHClient(caller.Conn()).ForwardAgent(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&sshforward.BytesMessage{Data: []byte{0, 0, 0, 1, msgList}}); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for {
		m, err := stream.Recv()
		if err != nil {
			if err.Error() != "EOF" {
				t.Errorf("the stream ends with %v", err)
			}
			break
		}
		got = append(got, m.Data...)
	}
	if len(got) < 5 || got[4] != msgIdentities {
		t.Errorf("got %v", got)
	}
}

// A signature that waits for the user ends with the step.
func TestCancelledStepEndsAWaitingSignature(t *testing.T) {
	a, _, _, _ := simple(t)
	reached, gone := listenSilent(t)
	a.Sources = []Source{Socket(reached.path)}
	caller := provide(t, a)
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := sshforward.NewSSHClient(caller.Conn()).ForwardAgent(metadata.AppendToOutgoingContext(caller.Context(ctx), sshforward.KeySSHID, "default"))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&sshforward.BytesMessage{Data: []byte{0, 0, 0, 1, msgList}}); err != nil {
		t.Fatal(err)
	}
	wait(t, "the request to reach the real agent", reached.ch)
	cancel()
	wait(t, "the connection to the real agent to end", gone)
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

func wait(t testing.TB, what string, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(10 * time.Second):
		t.Fatalf("waited for %s", what)
	}
}
