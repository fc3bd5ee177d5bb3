package emulator

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"lpipe/internal/limits"
)

// A supervisor is a process between this one and the program. It ends everything that the program started, by whatever
// way that left its parents, when the program ends and when this process does: also if that is killed, which closes the
// pipe that the supervisor reads. Where the kernel lets it, the supervisor is the first process of a PID namespace, and
// the kernel itself ends what is in there with it, however it dies. Elsewhere it is whom orphans are given to.

// The supervisor's files, beside the standard streams.
const (
	lifeFile   = 3 // has a byte for each thing to do, and ends with the process that started the supervisor
	reportFile = 4 // takes a line when the program was started, or why not, and one when it ended: the most memory in kB, and how

	controlFile = 5 // a socket, for a program with a network of its own: see [container.openNetwork]
)

// The bytes of the life file.
const (
	terminateByte = 't' // ask the program to end
	killByte      = 'k' // end everything: the starter is there, and tidies up itself
)

// killDelay is how long the supervisor has to end everything, before it is killed itself.
const killDelay = 10 * time.Second

// supervised starts the program through the supervisor, as strictly as the kernel allows.
func (l launch) supervised(ctx context.Context) (p *process, err error) {
	attrs := isolations()
	if l.container != nil {
		attrs = attrs[:len(attrs)-1]
		for _, attr := range attrs {
			attr.Cloneflags |= syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC
			if os.Geteuid() != 0 { // else an ordinary user loses them as the supervisor starts
				attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP}
			}
			if l.hasOwnNetwork() {
				attr.Cloneflags |= syscall.CLONE_NEWNET
				if os.Geteuid() != 0 {
					attr.AmbientCaps = append(attr.AmbientCaps, unix.CAP_NET_ADMIN, unix.CAP_NET_BIND_SERVICE)
				}
			}
		}
	}
	for _, attr := range attrs {
		if p, err = l.supervise(ctx, attr); err == nil || ctx.Err() != nil || errors.As(err, new(notStarted)) {
			return p, err
		}
	}
	if l.container != nil {
		return nil, &IsolationError{err}
	}
	return nil, err
}

// isolations are the ways to start a supervisor, the strictest first; the last one has no namespace. An ordinary user gets a PID namespace only in a
// user namespace, in which ids are what they are outside.
func isolations() []*syscall.SysProcAttr {
	pid := &syscall.SysProcAttr{Setsid: true, Cloneflags: syscall.CLONE_NEWPID}
	user := &syscall.SysProcAttr{
		Setsid: true, Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}},
	}
	none := &syscall.SysProcAttr{Setsid: true}
	if os.Geteuid() == 0 {
		return []*syscall.SysProcAttr{pid, none}
	}
	return []*syscall.SysProcAttr{user, none}
}

// notStarted is why a supervisor could not start the program.
type notStarted struct{ errno syscall.Errno }

func (e notStarted) Error() string { return e.errno.Error() }
func (e notStarted) Unwrap() error { return e.errno }

func (l launch) supervise(ctx context.Context, attr *syscall.SysProcAttr) (*process, error) {
	lifeEnd, life, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	report, reportEnd, err := os.Pipe()
	if err != nil {
		lifeEnd.Close()
		life.Close()
		return nil, err
	}
	told := noContainer
	if l.container != nil {
		text, err := json.Marshal(l.container)
		if err != nil {
			return nil, err
		}
		told = string(text)
	}
	cmd := l.command(ctx, slices.Concat(l.supervisor, []string{told}, l.program())...)
	cmd.ExtraFiles = []*os.File{lifeEnd, reportEnd}
	var control *net.UnixConn
	if l.hasOwnNetwork() {
		var controlEnd *os.File
		if control, controlEnd, err = newControl(); err != nil {
			closeAll(lifeEnd, life, report, reportEnd)
			return nil, err
		}
		defer controlEnd.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, controlEnd)
	}
	closeControl := func() {
		if control != nil {
			control.Close()
		}
	}
	cmd.SysProcAttr = attr
	cmd.Cancel = func() error {
		_, _ = life.Write([]byte{killByte}) // it may be gone
		return life.Close()
	}
	cmd.WaitDelay = killDelay
	err = cmd.Start()
	closeAll(lifeEnd, reportEnd)
	if err != nil {
		closeAll(life, report)
		closeControl()
		return nil, err
	}
	said := bufio.NewReader(report)
	first, err := said.ReadString('\n')
	var peak atomic.Int64
	wait := func() error {
		defer report.Close()
		defer closeControl()
		waitErr := cmd.Wait()
		life.Close()
		end, err := said.ReadString('\n')
		most, end, _ := strings.Cut(end, " ")
		kilobytes, _ := strconv.ParseInt(most, 10, 64)
		peak.Store(kilobytes)
		switch end = strings.TrimSuffix(end, "\n"); {
		case err != nil:
			return errors.Join(errors.New("its supervisor was killed"), waitErr)
		case end != "":
			return errors.New(end)
		}
		return nil
	}
	var network *ownNetwork
	if err == nil && first == "\n" && control != nil {
		network, err = newOwnNetwork(control, l.container.Ports)
	}
	if err == nil && first == "\n" {
		return &process{
			wait:      wait,
			terminate: func() { _, _ = life.Write([]byte{terminateByte}) },
			all:       func() []int { return descendants(cmd.Process.Pid) },
			peak:      func() int { return int(peak.Load()) },
			network:   network,
		}, nil
	}
	life.Close()
	_ = wait()
	first = strings.TrimSuffix(first, "\n")
	if errno, numberErr := strconv.Atoi(first); err == nil && numberErr == nil {
		return nil, notStarted{syscall.Errno(errno)}
	}
	if why, ok := strings.CutPrefix(first, isolationFailed); ok && err == nil {
		return nil, errors.New(why)
	}
	return nil, errors.Join(errors.New("its supervisor does not start"), err)
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// noContainer is what a supervisor is told where there is none.
const noContainer = "-"

