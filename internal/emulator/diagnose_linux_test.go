package emulator

import (
	"net"
	"net/netip"
	"os"
	"testing"
)

// TestSocketsAreDiagnosed: the owner of a connection's end is known, and of nothing else.
func TestSocketsAreDiagnosed(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Log(err) // no IPv6
			continue
		}
		defer l.Close()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		client, server := netip.MustParseAddrPort(c.LocalAddr().String()), netip.MustParseAddrPort(l.Addr().String())
		if uid, found := diagnosed(client, server); !found || uid != os.Geteuid() {
			t.Errorf("%s: %d %v", address, uid, found)
		}
		other := netip.AddrPortFrom(client.Addr(), 1)
		if uid, found := diagnosed(other, server); found {
			t.Errorf("%s: a socket that is not there is of %d", address, uid)
		}
		if uid, found := diagnosed(server, other); found {
			t.Errorf("%s: a listener is taken for the end of a connection, of %d", address, uid)
		}
		c.Close()
		if uid, found := diagnosed(client, server); found {
			t.Errorf("%s: a socket that is closed is of %d", address, uid)
		}
	}
}

func BenchmarkOwnPeer(b *testing.B) {
	l, err := net.Listen("tcp", AnyPort)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	client, server := netip.MustParseAddrPort(c.LocalAddr().String()), netip.MustParseAddrPort(l.Addr().String())
	b.Run("asked", func(b *testing.B) {
		for b.Loop() {
			diagnosed(client, server)
		}
	})
	b.Run("listed", func(b *testing.B) {
		for b.Loop() {
			socketOwner(tables[0], client, server)
		}
	})
}
