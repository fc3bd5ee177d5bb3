package emulator

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// diagnosed looks up a socket by its ends as [socketOwner] does, by asking the kernel for that one, which takes microseconds where the
// list of all takes milliseconds: https://man7.org/linux/man-pages/man7/sock_diag.7.html. Where the kernel does not say, it is not found.
func diagnosed(local, remote netip.AddrPort) (uid int, found bool) {
	// struct nlmsghdr and struct inet_diag_req_v2
	const headerSize, idAt, requestSize = unix.NLMSG_HDRLEN, unix.NLMSG_HDRLEN + 8, unix.NLMSG_HDRLEN + 56
	// struct inet_diag_msg
	const stateAt, sameIDAt, uidAt, inodeAt, answerSize = headerSize + 1, headerSize + 4, headerSize + 64, headerSize + 68, headerSize + 72
	const byFamily, established = 20, 1
	family := byte(unix.AF_INET6)
	if local.Addr().Is4() && remote.Addr().Is4() {
		family = unix.AF_INET
	}
	var request [requestSize]byte
	binary.NativeEndian.PutUint32(request[0:], requestSize)
	binary.NativeEndian.PutUint16(request[4:], byFamily)
	binary.NativeEndian.PutUint16(request[6:], unix.NLM_F_REQUEST)
	request[headerSize], request[headerSize+1] = family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(request[headerSize+4:], 1<<established)
	id := request[idAt:]
	binary.BigEndian.PutUint16(id[0:], local.Port())
	binary.BigEndian.PutUint16(id[2:], remote.Port())
	copy(id[4:], local.Addr().AsSlice())
	copy(id[20:], remote.Addr().AsSlice())
	for i := 40; i < 48; i++ {
		id[i] = 0xff // no cookie
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, false
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, request[:], 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, false
	}
	var answer [4096]byte
	n, _, err := unix.Recvfrom(fd, answer[:], unix.MSG_DONTWAIT) // the kernel answers before it returns from the request
	if err != nil || n < answerSize || binary.NativeEndian.Uint16(answer[4:]) != byFamily {
		return 0, false
	}
	// It may be a listener, or one that nobody owns any more; the list of all knows.
	if answer[stateAt] != established || string(answer[sameIDAt:sameIDAt+36]) != string(id[:36]) || binary.NativeEndian.Uint32(answer[inodeAt:]) == 0 {
		return 0, false
	}
	return int(binary.NativeEndian.Uint32(answer[uidAt:])), true
}