// isolationFailed begins the supervisor's report that it could not isolate the program.
const isolationFailed = "isolation: "

// Supervise is the work of the process that [Program.Supervisor] starts, with the arguments that were added to it: it runs the
// program with that environment, and returns when nothing of it is left. It reports whether the starter is gone, for whom there may be something to tidy up. The
// error says that nothing was run; how the program ended, its starter is told.
func Supervise(args []string, env []string) (abandoned bool, err error) {
	if len(args) < 2 {
		return false, errors.New("there is no program")
	}
	for _, fd := range []int{lifeFile, reportFile} {
		var info syscall.Stat_t
		if err := syscall.Fstat(fd, &info); err != nil || info.Mode&syscall.S_IFMT != syscall.S_IFIFO {
			return false, errors.New("only lpipe itself starts a supervisor")
		}
		syscall.CloseOnExec(fd)
	}
	life, report := os.NewFile(lifeFile, "life"), os.NewFile(reportFile, "report")
	// The program is killed with the thread that started it: that of the supervisor's end.
	runtime.LockOSThread()
	const setChildSubreaper = 36
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0)
	attr := &syscall.ProcAttr{
		Env: env, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	}
	told, program := args[0], args[1:]
	if told != noContainer {
		if err := enter(told); err != nil {
			fmt.Fprintf(report, "%s%s\n", isolationFailed, strings.ReplaceAll(err.Error(), "\n", " "))
			return false, nil
		}
		attr.Dir = limits.TaskRoot
	}
	child, err := syscall.ForkExec(program[0], program, attr)
	if err != nil {
		var errno syscall.Errno
		errors.As(err, &errno)
		fmt.Fprintf(report, "%d\n", int(errno))
		return false, nil
	}
	fmt.Fprintln(report)
	var orphaned atomic.Bool
	over := make(chan struct{})
	end := sync.OnceFunc(func() { close(over) })
	go func() {
		defer end()
		for one := make([]byte, 1); ; {
			if _, err := io.ReadFull(life, one); err != nil {
				orphaned.Store(true)
				return
			}
			if one[0] == killByte {
				return
			}
			_ = syscall.Kill(child, syscall.SIGTERM)
		}
	}()
	go func() {
		for <-over; ; time.Sleep(time.Millisecond) { // what is being started just now is found the next time
			killDescendants()
		}
	}()
	for {
		var status syscall.WaitStatus
		var used syscall.Rusage
		switch pid, err := syscall.Wait4(-1, &status, 0, &used); {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return orphaned.Load(), nil //nolint:nilerr // there is no child, and so no descendant
		case pid == child:
			fmt.Fprintln(report, used.Maxrss, ending(status))
			end()
		}
	}
}

// ending is how a process ended, in the words of package os; "" for a good end.
func ending(status syscall.WaitStatus) string {
	switch {
	case status.Signaled() && status.CoreDump():
		return "signal: " + status.Signal().String() + " (core dumped)"
	case status.Signaled():
		return "signal: " + status.Signal().String()
	case status.ExitStatus() != 0:
		return "exit status " + strconv.Itoa(status.ExitStatus())
	}
	return ""
}

// killDescendants kills all processes that descend from this one.
func killDescendants() {
	self := os.Getpid()
	if self == 1 {
		_ = syscall.Kill(-1, syscall.SIGKILL) // all of the namespace, and not itself
		return
	}
	parents := map[int]int{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			parents[pid] = parentOf(pid)
		}
	}
	for pid := range parents {
		for at := pid; at > 1; at = parents[at] {
			if parents[at] == self {
				_ = syscall.Kill(pid, syscall.SIGKILL)
				break
			}
		}
	}
}

// parentOf returns the parent of a process, 0 when it is gone.
func parentOf(pid int) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := bytes.Cut(text[bytes.LastIndexByte(text, ')')+1:], []byte(" ")) // the name may have anything in it
	fields := bytes.Fields(after)
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(string(fields[1]))
	return parent
}
