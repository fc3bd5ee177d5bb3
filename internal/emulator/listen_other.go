//go:build !linux

package emulator

import "net"

// Nothing here tells whose the other end of a connection is. No program for Lambda runs here either.

func peersKnown() error { return nil }

func ownPeer(net.Conn) bool { return true }
