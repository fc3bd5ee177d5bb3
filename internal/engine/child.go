package engine

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"lpipe/internal/engine/daemon"
	"lpipe/internal/fault"
)

const (
	maxLog  = 8 << 20 // a log of this many bytes is set aside when a daemon starts
	tailLog = 4 << 10 // how much of the log an error shows
)

// child is a daemon that this process started. It may be one that found another already serving, and left.
type child struct {
	process *os.Process
	log     string
	offset  int64 // where this daemon's part of the log begins, then how far it was read for notices
	begin   int64
	done    chan error
	err     error // once starting returned false; nil when the daemon left on its own account
}

// startChild runs command with env and nothing else of this process: no terminal, no open file, no working
// folder. Its output is appended to log.
func startChild(command, env []string, log string) (*child, error) {
	if info, err := os.Stat(log); err == nil && info.Size() > maxLog {
		if err := os.Rename(log, log+".old"); err != nil {
			return nil, fmt.Errorf("setting its log aside: %w", err)
		}
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening its log: %w", err)
	}
	defer out.Close()
	info, err := out.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening its log: %w", err)
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = env, "/", out, out
	if err := startDetached(cmd); err != nil {
		return nil, &fault.Error{Kind: fault.Engine, What: "cannot start the embedded engine", Err: err, Fix: "lpipe doctor looks at what it needs; --engine names another"}
	}
	c := &child{process: cmd.Process, log: log, begin: info.Size(), offset: info.Size(), done: make(chan error, 1)}
	go func() { c.done <- cmd.Wait() }()
	return c, nil
}

// starting reports whether there is a daemon and it has not ended. It may serve somebody already.
func (c *child) starting() bool {
	if c == nil {
		return false
	}
	select {
	case c.err = <-c.done:
		c.done <- c.err
		return false
	default:
		return true
	}
}

// leave asks the daemon, if there is one, to end: nobody waits for it any more.
func (c *child) leave() {
	if c.starting() {
		_ = c.process.Signal(syscall.SIGTERM)
	}
}

// notices passes on what the daemon has to say to the user since the last call.
func (c *child) notices(say func(string)) {
	text := c.read(c.offset)
	end := bytes.LastIndexByte(text, '\n') + 1
	c.offset += int64(end)
	for line := range strings.Lines(string(text[:end])) {
		if notice, ok := strings.CutPrefix(line, daemon.NoticePrefix); ok {
			say(strings.TrimSpace(notice))
		}
	}
}

// fault is the error of a daemon that did not come up, with the end of its log.
func (c *child) fault(d *embedded) error {
	text := c.read(c.begin)
	if len(text) > tailLog {
		text = text[len(text)-tailLog:]
	}
	if f := noRoom(d, c.err, string(text)); f != nil {
		f.Output = string(text)
		return f
	}
	return &fault.Error{
		Kind:   fault.Engine,
		What:   "the embedded engine did not start",
		Why:    c.err.Error(),
		Fix:    fmt.Sprintf("see above and %s; or use another engine with --engine", d.logFile),
		Output: string(text),
		Err:    c.err,
	}
}

func (c *child) read(from int64) []byte {
	f, err := os.Open(c.log)
	if err != nil {
		return nil
	}
	defer f.Close()
	text, _ := io.ReadAll(io.NewSectionReader(f, from, maxLog))
	return text
}
