package daemon

import (
	"net"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// TestConnectionsAreCounted: from when they are accepted until they are closed, each once.
func TestConnectionsAreCounted(t *testing.T) {
	c, err := listen(filepath.Join(t.TempDir(), "sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	client, err := net.Dial("unix", c.path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := c.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if n := c.count.Load(); n != 1 {
		t.Errorf("%d are connected", n)
	}
	conn.Close()
	conn.Close()
	if n := c.count.Load(); n != 0 {
		t.Errorf("%d are connected after it was closed twice", n)
	}
}

// unused is a socket without databases, and a channel that is closed when wait has returned.
func unused(t *testing.T, wait func(c *clients)) (c *clients, left chan struct{}) {
	c = &clients{path: t.TempDir(), unsynced: unsynced{root: t.TempDir()}}
	c.touch()
	left = make(chan struct{})
	go func() {
		defer close(left)
		wait(c)
	}()
	return c, left
}

// stays fails where wait returns within a time.
func stays(t *testing.T, left chan struct{}, d time.Duration, why string) {
	t.Helper()
	select {
	case <-left:
		t.Fatalf("it leaves, though %s", why)
	case <-time.After(d):
	}
}

// TestADaemonLeavesWhenNobodyIsConnected: not while somebody is, and not until the idle time is over.
func TestADaemonLeavesWhenNobodyIsConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const idle = time.Hour
		c, left := unused(t, func(c *clients) { c.waitUnused(t.Context(), idle) })
		c.began()
		stays(t, left, 10*idle, "a client is connected")
		c.ended()
		stays(t, left, idle-2*time.Second, "a client was connected a moment ago")
		c.began() // the next one
		stays(t, left, 2*idle, "another client is connected")
		c.ended()
		began := time.Now()
		<-left
		if took := time.Since(began); took < idle || took > idle+time.Second {
			t.Errorf("it leaves after %s", took)
		}
	})
}

// TestADaemonThatIsReplacedWaitsForItsClients: between two calls of one too, but not for ever.
func TestADaemonThatIsReplacedWaitsForItsClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, disconnects := range []bool{true, false} {
			var calls usage
			c := &clients{}
			c.began()
			calls.began()
			left := make(chan struct{})
			go func() {
				defer close(left)
				c.waitDone(&calls)
			}()
			stays(t, left, time.Hour, "a build runs")
			calls.ended()
			stays(t, left, pause-time.Second, "its client may begin another build")
			calls.began()
			stays(t, left, time.Hour, "another build runs")
			calls.ended()
			began, least := time.Now(), pause
			if disconnects {
				least = 0
				c.ended()
			}
			<-left
			if took := time.Since(began); took < least || took > least+time.Second {
				t.Errorf("it leaves after %s", took)
			}
		}
	})
}
