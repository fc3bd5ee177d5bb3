package emulator

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// tables are the kernel's lists of TCP sockets. A connection over IPv4 may be that of a socket for IPv6.
var tables = []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"}

// peersKnown reports why the other ends of connections cannot be looked up.
func peersKnown() error {
	f, err := os.Open(tables[0])
	if err == nil {
		f.Close()
	}
	return err
}

// ownPeer reports whether the other end of a connection on this machine belongs to this user.
func ownPeer(c net.Conn) bool {
	server, serverErr := netip.ParseAddrPort(c.LocalAddr().String())
	client, clientErr := netip.ParseAddrPort(c.RemoteAddr().String())
	if serverErr != nil || clientErr != nil {
		return false
	}
	if owner, found := diagnosed(client, server); found {
		return owner == os.Geteuid()
	}
	// The kernel shows the list in pieces: a socket may be left out when others come and go meanwhile.
	for range 5 {
		for _, table := range tables {
			if owner, found := socketOwner(table, client, server); found {
				return owner == os.Geteuid()
			}
		}
	}
	return false
}

// socketOwner looks up the user whose socket has these ends. A socket that its process has closed is nobody's, though
// the table says root's: whoever opened it is not known any more.
func socketOwner(table string, local, remote netip.AddrPort) (uid int, found bool) {
	f, err := os.Open(table)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	ends := [][2]string{
		{tableForm(local.Addr(), local.Port()), tableForm(remote.Addr(), remote.Port())},
		{tableForm(netip.AddrFrom16(local.Addr().As16()), local.Port()), tableForm(netip.AddrFrom16(remote.Addr().As16()), remote.Port())},
	}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text()) // sl, local, remote, state, queues, timer, retransmissions, uid, timeout, inode
		if len(fields) < 10 || [2]string{fields[1], fields[2]} != ends[0] && [2]string{fields[1], fields[2]} != ends[1] {
			continue
		}
		uid, err := strconv.Atoi(fields[7])
		if err != nil || fields[9] == "0" {
			return -1, true
		}
		return uid, true
	}
	return 0, false
}

// tableForm writes an address as the tables do: words of four bytes in the order of the machine, in hex.
func tableForm(addr netip.Addr, port uint16) string {
	var text strings.Builder
	for b := addr.AsSlice(); len(b) > 0; b = b[4:] {
		fmt.Fprintf(&text, "%08X", binary.NativeEndian.Uint32(b))
	}
	fmt.Fprintf(&text, ":%04X", port)
	return text.String()
}
