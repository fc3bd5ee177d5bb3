package emulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A socket belongs to the network in which it was made, whoever has it. So the supervisor of a program that has a network of its own
// listens there, and hands the sockets over before it starts the program; and it connects to the program's ports when asked to.

// newControl returns the two ends of what a supervisor hands sockets over by.
func newControl() (own *net.UnixConn, supervisors *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	supervisors = os.NewFile(uintptr(pair[1]), "control")
	if own, err = controlOf(os.NewFile(uintptr(pair[0]), "control")); err != nil {
		supervisors.Close()
	}
	return own, supervisors, err
}

// controlOf takes over a file that is an end of [newControl].
func controlOf(f *os.File) (*net.UnixConn, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	control, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, errors.New("it is no socket of a supervisor")
	}
	return control, nil
}

// receive returns a message and the files that came with it.
func receive(control *net.UnixConn) (text string, files []*os.File, err error) {
	message, rights := make([]byte, 1024), make([]byte, unix.CmsgSpace(4*(MostPorts+1)))
	n, rightsN, _, _, err := control.ReadMsgUnix(message, rights)
	if err != nil {
		return "", nil, err
	}
	parsed, err := unix.ParseSocketControlMessage(rights[:rightsN])
	for _, one := range parsed {
		fds, rightsErr := unix.ParseUnixRights(&one)
		err = errors.Join(err, rightsErr)
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "socket"))
		}
	}
	return string(message[:n]), files, err
}

// handOver sends sockets with a message.
func handOver(control *net.UnixConn, text string, sockets ...interface{ File() (*os.File, error) }) error {
	var fds []int
	for _, s := range sockets {
		f, err := s.File()
		if err != nil {
			return err
		}
		defer f.Close()
		fds = append(fds, int(f.Fd()))
	}
	_, _, err := control.WriteMsgUnix([]byte(text), unix.UnixRights(fds...), nil)
	return err
}

// openNetwork has the network of this process consist of its loopback, with the Runtime API and the ports, and hands over their sockets.
// Afterwards it connects to ports in there when asked to.
func (c container) openNetwork() error {
	if c.HostNetwork {
		return nil
	}
	unix.CloseOnExec(controlFile)
	control, err := controlOf(os.NewFile(controlFile, "control"))
	if err != nil {
		return fmt.Errorf("taking the control socket: %w", err)
	}
	if err := raiseLoopback(); err != nil {
		return fmt.Errorf("making a network: %w", err)
	}
	addresses := []string{aloneAPI}
	for _, port := range c.Ports {
		addresses = append(addresses, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	}
	var sockets []interface{ File() (*os.File, error) }
	for _, address := range addresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("listening in the network: %w", err)
		}
		defer l.Close()
		sockets = append(sockets, l.(*net.TCPListener))
	}
	if err := handOver(control, "listening", sockets...); err != nil {
		return fmt.Errorf("handing over the network: %w", err)
	}
	go func() {
		for {
			port, _, err := receive(control)
			if err != nil || port == "" {
				return
			}
			c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", port), time.Second)
			if err != nil {
				_ = handOver(control, err.Error())
				continue
			}
			_ = handOver(control, "connected", c.(*net.TCPConn))
			c.Close()
		}
	}()
	return nil
}

// raiseLoopback has the loopback of a new network take addresses.
func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	loopback.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, loopback)
}

// newOwnNetwork takes over what a supervisor hands over with [container.openNetwork].
func newOwnNetwork(control *net.UnixConn, ports []int) (*ownNetwork, error) {
	text, files, err := receive(control)
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if err != nil || text != "listening" || len(files) != len(ports)+1 {
		return nil, errors.Join(errors.New("its supervisor hands over no network"), err)
	}
	var all []net.Listener
	for _, f := range files {
		l, err := net.FileListener(f)
		if err != nil {
			for _, l := range all {
				l.Close()
			}
			return nil, err
		}
		all = append(all, l)
	}
	n := &ownNetwork{api: all[0], ports: map[int]net.Listener{}}
	for i, port := range ports {
		n.ports[port] = all[i+1]
	}
	var asking sync.Mutex
	n.dial = func(_ context.Context, _, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		asking.Lock()
		defer asking.Unlock()
		if _, err := control.Write([]byte(port)); err != nil {
			return nil, err
		}
		text, files, err := receive(control)
		defer func() {
			for _, f := range files {
				f.Close()
			}
		}()
		if err == nil && len(files) != 1 {
			err = errors.New(text)
		}
		if err != nil {
			return nil, err
		}
		return net.FileConn(files[0])
	}
	return n, nil
}
