package sshfwd

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh/agent"

	"lpipe/internal/testparts/require"
)

// counter is the user's agent, which counts what it sees of the builds.
type counter struct {
	agent.ExtendedAgent
	opened         atomic.Int32 // connections
	listing, crowd atomic.Int32 // requests to list under way, and times that there was more than one
}

func (c *counter) List() ([]*agent.Key, error) {
	if c.listing.Add(1) > 1 {
		c.crowd.Add(1)
	}
	defer c.listing.Add(-1)
	return c.ExtendedAgent.List()
}

// counted puts the first source of the agent behind a socket and a counter.
func counted(t *testing.T, a *Agent) *counter {
	t.Helper()
	keyring, _, err := a.Sources[0].open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{ExtendedAgent: keyring}
	a.Sources = []Source{Socket(listenConn(t, func(conn net.Conn) {
		c.opened.Add(1)
		agent.ServeAgent(c, conn)
	}))}
	return c
}

// serve gives the agent a connection; what Serve returned comes on ended.
func serve(t *testing.T, a *Agent) (client pipeEnd, ended chan error) {
	t.Helper()
	ours, theirs := duplex()
	ended = make(chan error, 1)
	go func() { ended <- a.Serve(t.Context(), ours) }()
	t.Cleanup(func() { theirs.Close() })
	return theirs, ended
}

func message(parts ...byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(parts))), parts...)
}

func answer(t *testing.T, client io.Reader) []byte {
	t.Helper()
	var size [4]byte
	if _, err := io.ReadFull(client, size[:]); err != nil {
		t.Fatal(err)
	}
	reply := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(client, reply); err != nil {
		t.Fatal(err)
	}
	return reply
}

// A build opens hundreds of connections and asks for nothing, or begins to ask: the user's agent sees none of them, and
// beyond what builds need they are refused.
func TestSilentConnectionsDoNotReachTheUsersAgent(t *testing.T) {
	a, _, _, seen := simple(t)
	users := counted(t, a)
	var open []pipeEnd
	for range maxConns {
		client, _ := serve(t, a)
		client.Write([]byte{0, 0, 4, 0, msgSign}) // it is read, so the connection is served
		open = append(open, client)
	}
	for range 400 - maxConns {
		_, ended := serve(t, a)
		if err := <-ended; !errors.Is(err, ErrTooMany) {
			t.Fatalf("one connection too many: %v", err)
		}
	}
	if n := users.opened.Load(); n != 0 {
		t.Errorf("the user's agent sees %d connections", n)
	}
	if !errors.Is(seen.refusal(), ErrTooMany) || !strings.Contains(seen.text(), "refused a connection: the build has too many") {
		t.Errorf("refused because %v", seen.refusal())
	}
	// One that ends makes room.
	open[0].Close()
	for {
		client, ended := serve(t, a)
		if _, err := client.Write(message(msgList)); err != nil {
			<-ended // the other has not ended yet
			continue
		}
		if reply := answer(t, client); reply[0] != msgIdentities {
			t.Errorf("answered with %v", reply)
		}
		return
	}
}

// Refused requests are none of the user's agent's business either.
func TestRefusedRequestsDoNotReachTheUsersAgent(t *testing.T) {
	a, host, identity, _ := simple(t)
	users := counted(t, a)
	client := connect(t, a)
	try := right(host, identity)
	client.RemoveAll()
	client.Extension("query", nil)
	if _, err := client.SignWithFlags(try.asked, try.login(), 0); err == nil {
		t.Error("signed without a bind")
	}
	if _, err := client.Extension(bindExtension, try.bind(t)); err != nil {
		t.Error(err)
	}
	try.user = "root"
	if _, err := client.SignWithFlags(try.asked, try.login(), 0); err == nil {
		t.Error("signed for another user")
	}
	if n := users.opened.Load(); n != 0 {
		t.Errorf("the user's agent sees %d connections", n)
	}
}

func TestTheUsersAgentSeesOneConnectionAtATime(t *testing.T) {
	a, host, identity, seen := simple(t)
	users := counted(t, a)
	var all sync.WaitGroup
	for range 20 {
		client := connect(t, a)
		all.Go(func() {
			try := right(host, identity)
			if _, err := client.List(); err != nil {
				t.Error(err)
			}
			if _, err := client.Extension(bindExtension, try.bind(t)); err != nil {
				t.Error(err)
			}
			if _, err := client.SignWithFlags(try.asked, try.login(), 0); err != nil {
				t.Error(err, seen.refusal())
			}
		})
	}
	all.Wait()
	if users.opened.Load() != 40 || users.crowd.Load() > 0 {
		t.Errorf("%d connections for 40 requests, %d times several at a time", users.opened.Load(), users.crowd.Load())
	}
}

func TestSlowConnectionsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		sent  []byte
		after time.Duration
	}{
		"nothing comes":              {nil, maxIdle},
		"a request without its end":  {message(msgList)[:4], maxTransfer},
		"nothing after an answer":    {message(msgAdd), maxIdle},
		"a refused one, without end": {append(binary.BigEndian.AppendUint32(nil, maxRequest), msgAdd), maxTransfer},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, _, _, seen := simple(t)
				client, ended := serve(t, a)
				begun := time.Now()
				client.Write(c.sent)
				go io.Copy(io.Discard, client)
				if err := <-ended; !errors.Is(err, ErrSlow) || !errors.Is(seen.refusal(), ErrSlow) {
					t.Errorf("ended with %v, %v", err, seen.refusal())
				}
				if took := time.Since(begun); took != c.after {
					t.Errorf("after %s, want %s", took, c.after)
				}
			})
		})
	}
}

// A signature may take as long as a person does.
func TestAWaitingSignatureIsNotSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, _, _ := simple(t)
		keyring, closer, err := a.Sources[0].open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		a.Sources = []Source{{"slow", func(context.Context) (agent.ExtendedAgent, io.Closer, error) {
			time.Sleep(10 * maxIdle)
			return keyring, closer, nil
		}}}
		client, _ := serve(t, a)
		client.Write(message(msgList))
		if reply := answer(t, client); reply[0] != msgIdentities {
			t.Errorf("answered with %v", reply)
		}
		client.Close()
		synctest.Wait()
	})
}

func TestARefusedRequestIsNotKept(t *testing.T) {
	r, w := io.Pipe()
	go func() {
		w.Write(append(binary.BigEndian.AppendUint32(nil, maxRequest), msgAdd))
		w.Write(make([]byte, maxRequest-1))
	}()
	begun := 0
	msg, err := readMessage(r, func() { begun++ })
	if err != nil || len(msg) != 1 || cap(msg) > 4096 || begun != 1 {
		t.Errorf("%d bytes of %d, begun %d times, %v", len(msg), cap(msg), begun, err)
	}
}

// Submodules in parallel: as many clients of OpenSSH as git starts with --jobs.
func TestParallelClientsAreServed(t *testing.T) {
	_, err := exec.LookPath("ssh-add")
	require.Part(t, err == nil, "ssh-add", "apt-get install openssh-client")
	a, _, _, _ := simple(t)
	counted(t, a)
	socket := listen(t, a)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			cmd := exec.Command("ssh-add", "-l")
			cmd.Env = []string{"SSH_AUTH_SOCK=" + socket}
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "SHA256:") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	all.Wait()
}
