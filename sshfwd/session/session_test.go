package session

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	buildkit "github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/sshforward"
	"github.com/moby/buildkit/session/testutil"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"lpipe/sshfwd"
)

// attach runs a BuildKit session with a provider of the agents and returns the daemon's side of it.
func attach(t *testing.T, agents ...*sshfwd.Agent) buildkit.Caller {
	t.Helper()
	p, err := NewProvider(agents...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s, err := buildkit.NewSession(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	s.Allow(p)
	m, err := buildkit.NewManager()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx, buildkit.Dialer(testutil.TestStream(func(_ context.Context, c net.Conn, meta map[string][]string) error {
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

// mounted connects to the socket that a step of a build sees as its SSH agent.
func mounted(t *testing.T, caller buildkit.Caller, id string) agent.ExtendedAgent {
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
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return agent.NewClient(c)
}

// stream opens a connection to the agent "default" and sends a request to list identities.
func stream(t *testing.T, ctx context.Context, caller buildkit.Caller) sshforward.SSH_ForwardAgentClient {
	t.Helper()
	s, err := sshforward.NewSSHClient(caller.Conn()).ForwardAgent(metadata.AppendToOutgoingContext(caller.Context(ctx), sshforward.KeySSHID, "default"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(&sshforward.BytesMessage{Data: []byte{0, 0, 0, 1, 11}}); err != nil {
		t.Fatal(err)
	}
	return s
}

// with returns an agent with one key, which signs logins of git that are bound to no host.
func with(t *testing.T, id string) (*sshfwd.Agent, ssh.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	source, err := sshfwd.EnvKey("KEY", string(pem.EncodeToMemory(block)), "")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return &sshfwd.Agent{ID: id, Sources: []sshfwd.Source{source}, Policy: sshfwd.Policy{
		Hosts: []sshfwd.Host{{Name: "git.example.com", User: "git"}}, Mode: sshfwd.Userauth,
		Pinned: func(string, ssh.PublicKey) error { return nil },
	}}, key
}

func TestEachIDHasItsAgent(t *testing.T) {
	first, firstKey := with(t, "")
	second, secondKey := with(t, "second")
	caller := attach(t, first, second)
	for id, want := range map[string]ssh.PublicKey{"": firstKey, "default": firstKey, "second": secondKey} {
		if err := sshforward.CheckSSHID(t.Context(), caller, id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
		client := mounted(t, caller, id)
		keys, err := client.List()
		if err != nil || len(keys) != 1 || !bytes.Equal(keys[0].Blob, want.Marshal()) {
			t.Errorf("%q: listed %v, %v", id, keys, err)
		}
		// RFC 4252 section 7
		login := ssh.Marshal(struct {
			Session               []byte
			Kind                  byte
			User, Service, Method string
			Signs                 bool
			Algorithm             string
			Key                   []byte
		}{bytes.Repeat([]byte{7}, 32), 50, "git", "ssh-connection", "publickey", true, want.Type(), want.Marshal()})
		signature, err := client.Sign(want, login)
		if err != nil || want.Verify(login, signature) != nil {
			t.Errorf("%q: no valid signature: %v", id, err)
		}
	}
}

func TestPrintingAProviderNeverShowsKeys(t *testing.T) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	a, _ := with(t, "")
	if a.Sources[0], err = sshfwd.EnvKey("KEY", string(pem.EncodeToMemory(block)), ""); err != nil {
		t.Fatal(err)
	}
	p, err := NewProvider(a)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%v %+v %#v %v %+v %#v", p, p, p, *p, *p, *p)
	for _, needle := range []string{fmt.Sprintf("%x", private.Seed()), string(private.Seed()), strings.Trim(fmt.Sprint(private.Seed()[:8]), "[]")} {
		if strings.Contains(text, needle) {
			t.Errorf("%q shows the key", text)
		}
	}
}

func TestUnknownIDIsRefusedWithTheKnownOnes(t *testing.T) {
	a, _ := with(t, "")
	b, _ := with(t, "other")
	caller := attach(t, b, a)
	err := sshforward.CheckSSHID(t.Context(), caller, "third")
	if err == nil || !strings.Contains(err.Error(), `"third"; known ids: default, other`) || status.Code(err) != codes.NotFound {
		t.Errorf("check: %v", err)
	}
	if keys, err := mounted(t, caller, "third").List(); err == nil {
		t.Errorf("listed %v", keys)
	}
}

func TestTheCheckRunsWhenAStepAsksForIt(t *testing.T) {
	a, _ := with(t, "")
	var ran atomic.Int32
	a.Preflight = func(context.Context) error {
		ran.Add(1)
		return errors.New("no key is chosen for org/private")
	}
	caller := attach(t, a)
	if ran.Load() != 0 {
		t.Error("it ran before a step asked for the agent")
	}
	err := sshforward.CheckSSHID(t.Context(), caller, "")
	if ran.Load() != 1 || err == nil || !strings.Contains(err.Error(), "no key is chosen for org/private") || status.Code(err) != codes.FailedPrecondition {
		t.Errorf("it ran %d times: %v", ran.Load(), err)
	}
}

func TestMistakesInAgentsAreReportedAtOnce(t *testing.T) {
	good, _ := with(t, "")
	twin, _ := with(t, "")
	bad := &sshfwd.Agent{ID: "bad", Policy: sshfwd.Policy{Identities: []string{"MD5:aa"}, Hosts: []sshfwd.Host{{Name: "github.com"}}, Mode: 7}}
	none := &sshfwd.Agent{ID: "none"}
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
	a, _ := with(t, "")
	s := stream(t, t.Context(), attach(t, a))
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for {
		m, err := s.Recv()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("the stream ends with %v", err)
			}
			break
		}
		got = append(got, m.Data...)
	}
	if len(got) < 5 || got[4] != 12 {
		t.Errorf("got %v", got)
	}
}

// A request that waits for the user's agent ends with the step.
func TestACancelledStepEndsAWaitingRequest(t *testing.T) {
	dir, err := os.MkdirTemp("", "sshfwd") // a socket's path must be short, which t.TempDir's need not be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "agent"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	reached, ended := make(chan struct{}), make(chan struct{})
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.ReadFull(c, make([]byte, 5))
		close(reached)
		io.Copy(io.Discard, c)
		close(ended)
	}()
	a, _ := with(t, "")
	a.Sources = []sshfwd.Source{sshfwd.Socket(filepath.Join(dir, "agent"))}
	ctx, cancel := context.WithCancel(t.Context())
	stream(t, ctx, attach(t, a))
	wait(t, "the request to reach the user's agent", reached)
	cancel()
	wait(t, "the connection to the user's agent to end", ended)
}

func wait(t *testing.T, what string, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(10 * time.Second):
		t.Fatalf("waited for %s", what)
	}
}
